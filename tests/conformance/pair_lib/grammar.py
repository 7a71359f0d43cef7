"""Random commands out of the reference's own COMMAND DOCS: every option of every command, in every place it may
stand, and now and then where it may not."""

from pair_lib.values import Values

# Left out whole, and why.
EXCLUDED = {
    "answers by chance": "randomkey srandmember hrandfield zrandmember spop lolwut time lastsave",
    "answers of this very server": "info role monitor command memory latency slowlog module acl config debug cluster "
                                   "hello client pfdebug pfselftest readonly readwrite asking function",
    "ends or stops something": "shutdown quit reset failover replicaof slaveof psync sync replconf save bgsave "
                               "bgrewriteaof migrate wait restore-asking auth",
    "the connection changes what it is": "subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe "
                                         "multi exec discard watch unwatch",
    "sent by other parts": "eval eval_ro evalsha evalsha_ro fcall fcall_ro script select flushall flushdb swapdb",
}
# Of containers: the subcommands that answer alike on both.
SUBCOMMANDS = {
    "object": ["object|encoding"],
    "xgroup": ["xgroup|create", "xgroup|setid", "xgroup|destroy", "xgroup|createconsumer", "xgroup|delconsumer"],
    "xinfo": ["xinfo|stream", "xinfo|groups", "xinfo|consumers"],
    "pubsub": ["pubsub|channels", "pubsub|numpat", "pubsub|numsub", "pubsub|shardchannels", "pubsub|shardnumsub"],
}
# Always with COUNT: where a cursor is not 0 it is the server's own.
SCANS = "scan sscan hscan zscan".split()
# Never with a chance word where a timeout stands: they might wait for ever.
BLOCKING = "blpop brpop brpoplpush blmove blmpop bzpopmin bzpopmax bzmpop xread xreadgroup".split()
# Ranges of members mean something where all scores are equal: they get sets of their own, whose scores are all 0.
LEXICAL = {"zrangebylex": 1, "zrevrangebylex": 1, "zremrangebylex": 1, "zlexcount": 1, "zrange": 1, "zrangestore": 2}
LEXICAL_KEYS = [b"y0", b"y1"]
OMITTED = 0.6  # How often an optional argument is left out.
REPEATED_OFTEN = 0.03  # How often one that may repeat does so often enough to change an encoding.
MANY = 150


def as_map(reply):
    return {reply.value[i].value.decode(): reply.value[i + 1] for i in range(0, len(reply.value), 2)}


class Argument:
    def __init__(self, reply):
        fields = as_map(reply)
        self.name = fields["name"].value.decode()
        self.kind = fields["type"].value.decode()
        self.token = fields["token"].value if "token" in fields else None
        self.flags = {flag.value.decode() for flag in fields["flags"].value} if "flags" in fields else set()
        self.parts = [Argument(part) for part in fields["arguments"].value] if "arguments" in fields else []


class Command:
    def __init__(self, name, fields):
        self.name = name
        self.group = fields["group"].value.decode()
        self.arguments = [Argument(part) for part in fields["arguments"].value] if "arguments" in fields else []


