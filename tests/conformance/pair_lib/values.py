"""Words for the arguments of random commands: mostly fitting ones from small pools, so that commands meet each
other's keys and members, and some at or beyond the limits of what an argument may be."""

KEYS_PER_GROUP = 4
KEY_LETTERS = {
    "string": "s", "list": "l", "set": "e", "hash": "h", "sorted-set": "z", "stream": "x", "bitmap": "b",
    "hyperloglog": "p", "geo": "g"}

MEMBERS = [
    b"a", b"b", b"c", b"d", b"1", b"2", b"-5", b"007", b"10", b"", b"3.5", b"hello world", b"x" * 64, b"y" * 65,
    b"z" * 300, b"\x00\xff\r\n", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"32768",
    b"2147483648", b"1e3", b"nan", b"A"]
SCORES = [
    b"0", b"1", b"-1", b"2", b"2.5", b"-3.25", b"10", b"1e5", b"0.1", b"3.0000000000000004", b"inf", b"-inf", b"+inf",
    b"-0", b"9007199254740993", b"1.7e308", b"5e-324", b"1000000000000000000000"]
BAD_NUMBERS = [
    b"", b"x", b"1x", b" 1", b"1 ", b"nan", b"0x10", b"1e400", b"+1", b"01", b"-", b"1.5", b"9223372036854775808",
    b"-9223372036854775809", b"99999999999999999999", b"1e5"]
INTEGERS = [b"0", b"1", b"2", b"3", b"-1", b"-2", b"-3", b"5", b"10", b"100", b"-100"]
LARGE_INTEGERS = [b"9223372036854775807", b"-9223372036854775808", b"4294967296", b"2147483647", b"-2147483649"]
# Cursors but 0 are the server's own.
BAD_CURSORS = [b"", b"x", b"00", b" 0", b"0 ", b"0x", b"1.5", b"18446744073709551616"]
PATTERNS = [b"*", b"a*", b"[ab]", b"[^a]", b"?", b"h?*", b"*1*", b"\\*", b"[a-c]*", b"[", b"", b"*[", b"[z-a]", b"**a"]
SORT_PATTERNS = [b"s*", b"nosort", b"#", b"h*->a", b"h1->*", b"*", b"l*", b"s*->", b"*->a", b"nokey*"]
STREAM_BOUNDS = [b"-", b"+", b"(5-1", b"(-", b"(+", b"5", b"7-3", b"12", b"(20", b"0", b"0-0", b"abc", b"5-", b"-5",
                 b"18446744073709551615", b"18446744073709551615-18446744073709551615", b"18446744073709551616"]
LEX_BOUNDS = [b"-", b"+", b"[a", b"(a", b"[c", b"(c", b"[", b"(", b"a", b"[zz", b"(\x00", b""]
SCORE_BOUNDS = [b"-inf", b"+inf", b"0", b"(0", b"1", b"(1", b"2.5", b"(-3", b"100", b"(inf", b"(", b"x", b"nan", b"(nan"]
BITFIELD_TYPES = [b"u1", b"u8", b"i8", b"u4", b"i16", b"u63", b"i64", b"u64", b"i65", b"i0", b"x", b"u", b"8"]
# Times that both servers can keep: ours ends in the year 10889.
SECONDS = [b"10000", b"86400", b"0", b"-1", b"9223372036854775807", b"9223372036854776", b"-9223372036854775808"]
MILLISECONDS = [b"10000000", b"0", b"-1", b"9223372036854775807", b"-9223372036854775808"]
UNIX_SECONDS = [b"1", b"0", b"-1", b"2000000000", b"4000000000", b"9223372036854775807", b"9223372036854776"]
UNIX_MILLISECONDS = [b"1", b"0", b"-1", b"2000000000000", b"4000000000123"]
TIMEOUTS = [b"0.001", b"0.002", b"-1", b"x", b"inf", b"nan", b"", b"1e400"]
# An offset far out of a string would have both servers fill half a gigabyte.
OFFSETS = [b"0", b"1", b"2", b"3", b"7", b"8", b"9", b"15", b"64", b"100", b"1000", b"-1", b"4294967296",
           b"9223372036854775807", b"#0", b"#1", b"#7", b"#-1", b"x"]
