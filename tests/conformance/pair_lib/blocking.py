"""Rounds with clients that wait: some block on keys, another changes those in every way, and it is compared who is
served when, with what, and what is left."""

import re
import select
import time

from pair_lib.compare import equivalent, same
from pair_lib.session import Difference, Item, Parted, Side, gist
from resp import Reply

WAITERS = 4
SETTLE_SECONDS = 2.0
GROUPS = ["list", "list", "sorted-set", "stream", "stream", "generic"]
KEYS = {"l": [b"l0", b"l1", b"l2"], "z": [b"z0", b"z1"], "x": [b"x0", b"x1"]}
ALL_KEYS = set(sum(KEYS.values(), []))
# Commands on whole databases, and others that the grammar leaves out.
SWEEPS = [[b"SWAPDB", b"0", b"1"], [b"FLUSHDB"], [b"FLUSHALL"], [b"XGROUP", b"CREATE", b"x0", b"g1", b"$", b"MKSTREAM"],
          [b"XGROUP", b"DESTROY", b"x0", b"g1"], [b"SET", b"l0", b"v"], [b"SET", b"x0", b"v"], [b"SET", b"z0", b"v"]]
WAITS = Reply("+", b"(waits)")


def is_woken_for_nothing(reply):
    """Whether XREAD answered with streams that have no entries, as 7.0 does and 7.2 no longer: the last id is above the
    one it waits for, by XSETID or an entry that is gone, and something else was told of the key."""
    if not isinstance(reply.value, list):
        return False
    streams = reply.value if reply.kind == "*" else [reply]
    return all(isinstance(stream.value, list) and [part.value for part in stream.value[1:]] == [[]] for stream in streams)


class WaitItem(Item):
    """A request of one of the waiting clients, or the end of its wait by CLIENT UNBLOCK."""

    def __init__(self, waiter, words, how=None):
        super().__init__("wait", [(words[0].decode().lower(), words)])
        self.waiter = waiter
        self.how = how

    def __str__(self):
        return "(client %d) %s" % (self.waiter, super().__str__())


def blocking_words(random):
    lists, sets, streams = KEYS["l"], KEYS["z"], KEYS["x"]
    some = lambda keys: random.sample(keys, random.randrange(1, len(keys) + 1))  # noqa: E731
    form = random.randrange(7)
    if form == 0:
        return [random.choice([b"BLPOP", b"BRPOP"])] + some(lists) + [b"0"]
    if form == 1:
        return [b"BLMOVE", random.choice(lists), random.choice(lists), random.choice([b"LEFT", b"RIGHT"]),
                random.choice([b"LEFT", b"RIGHT"]), b"0"]
    if form == 2:
        keys = some(lists)
        return [b"BLMPOP", b"0", b"%d" % len(keys)] + keys + [random.choice([b"LEFT", b"RIGHT"]), b"COUNT", b"2"]
    if form == 3:
        return [random.choice([b"BZPOPMIN", b"BZPOPMAX"])] + some(sets) + [b"0"]
    if form == 4:
        keys = some(sets)
        return [b"BZMPOP", b"0", b"%d" % len(keys)] + keys + [random.choice([b"MIN", b"MAX"])]
    keys = some(streams)
    if form == 5:
        ids = [random.choice([b"$", b"0", b"3-1", b"9"]) for _ in keys]
        return [b"XREAD", b"BLOCK", b"0", b"STREAMS"] + keys + ids
    return [b"XREADGROUP", b"GROUP", b"g1", random.choice([b"c1", b"c2"]), b"BLOCK", b"0", b"STREAMS", random.choice(streams), b">"]


class WaitSide(Side):
    def __init__(self, server, resp):
        super().__init__(server, resp)
        self.waiters = [server.connect() for _ in range(WAITERS)]
        self.ids = [waiter.call("CLIENT", "ID").value for waiter in self.waiters]
        if resp == 3:
            for waiter in self.waiters:
                waiter.call("HELLO", "3")
        self.waiting = set()

    def close(self):
        super().close()
        for waiter in self.waiters:
            waiter.close()

    def blocked_count(self):
        info = self.observer.call("INFO", "clients").value
        return int(re.search(rb"blocked_clients:(\d+)", info).group(1))

    def collect(self, replies):
        """Adds the replies of those who wait no more, by client."""
        sockets = {self.waiters[index].socket: index for index in self.waiting}
        readable, _, _ = select.select(list(sockets), [], [], 0) if sockets else ([], [], [])
        for socket in readable:
            replies[sockets[socket]] = self.waiters[sockets[socket]].read()
            self.waiting.discard(sockets[socket])