class Grammar:
    """Makes commands: lists of bytes."""

    def __init__(self, docs):
        excluded = set(" ".join(EXCLUDED.values()).split())
        self.commands = []
        for name, fields in sorted(as_map(docs).items()):  # The reference lists them in another order at each start.
            fields = as_map(fields)
            if name in SUBCOMMANDS:
                subcommands = as_map(fields["subcommands"])
                self.commands += [Command(sub, as_map(subcommands[sub])) for sub in SUBCOMMANDS[name]]
            elif name not in excluded:
                self.commands.append(Command(name, fields))
        self.groups = sorted({command.group for command in self.commands})

    def command(self, random, values: Values, group=None, mutates=True):
        """A random command: its name, and its words; with `mutates` now and then with one thing wrong."""
        chosen = [c for c in self.commands if c.group == group] if group else self.commands
        command = random.choice(chosen)
        words = [word.encode() for word in command.name.split("|")]
        context = {"numkeys": None}
        for argument in command.arguments:
            if argument.name == "count" and command.name in SCANS:
                words += [b"COUNT", values.word(command.name, "count", "integer")]
                continue
            self.write(random, values, command, argument, words, context)
        words = without_ties(with_equal_scores(random, values, command.name, words))
        if mutates and random.random() < 0.06 and command.name not in BLOCKING:
            words = mutated(random, values, words)
        return command.name, with_whole_scans(words)

    def write(self, random, values, command, argument, words, context):
        if "optional" in argument.flags and random.random() < OMITTED:
            return
        times = self.times(random, argument, context)
        for index in range(times):
            if argument.token is not None and (index == 0 or "multiple_token" in argument.flags):
                words.append(argument.token.lower() if random.random() < 0.3 else argument.token)
            self.write_once(random, values, command, argument, words, context)

    @staticmethod
    def times(random, argument, context):
        if "multiple" not in argument.flags:
            return 1
        if argument.name in ("key", "weight") and context["numkeys"] is not None and random.random() < 0.95:
            return context["numkeys"]
        if random.random() < REPEATED_OFTEN and argument.kind != "key":
            return MANY
        return random.choice([1, 1, 2, 2, 3, 5])

    def write_once(self, random, values, command, argument, words, context):
        if argument.kind == "oneof":
            # But for XADD's "*": an id by the clock.
            parts = [part for part in argument.parts if part.token != b"*"]
            self.write(random, values, command, random.choice(parts), words, context)
        elif argument.kind == "block":
            for part in argument.parts:
                self.write(random, values, command, part, words, context)
        elif argument.kind == "key":
            words.append(values.key(command.group))
        elif argument.name == "numkeys":
            count = random.choice([1, 1, 2, 2, 3])
            context["numkeys"] = count
            words.append(values.rarely(b"%d" % count, [b"0", b"-1", b"x", b"1", b"100"]))
        elif argument.kind != "pure-token":
            words.append(values.word(command.name, argument.name, argument.kind))


def with_equal_scores(random, values, name, words):
    """The same with a key whose members all have the score 0, where it asks for a range of members."""
    if name == "zadd" and random.random() < 0.2:
        scored = [part for _ in range(random.choice([1, 3, 8])) for part in (b"0", values.member())]
        return [b"ZADD", random.choice(LEXICAL_KEYS)] + scored
    place = LEXICAL.get(name)
    by_member = name.endswith(("bylex", "lexcount")) or b"BYLEX" in [word.upper() for word in words]
    if place is None or not by_member or len(words) <= place:
        return words
    return words[:place] + [random.choice(LEXICAL_KEYS)] + words[place + 1:]


def with_whole_scans(words):
    """The same, but no scan begins or ends, by a cursor of the server's own, in the middle because of a chance word."""
    name = words[0].lower().decode("latin-1")
    if name not in SCANS:
        return words
    place = 1 if name == "scan" else 2
    cursor = [b"0" if word.isdigit() else word for word in words[place:place + 1]]
    words = words[:place] + cursor + words[place + 1:]
    return [b"1000" if before.upper() == b"COUNT" and word.isdigit() and int(word) > 0 else word
            for before, word in zip([b""] + words, words)]


def without_ties(words):
    """The same without ALPHA, where a SORT by other keys leaves some out or is stored: texts that compare equal, such as
    those of missing keys, come as quicksort left them. (Equal numbers are told apart by the elements.)"""
    upper = [word.upper() for word in words]
    ties_show = words[0].lower().startswith(b"sort") and b"BY" in upper and (b"LIMIT" in upper or b"STORE" in upper)
    return [word for word, name in zip(words, upper) if name != b"ALPHA"] if ties_show else words


def mutated(random, values, words):
    """The same command with one thing wrong."""
    words = list(words)
    place = random.randrange(len(words))
    way = random.randrange(5)
    if way == 0 and len(words) > 1:
        del words[max(place, 1)]
    elif way == 1:
        words.insert(place + 1, values.member())
    elif way == 2:
        words.insert(place + 1, words[place])
    elif way == 3 and len(words) > 1:
        words[max(place, 1)] = values.member()
    else:
        words[place] = words[place].swapcase()
    return words
