"""Random data of every type and encoding, as commands that redis-server 7.0 and ours take, and its content read back.

The content comes as plain values that two servers can be compared by: sets, hashes and streams' groups in a fixed
order, scores as numbers.
"""

import random

INTEGERS = (0, -1, 12, 127, 128, 4095, 4096, -4097, 32767, -32769, 2**23, 2**31, -2**31 - 1, 2**63 - 1, -2**63)


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, longest=64):
        kind = self.random.randrange(6)
        if kind == 0:
            return b"%d" % self.random.choice(INTEGERS)
        if kind == 1:
            return b"%d" % self.random.getrandbits(self.random.choice((3, 7, 13, 20, 40)))
        if kind == 2:
            return b"word" * self.random.randrange(1, max(2, longest // 4))
        if kind == 3:
            return b"0%d" % self.random.randrange(100)
        return self.random.randbytes(self.random.randrange(longest + 1))

    def size(self):
        """A number of elements below, around and above the limits of packed encodings."""
        return self.random.choice((1, 2, 5, 30, 127, 128, 129, 511, 513, 700))

    def longest(self):
        return self.random.choice((8, 8, 20, 64, 65, 300))

    def score(self):
        """No -0: it is 0 once the set is packed, which depends on its history."""
        return self.random.choice((
            b"0", b"1", b"-17", b"inf", b"-inf", b"0.1", b"3.0000000000000004", b"1e300", b"-5e-324",
            b"9007199254740993", b"%d" % self.random.randrange(1000), b"%.17g" % self.random.uniform(-1e6, 1e6)))

    def string(self, key):
        kind = self.random.randrange(4)
        if kind == 0:
            return [[b"SET", key, self.text(2000)]]
        if kind == 1:
            return [[b"SETBIT", key, b"%d" % self.random.randrange(5000), b"1"] for _ in range(10)]
        if kind == 2:
            return [[b"PFADD", key] + [self.text() for _ in range(self.random.randrange(1, 400))]]
        return [[b"APPEND", key, self.text(200)], [b"APPEND", key, self.text(200)]]

    def list(self, key):
        longest = self.random.choice((8, 64, 300, 9000))
        count = self.size() if longest < 9000 else 12
        commands = [[b"RPUSH", key, self.text(longest)] for _ in range(count)]
        return commands + [[b"LPUSH", key, self.text(longest)], [b"LREM", key, b"1", b"12"]]

    def set(self, key):
        if self.random.randrange(2):
            bits = self.random.choice((10, 20, 40, 63))
            members = [b"%d" % (self.random.getrandbits(bits) - 2 ** (bits - 1)) for _ in range(self.size())]
        else:
            longest = self.longest()
            members = [self.text(longest) for _ in range(self.size())]
        return [[b"SADD", key] + members, [b"SREM", key, members[0]], [b"SADD", key, b"7"]]

    def hash(self, key):
        longest = self.longest()
        commands = [[b"HSET", key, self.text(longest), self.text(longest)] for _ in range(self.size())]
        return commands + [[b"HDEL", key, commands[0][2]], [b"HSET", key, b"f", b"v"]]

    def sorted_set(self, key):
        longest = self.longest()
        commands = [[b"ZADD", key, self.score(), self.text(longest)] for _ in range(self.size())]
        return commands + [[b"ZREM", key, commands[0][3]], [b"ZADD", key, b"2", b"m"]]

    def stream(self, key):
        commands = []
        names = [b"temperature", b"humidity"]
        for index in range(self.random.choice((1, 5, 99, 100, 101, 350))):
            if self.random.randrange(20) == 0:
                names = [self.text(20) for _ in range(self.random.randrange(1, 4))]
            fields = [part for name in names for part in (name, self.text(100))]
            commands.append([b"XADD", key, b"%d-%d" % (1000 + index // 3, index % 3 + 1)] + fields)
        for _ in range(self.random.randrange(4)):
            commands.append([b"XDEL", key, self.random.choice(commands)[2]])
        for number in range(self.random.randrange(3)):
            group = b"group%d" % number
            commands.append([b"XGROUP", b"CREATE", key, group, self.random.choice((b"0", b"$", b"1001-1"))])
            for consumer in (b"alice", b"bob"):
                commands.append([b"XREADGROUP", b"GROUP", group, consumer, b"COUNT", b"7", b"STREAMS", key, b">"])
            commands.append([b"XACK", key, group, b"1000-1", b"1002-1"])
            commands.append([b"XGROUP", b"CREATECONSUMER", key, group, b"idle"])
        if self.random.randrange(3) == 0:
            commands.append([b"XTRIM", key, b"MAXLEN", b"20"])
        return commands

    def key(self, index):
        """The commands that make one key."""
        kinds = (self.string, self.list, self.set, self.hash, self.sorted_set, self.stream)
        kind = kinds[index % len(kinds)]
        key = b"%s:%d:%s" % (kind.__name__.encode(), index, self.text(10))
        commands = kind(key)
        if self.random.randrange(4) == 0:
            commands.append([b"PEXPIREAT", key, b"%d" % (4102444800000 + self.random.randrange(1000000))])
        return commands


def fill(connection, seed, count):
    """Makes `count` keys of all types in turn."""
    generator = Generator(seed)
    for index in range(count):
        commands = generator.key(index)
        for command in commands:
            connection.send(command)
        for command in commands:
            reply = connection.read()
            assert reply.kind != "-", (command[:3], reply)


def plain(reply):
    """A reply as lists, integers and bytes."""
    if isinstance(reply.value, list):
        return [plain(item) for item in reply.value]
    return int(reply.value) if reply.kind == ":" else reply.value


def pairs(flat):
    return [tuple(flat[at:at + 2]) for at in range(0, len(flat), 2)]


def stream_state(connection, key):
    """What XINFO STREAM FULL tells beyond entries, without what reading changes."""
    info = dict(pairs(plain(connection.call("XINFO", "STREAM", key, "FULL", "COUNT", 0))))
    groups = []
    for group in info.get(b"groups", []):
        group = dict(pairs(group))
        consumers = [dict(pairs(consumer)) for consumer in group.pop(b"consumers")]
        group[b"consumers"] = sorted((each[b"name"], each[b"seen-time"], each[b"pel-count"], each[b"pending"])
                                     for each in consumers)
        groups.append(tuple(sorted(group.items())))
    names = (b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added", b"recorded-first-entry-id")
    return [info[name] for name in names], sorted(groups, key=lambda group: dict(group)[b"name"])


def value(connection, key, kind):
    call = lambda *words: plain(connection.call(*words))  # noqa: E731
    if kind == b"string":
        return call("GET", key)
    if kind == b"list":
        return call("LRANGE", key, 0, -1)
    if kind == b"set":
        return sorted(call("SMEMBERS", key))
    if kind == b"hash":
        return sorted(pairs(call("HGETALL", key)))
    if kind == b"zset":
        return [(member, float(score)) for member, score in pairs(call("ZRANGE", key, 0, -1, "WITHSCORES"))]
    assert kind == b"stream", kind
    return call("XRANGE", key, "-", "+"), stream_state(connection, key)


def content(connection):
    """{key: (type, absolute deadline or -1, value)} of the selected database."""
    keys, cursor = set(), b"0"
    while True:
        cursor, found = plain(connection.call("SCAN", cursor, "COUNT", 1000))
        keys.update(found)
        if cursor == b"0":
            break
    found = {}
    for key in keys:
        kind = connection.call("TYPE", key).value
        found[key] = (kind, int(connection.call("PEXPIRETIME", key).value), value(connection, key, kind))
    return found
