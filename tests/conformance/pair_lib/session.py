"""One round: the same items sent to both servers, and everything compared that a client can see."""

from pair_lib.administration import USERS
from pair_lib.compare import (
    KEPT_ENCODINGS, UNORDERED, equivalent, is_listed, is_newer_syntax, ordered, same, without_own_fields)
from resp import Reply

SORT_ERROR = "One or more scores can't be converted"
EVENT_FLAGS = "AKEmn"
# Scripts that run the command they are given and show what Lua makes of its reply.
SCRIPTS = [
    b"return redis.call(unpack(ARGV))",
    b"local r = redis.pcall(unpack(ARGV)) if type(r) == 'table' and r.err then return {r.err} end return r",
    b"redis.setresp(3) return redis.call(unpack(ARGV))",
    b"local r = redis.call(unpack(ARGV)) return {type(r), type(r) == 'table' and #r or tostring(r)}",
]


class Item:
    """What is sent in one piece: a command, the same in a script, COMMAND GETKEYS of it, a transaction, or a sequence
    of commands."""

    def __init__(self, kind, commands, script=None):
        self.kind = kind
        self.commands = commands  # (name, words) pairs.
        self.script = script

    def speaks_resp3_in_lua(self):
        return self.kind == "script" and self.script == SCRIPTS[2]

    def uses_newer_syntax(self):
        return any(is_newer_syntax(name, words) for name, words in self.commands)

    def requests(self):
        """(name that says how replies compare, words) of all that goes over the wire."""
        if self.kind == "transaction":
            queued = [("", words) for _, words in self.commands]
            return [("", [b"MULTI"])] + queued + [("exec", [b"EXEC"])]
        if self.kind == "sequence":
            return self.commands
        name, words = self.commands[0]
        if self.kind == "script":
            return [(name, [b"EVAL", self.script, b"0"] + words)]
        if self.kind == "getkeys":
            return [("", [b"COMMAND", b"GETKEYS"] + words)]
        return [(name, words)]

    def keys(self):
        """Words that may be keys: all short ones; asking about a word that is none does no harm."""
        words = {word for _, command in self.commands for word in command[1:] if 1 < len(word) <= 3}
        return sorted(words)[:12]

    def __str__(self):
        return "\n".join(" ".join(shown(word) for word in words) for _, words in self.requests())


def shown(word):
    """A word as redis-cli reads it; a long run of one byte in short."""
    if len(word) > 40 and len(set(word)) == 1:
        return "<%d times %s>" % (len(word), chr(word[0]))
    text = Reply("$", word).scalar()
    return text[1:-1] if text[1:-1].isalnum() else text


class Difference(Exception):
    """The servers disagree. `what`: a short name of the kind of difference."""

    def __init__(self, item, what, ours, theirs):
        super().__init__(what)
        self.item = item
        self.what = what
        self.ours = ours
        self.theirs = theirs


class Parted(Exception):
    """The servers did different things as they are known to: nothing that follows can be compared."""


class Side:
    """One server's connections of a round."""

    def __init__(self, server, resp):
        self.client = server.connect()
        self.observer = server.connect()
        self.listener = server.connect()
        self.watcher = server.connect()
        self.tracker = server.connect()
        for database in ("0", "1"):
            self.observer.call("SELECT", database)
            self.observer.call("FLUSHDB")
        self.observer.call("FLUSHALL")
        self.observer.call("FUNCTION", "FLUSH")
        self.observer.call("ACL", "DELUSER", *USERS)
        self.observer.call("SELECT", "0")
        self.observer.call("CONFIG", "SET", "notify-keyspace-events", EVENT_FLAGS)
        self.observer.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")  # Lest an expired key goes at one and not at the other.
        if resp == 3:
            self.client.call("HELLO", "3")
        self.listener.call("PSUBSCRIBE", "__key*__:*")
        self.tracker.call("HELLO", "3")
        self.tracker.call("CLIENT", "TRACKING", "on", "BCAST")
        self.invalidated()

    def close(self):
        for connection in (self.client, self.observer, self.listener, self.watcher, self.tracker):
            connection.close()

    def watch(self, keys):
        self.watcher.call("WATCH", *keys)

    def watched_changed(self):
        """Whether a transaction over the keys watched would be refused."""
        self.watcher.send([b"MULTI"])
        self.watcher.send([b"EXEC"])
        self.watcher.read()
        return self.watcher.read().value is None

    def invalidated(self):
        """The keys a client that tracks all of them has been told of since the last call."""
        self.tracker.send([b"PING"])
        keys = set()
        while True:
            reply = self.tracker.read()
            if reply.kind == "+":
                return Reply("~", [Reply("$", key) for key in sorted(keys)])
            keys |= {key.value for key in reply.value[1].value or [Reply("$", b"(all)")]}

    def send(self, requests):
        for _, words in requests:
            self.client.send(words)

    def events(self):
        """All events since the last call."""
        self.listener.send([b"PING"])
        events = []
        while True:
            reply = self.listener.read()
            if reply.kind == "*" and reply.value and reply.value[0].value == b"pong":
                return Reply("*", events)
            events.append(Reply("*", reply.value[2:]))