def settle(sides):
    """The replies of both sides once each counts as many waiting clients as there are and the same ones are served.
    The count alone is not enough: a client may be told a moment after it was counted."""
    replies = [{} for _ in sides]
    seen_before = False  # Once could be one who is counted still and one who is not yet.
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        for side, found in zip(sides, replies):
            blocked = side.blocked_count()
            side.collect(found)
            if blocked != len(side.waiting):
                seen_before = False
                break
        else:
            is_settled = sides[0].waiting == sides[1].waiting
            if is_settled and seen_before:
                return replies
            seen_before = is_settled
    return replies


class WaitRound:
    """The parts of Round for waiting clients; a round's items come from `next_item`."""

    def __init__(self, ours, theirs, resp):
        self.ours = WaitSide(ours, resp)
        self.theirs = WaitSide(theirs, resp)
        self.waits_for = {}

    def close(self):
        self.ours.close()
        self.theirs.close()

    def keys_waited_for(self):
        return {key for waiter in self.theirs.waiting for key in self.waits_for[waiter]}

    def next_item(self, random, grammar, values):
        idle = [index for index in range(WAITERS) if index not in self.theirs.waiting]
        chance = random.random()
        if idle and chance < 0.35:
            return WaitItem(random.choice(idle), blocking_words(random))
        if len(idle) < WAITERS and chance < 0.4:
            waiter = random.choice(sorted(self.theirs.waiting))
            how = random.choice([b"TIMEOUT", b"ERROR"])
            return WaitItem(waiter, [b"CLIENT", b"UNBLOCK", b"<its id>", how], how)
        if chance < 0.45:
            return Item("sequence", [("sweep", random.choice(SWEEPS))])
        kind = random.choice(["command", "command", "command", "script", "transaction"])
        count = random.randrange(2, 5) if kind == "transaction" else 1
        commands = [self.change(random, grammar, values) for _ in range(count)]
        return Item(kind, commands, b"return redis.call(unpack(ARGV))")

    @staticmethod
    def change(random, grammar, values):
        return grammar.command(random, values, random.choice(GROUPS))

    def run(self, item):
        sides = (self.ours, self.theirs)
        # What a swap brings is served in the order of a hash table, whose seed each redis-server draws for itself.
        if item.commands[0][1][0] == b"SWAPDB" and len(self.keys_waited_for()) > 1:
            return
        if isinstance(item, WaitItem) and item.how is None:
            self.waits_for[item.waiter] = set(item.commands[0][1]) & ALL_KEYS
            for side in sides:
                side.waiters[item.waiter].send(item.commands[0][1])
                side.waiting.add(item.waiter)
        elif isinstance(item, WaitItem):
            self.compare(item, "unblock", *[side.client.call("CLIENT", "UNBLOCK", side.ids[item.waiter], item.how) for side in sides])
        else:
            requests = item.requests()
            for side in sides:
                side.send(requests)
            for name, _ in requests:
                self.compare(item, name, *[side.client.read() for side in sides])
        replies = settle(sides)
        for waiter in range(WAITERS):
            one, other = [reply.get(waiter, WAITS) for reply in replies]
            if same(one, WAITS) and is_woken_for_nothing(other):
                raise Parted()
            self.compare(item, "of client %d" % waiter, one, other)
        one, other = [side.events() for side in sides]
        self.compare(item, "events", one, other)
        self.compare(item, "content", *[side.observer.call("DEBUG", "DIGEST-VALUE", *sorted(ALL_KEYS)) for side in sides])

    def compare(self, item, what, one, other):
        if not equivalent(what, one, other) and not (what == "exec" and self.same_parts(item, one, other)):
            raise Difference(item, "%s with waiting clients: %s, %s for %s" % (
                item.commands[0][0], "reply" if what not in ("events", "content") else what, gist(one), gist(other)), one, other)

    @staticmethod
    def same_parts(item, one, other):
        return isinstance(one.value, list) and isinstance(other.value, list) and len(one.value) == len(other.value) and all(
            equivalent(name, a, b) for (name, _), a, b in zip(item.commands, one.value, other.value))