TYPES = [b"string", b"list", b"set", b"zset", b"hash", b"stream", b"nothing", b"STRING"]


class Values:
    """Chooses words. One per round: it counts stream ids upwards and remembers payloads of DUMP."""

    def __init__(self, random):
        self.random = random
        self.stream_ms = 0
        self.payloads = []
        self.by_name = {
            "score": self.score, "increment": self.increment, "decrement": self.integer, "weight": self.score,
            "member": self.member, "member1": self.member, "member2": self.member, "field": self.member,
            "element": self.member, "value": self.member, "pivot": self.member, "message": self.member,
            "channel": self.member, "shardchannel": self.member, "clientname": self.member,
            "offset": self.offset, "encoding": lambda: self.of(BITFIELD_TYPES), "bit": lambda: self.of([b"0", b"1", b"2"]),
            "pattern": self.pattern, "cursor": lambda: self.rarely(b"0", BAD_CURSORS),
            "id": self.stream_id, "last-id": self.stream_id, "max_deleted_entry_id": self.stream_id,
            "group": lambda: self.of([b"g1", b"g2", b"g3"]), "consumer": lambda: self.of([b"c1", b"c2", b""]),
            "min-idle-time": lambda: self.rarely(b"0", [b"-1", b"x", b"10000000"]),
            "longitude": lambda: self.rarely(b"%.4f" % self.random.uniform(10, 20), [b"181", b"-180", b"x", b"180"]),
            "latitude": lambda: self.rarely(b"%.4f" % self.random.uniform(35, 45), [b"86", b"85.05112878", b"x", b"-85.1"]),
            "radius": self.distance, "width": self.distance, "height": self.distance,
            "seconds": lambda: self.rarely(self.of(SECONDS), BAD_NUMBERS),
            "milliseconds": lambda: self.rarely(self.of(MILLISECONDS), BAD_NUMBERS),
            "ms": lambda: self.rarely(b"0", BAD_NUMBERS), "ttl": lambda: self.rarely(self.of(MILLISECONDS), BAD_NUMBERS),
            "unix-time-seconds": lambda: self.rarely(self.of(UNIX_SECONDS), BAD_NUMBERS),
            "unix-time-milliseconds": lambda: self.rarely(self.of(UNIX_MILLISECONDS), BAD_NUMBERS),
            "timeout": lambda: self.of(TIMEOUTS), "operation": lambda: self.of([b"AND", b"or", b"XOR", b"NOT", b"nor"]),
            "type": lambda: self.of(TYPES), "threshold": self.threshold, "serialized-value": self.payload,
            "db": self.database, "destination-db": self.database, "index1": self.database, "index2": self.database,
            "numkeys": self.integer, "protover": lambda: self.of([b"2", b"3", b"4", b"x"]),
            "function": lambda: self.of([b"f", b"nothing"]), "sha1": lambda: self.of([b"0" * 40, b"x"]),
        }

    def of(self, words):
        return self.random.choice(words)

    def rarely(self, usual, unusual):
        return self.of(unusual) if self.random.random() < 0.1 else usual

    def number(self, usual):
        chance = self.random.random()
        return self.of(BAD_NUMBERS) if chance < 0.05 else self.of(LARGE_INTEGERS) if chance < 0.1 else self.of(usual)

    def key(self, group):
        chance = self.random.random()
        if chance < 0.03:
            return self.of([b"nokey", b"", b"{s0}"])
        letter = KEY_LETTERS.get(group)
        if letter is None or chance < 0.12:
            letter = self.of(sorted(KEY_LETTERS.values()))
        return b"%s%d" % (letter.encode(), self.random.randrange(KEYS_PER_GROUP))

    def member(self):
        if self.random.random() < 0.3:
            return b"m%d" % self.random.randrange(300)
        return self.of(MEMBERS)

    def score(self):
        return self.number(SCORES)

    def integer(self):
        return self.number(INTEGERS)

    def increment(self):
        return self.score() if self.random.random() < 0.5 else self.integer()

    def offset(self):
        return self.of(OFFSETS)

    def pattern(self):
        return self.of(PATTERNS)

    def sort_pattern(self):
        return self.of(SORT_PATTERNS)

    def distance(self):
        return self.rarely(self.of([b"0", b"10", b"200", b"500.5", b"1e6"]), BAD_NUMBERS)

    def database(self):
        return self.rarely(self.of([b"0", b"1"]), [b"2", b"15", b"16", b"-1", b"x", b"4294967296"])

    def next_stream_id(self):
        """An id that XADD mostly takes."""
        if self.random.random() < 0.15:
            return self.stream_id()
        self.stream_ms += self.random.randrange(3)
        return self.of([b"%d-*", b"%d-1", b"%d", b"%d-2"]) % self.stream_ms

    def stream_id(self):
        chance = self.random.random()
        if chance < 0.25:
            return self.of(STREAM_BOUNDS + [b"$", b">"])
        return b"%d-%d" % (self.random.randrange(self.stream_ms + 2), self.random.randrange(3))

    def read_id(self):
        return self.of([b"0", b"0-0", b">", b"$", b"5", b"x"]) if self.random.random() < 0.7 else self.stream_id()

    def threshold(self):
        return self.of([b"0", b"1", b"5", b"10", b"100", b"5-1", b"-1", b"x"])

    def payload(self):
        if not self.payloads or self.random.random() < 0.1:
            return self.of([b"", b"x", b"\x00\x03abc\x0a\x00" + b"\x00" * 8])
        payload = bytearray(self.of(self.payloads))
        if payload and self.random.random() < 0.1:
            payload[self.random.randrange(len(payload))] ^= 1 << self.random.randrange(8)
        return bytes(payload)

    def remember_payload(self, payload):
        if len(payload) < 4096:
            self.payloads = self.payloads[-20:] + [payload]

    def word(self, command, name, kind):
        """A word for the argument `name` of `command`."""
        special = SPECIAL.get((command, name))
        if special is not None:
            return special(self)
        if name in self.by_name:
            return self.by_name[name]()
        if kind == "integer":
            return self.integer()
        if kind == "double":
            return self.score()
        return self.member()