class Round:
    def __init__(self, ours, theirs, resp):
        self.ours = Side(ours, resp)
        self.theirs = Side(theirs, resp)
        self.sent_names = set()

    def close(self):
        self.ours.close()
        self.theirs.close()

    def run(self, item):
        """The reference's replies; raises Difference."""
        requests = item.requests()
        keys = item.keys()
        self.sent_names |= {name for name, _ in item.commands}
        if keys:
            self.ours.watch(keys)
            self.theirs.watch(keys)
        self.ours.send(requests)
        self.theirs.send(requests)
        replies = [(self.ours.client.read(), self.theirs.client.read()) for _ in requests]
        names = [name for name, _ in requests]
        for name, (one, other) in zip(names, replies):
            if name == "exec":
                self.compare_transaction(item, one, other)
            else:
                self.compare(item, name, one, other)
        self.compare_events(item)
        self.compare_keys(item)
        self.compare_notices(item)
        return [other for _, other in replies]

    def compare_transaction(self, item, one, other):
        if not is_listed(one) or not is_listed(other) or len(one.value) != len(other.value):
            self.compare(item, "", one, other)
            return
        for (name, _), ours, theirs in zip(item.commands, one.value, other.value):
            self.compare(item, name, ours, theirs)

    def compare(self, item, name, one, other):
        # The order of the fields shows nothing there, not even which number is whose.
        if item.speaks_resp3_in_lua() and same(*(ordered(without_own_fields(side)) for side in (one, other))):
            return
        if name in ("sort", "sort_ro") and SORT_ERROR in repr(other) and SORT_ERROR not in repr(one):
            raise Parted()  # 7.0 judges each number by an errno that an earlier command's 5e-324 may have left behind.
        if name == "object|encoding" and self.may_keep_encoding(one, other):
            return
        if equivalent(name, one, other):
            # Only the order differs: right where the order is a hash table's.
            if same(one, other) or len(item.commands) > 1 or equivalent(name, one, other, self.encoding(item)):
                return
        raise Difference(item, "%s: reply %s for %s" % (item.commands[0][0], gist(one), gist(other)), one, other)

    def may_keep_encoding(self, one, other):
        return any(names & self.sent_names and (one.value, other.value) in pairs for names, pairs in KEPT_ENCODINGS
                   if not is_listed(one) and not is_listed(other))

    def encoding(self, item):
        _, words = item.commands[0]
        return self.theirs.observer.call("OBJECT", "ENCODING", words[1]).value if len(words) > 1 else None

    def compare_events(self, item):
        one, other = self.ours.events(), self.theirs.events()
        if any(name in UNORDERED for name, _ in item.commands):  # Of SORT's lookups too.
            one, other = ordered(one), ordered(other)
        if not same(one, other):
            raise Difference(item, "%s: events" % item.commands[0][0], one, other)

    def compare_notices(self, item):
        """What WATCH and client tracking make of the item."""
        changed = [Reply("#", b"t" if side.watched_changed() else b"f") for side in (self.ours, self.theirs)]
        if not same(*changed):
            raise Difference(item, "%s: WATCH" % item.commands[0][0], *changed)
        one, other = self.ours.invalidated(), self.theirs.invalidated()
        if not same(one, other):
            raise Difference(item, "%s: invalidations" % item.commands[0][0], one, other)

    def compare_keys(self, item):
        """The encoding and the content of every key the item may have changed."""
        sides = (self.ours.observer, self.theirs.observer)
        keys = item.keys()
        for side in sides:
            for key in keys:
                side.send([b"OBJECT", b"ENCODING", key])
            side.send([b"DEBUG", b"DIGEST-VALUE"] + keys)
        answers = [[side.read() for _ in range(len(keys) + 1)] for side in sides]
        for index, (one, other) in enumerate(zip(*answers)):
            is_encoding = index < len(keys)
            if not same(one, other) and not (is_encoding and self.may_keep_encoding(one, other)):
                what = "encoding of " + shown(keys[index]) if is_encoding else "content"
                kind = "encoding" if is_encoding else "content"
                raise Difference(item, "%s: %s" % (item.commands[0][0], kind),
                                 Reply("*", [Reply("+", what.encode()), one]), Reply("*", [Reply("+", what.encode()), other]))


def gist(reply):
    """A reply without what varies between differences of one cause."""
    if reply.kind == "-":
        return "".join(c for c in reply.scalar() if not c.isdigit())[:60]
    return "nil" if reply.value is None else reply.kind
