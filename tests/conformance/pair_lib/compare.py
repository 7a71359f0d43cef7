"""When two replies say the same: equal bytes, but for the order of what a hash table holds and for time passing."""

from resp import Reply

# Replies whose elements come in the order of a hash table: a set's, and pairs of a hash.
# SORT's too: what compares equal comes as a hash table had it.
UNORDERED = {"function", "sort", "sort_ro", "smembers", "sunion", "sinter", "sdiff", "hkeys", "hvals", "keys", "pubsub|channels"}
UNORDERED_PAIRS = {"hgetall"}
SCANS = {"scan", "sscan", "hscan", "zscan"}
# What passes between the two servers' answers, in the unit of the command.
DRIFT = {"ttl": 1, "pttl": 3000, "expiretime": 1, "pexpiretime": 3000}
# Fields of XINFO and XPENDING that are milliseconds since something.
IDLE_FIELDS = {b"idle", b"inactive", b"seen-time", b"active-time"}
IDLE_DRIFT = 5000
ORDERED_ENCODINGS = {b"listpack", b"intset", b"ziplist"}


# What differs on purpose: commands that take arguments of newer engines under every engine-version.
NEWER_SYNTAX = {"zrank": 3, "zrevrank": 3}


# Changes of an encoding that ours does without, to be seen ever after: (ours, theirs) once one of the commands was sent.
# SORT turns a small sorted set into a skip list, SETBIT a string that it leaves as it is into a raw one.
KEPT_ENCODINGS = [({"sort", "sort_ro"}, {(b"listpack", b"skiplist")}), ({"setbit"}, {(b"embstr", b"raw"), (b"int", b"raw")})]
# The shape of a radix tree, which ours counts in another way.
OWN_FIELDS = {b"radix-tree-nodes"}


def is_newer_syntax(name, words):
    return name in NEWER_SYNTAX and len(words) > NEWER_SYNTAX[name]


def same(ours, theirs):
    if ours.kind != theirs.kind:
        return False
    if isinstance(ours.value, list) and isinstance(theirs.value, list):
        return len(ours.value) == len(theirs.value) and all(map(same, ours.value, theirs.value))
    return ours.value == theirs.value


def sort_key(reply):
    return repr(reply)


def sorted_reply(reply):
    return Reply(reply.kind, sorted(reply.value, key=sort_key))


def sorted_pairs(reply):
    pairs = [Reply("*", reply.value[i:i + 2]) for i in range(0, len(reply.value), 2)]
    return Reply(reply.kind, sorted(pairs, key=sort_key))


def numbers_near(ours, theirs, drift):
    try:
        return ours.kind == theirs.kind == ":" and abs(int(ours.value) - int(theirs.value)) <= drift
    except (TypeError, ValueError):
        return False


def same_but_idle(ours, theirs):
    """Equal but for times since something: of XINFO by their field, of XPENDING by their place."""
    if not isinstance(ours.value, list) or not isinstance(theirs.value, list):
        return same(ours, theirs)
    if ours.kind != theirs.kind or len(ours.value) != len(theirs.value):
        return False
    is_pending_entry = len(ours.value) == 4 and [part.kind for part in ours.value] == ["$", "$", ":", ":"]
    for index, (one, other) in enumerate(zip(ours.value, theirs.value)):
        field = ours.value[index - 1].value if index and not is_listed(ours.value[index - 1]) else None
        if field in OWN_FIELDS:
            continue
        is_time = is_pending_entry and index == 2 or field in IDLE_FIELDS
        if not (numbers_near(one, other, IDLE_DRIFT) if is_time else same_but_idle(one, other)):
            return False
    return True


def is_listed(reply):
    return isinstance(reply.value, list)


def same_scan(name, ours, theirs):
    if not is_listed(ours) or not is_listed(theirs) or len(ours.value) != 2 or len(theirs.value) != 2:
        return False
    order = sorted_pairs if name in ("hscan", "zscan") else sorted_reply
    return same(ours.value[0], theirs.value[0]) and is_listed(ours.value[1]) and is_listed(theirs.value[1]) and \
        same(order(ours.value[1]), order(theirs.value[1]))


def ordered(reply):
    """The reply with every aggregate sorted: what a script that speaks RESP3 makes of maps and sets has no order."""
    if not is_listed(reply):
        return reply
    parts = [ordered(part) for part in reply.value]
    pairs = reply.kind == "%"
    return sorted_pairs(Reply("%", parts)) if pairs else sorted_reply(Reply(reply.kind, parts))


def without_own_fields(reply):
    """The reply with a blank for what ours counts in another way, and for times since something."""
    if not is_listed(reply):
        return reply
    parts = []
    for part in reply.value:
        field = parts[-1].value if parts and not is_listed(parts[-1]) else None
        is_own = part.kind == ":" and field in OWN_FIELDS | IDLE_FIELDS
        parts.append(Reply(":", None) if is_own else without_own_fields(part))
    return Reply(reply.kind, parts)


STRING_TYPE = 0
SORTED_SET_TYPES = {5, 17}  # Either after a SORT: see KEPT_ENCODINGS.


def same_payload(ours, theirs):
    """What DUMP answers, but for the version and the checksum at its end. Hash tables have their order, and a
    compressed text may be shorter."""
    one, other = ours.value, theirs.value
    if one[0] != STRING_TYPE or one[1:2] == b"\xc3":
        return one[0] == other[0] or {one[0], other[0]} == SORTED_SET_TYPES
    return one[:-10] == other[:-10]


ENUM_ERROR = b"argument(s) must be one of the following: "


def same_administration(name, ours, theirs):
    """Names we have more of are listed in errors, and the rules of a user have no order."""
    if not is_listed(ours):
        return ENUM_ERROR in (ours.value or b"") and \
            ours.value.split(ENUM_ERROR)[0] == theirs.value.split(ENUM_ERROR)[0]
    return name == "acl" and same(with_sorted_words(ours), with_sorted_words(theirs))


def with_sorted_words(reply):
    if is_listed(reply):
        return Reply(reply.kind, [with_sorted_words(part) for part in reply.value])
    return Reply(reply.kind, b" ".join(sorted(reply.value.split(b" ")))) if reply.kind == "$" and reply.value else reply


def equivalent(name, ours, theirs, encoding=None):
    """Whether both servers gave the same answer to command `name`. `encoding`: of its first key, where known."""
    if same(ours, theirs):
        return True
    if ours.kind != theirs.kind:
        return False
    if name == "dump" and ours.kind == "$" and ours.value and theirs.value:
        return same_payload(ours, theirs)
    if name in ("config", "acl"):
        return same_administration(name, ours, theirs)
    if name in DRIFT:
        return numbers_near(ours, theirs, DRIFT[name])
    if name.startswith("xinfo") or name in ("xpending", "xclaim", "xautoclaim"):
        return same_but_idle(ours, theirs)
    if encoding in ORDERED_ENCODINGS and name not in ("keys", "scan", "sunion", "sinter", "sdiff"):
        return False
    if name in SCANS:
        return same_scan(name, ours, theirs)
    if is_listed(ours) and is_listed(theirs):
        if name in UNORDERED:
            return same(sorted_reply(ours), sorted_reply(theirs))
        if name in UNORDERED_PAIRS:
            return same(sorted_pairs(ours), sorted_pairs(theirs))
    return False