def bounds(words):
    return lambda values: values.rarely(values.of(words), MEMBERS)


# What the name of an argument alone does not say.
SPECIAL = {("xadd", "id"): Values.next_stream_id, ("xread", "id"): Values.read_id, ("xreadgroup", "id"): Values.read_id,
           ("xread", "milliseconds"): lambda values: values.of([b"1", b"-1", b"x"]),
           ("xreadgroup", "milliseconds"): lambda values: values.of([b"1", b"-1", b"x"]),
           ("scan", "count"): lambda values: values.of([b"1000", b"0", b"x", b"-1"]),
           ("setbit", "value"): lambda values: values.of([b"0", b"1", b"2", b"x"]),
           ("bitfield", "value"): Values.integer, ("setrange", "offset"): Values.offset,
           ("restore", "ttl"): lambda values: values.rarely(b"0", MILLISECONDS + BAD_NUMBERS)}
for _command in ("hscan", "sscan", "zscan"):
    SPECIAL[(_command, "count")] = SPECIAL[("scan", "count")]
for _command in ("xrange", "xrevrange", "xpending", "xautoclaim"):
    SPECIAL[(_command, "start")] = SPECIAL[(_command, "end")] = bounds(STREAM_BOUNDS)
for _command in ("zrangebylex", "zrevrangebylex", "zremrangebylex", "zlexcount"):
    SPECIAL[(_command, "min")] = SPECIAL[(_command, "max")] = bounds(LEX_BOUNDS)
for _command in ("zrangebyscore", "zrevrangebyscore", "zremrangebyscore", "zcount"):
    SPECIAL[(_command, "min")] = SPECIAL[(_command, "max")] = bounds(SCORE_BOUNDS)
for _command, _first, _second in (("zrange", "start", "stop"), ("zrangestore", "min", "max")):
    SPECIAL[(_command, _first)] = SPECIAL[(_command, _second)] = bounds(
        INTEGERS + INTEGERS + LEX_BOUNDS + SCORE_BOUNDS + LARGE_INTEGERS)
for _command in ("sort", "sort_ro"):
    SPECIAL[(_command, "pattern")] = Values.sort_pattern
    SPECIAL[(_command, "offset")] = Values.integer
for _command in ("zrange", "zrangestore", "zrangebyscore", "zrevrangebyscore", "zrangebylex", "zrevrangebylex"):
    SPECIAL[(_command, "offset")] = Values.integer
