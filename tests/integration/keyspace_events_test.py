"""Which keyspace notifications each command causes: a table, checked on our server and on the distribution's.

keyspace_events.tsv says what Redis tells. The reference is asked for the same rows, so that the table proves itself.
"""

import os
import shlex
import time
import unittest

from case import HERE, ServerCase

TABLE = os.path.join(HERE, "keyspace_events.tsv")
CLASSES = "KEAmn"
PREFIX = b"__keyevent@"
MARKER = b"marker"
# Longer than any time to live in the table.
LONGEST_LIFE_SECONDS = 0.25


class Row:
    def __init__(self, line):
        fields = line.rstrip("\n").split("\t") + [""]
        self.before = [] if fields[0] == "-" else [shlex.split(command) for command in fields[0].split(" | ")]
        self.command = fields[1]
        self.expected = fields[2] or fields[3]
        self.is_newer = not fields[2]

    def __str__(self):
        return "%s after %s" % (self.command, self.before)


def read_table():
    with open(TABLE, encoding="utf-8") as file:
        return [Row(line) for line in list(file) if not line.startswith("#")][1:]


class Watcher:
    """A server, a client that acts and one that listens."""

    def __init__(self, server):
        self.actor = server.connect()
        self.listener = server.connect()
        self.marker = server.connect()
        self.listener.call("PSUBSCRIBE", "*")
        self.actor.call("CONFIG", "SET", "notify-keyspace-events", CLASSES)

    def take_event(self):
        """The next event as text, or None when it was the marker's. Every other message repeats one of those."""
        while True:
            channel, payload = self.listener.read().value[2:]
            if channel.value == MARKER:
                return None
            if channel.value.startswith(PREFIX):
                database, event = channel.value[len(PREFIX):].split(b"__:", 1)
                place = "" if database == b"0" else "@" + database.decode()
                return "%s%s:%s" % (event.decode(), place, payload.value.decode())

    def take_events(self):
        self.marker.call("PUBLISH", MARKER, "")
        events = []
        while True:
            event = self.take_event()
            if event is None:
                return events
            events.append(event)

    def knows(self, command):
        name = command.split()[0]
        return ":" in name or self.actor.call("COMMAND", "INFO", name).value[0].value is not None

    def run(self, words):
        return self.actor.call(*words)

    def run_restore(self, words, key, replace):
        self.run(["SET", "restored", "value"])
        dump = self.run(["DUMP", "restored"]).value
        self.run(["DEL", "restored"])
        self.take_events()
        self.run(["RESTORE", key, "0", dump] + (["REPLACE"] if replace else []))
        return words

    def events_of(self, row):
        self.run(["FLUSHALL"])
        self.run(["DEBUG", "SET-ACTIVE-EXPIRE", "0" if row.command.startswith("wait:") else "1"])
        for words in row.before:
            self.run(words)
        self.take_events()
        kind, _, rest = row.command.partition(":")
        first = []
        if kind in ("restore", "restore-replace"):
            self.run_restore(None, rest, kind == "restore-replace")
        elif kind == "wait" and rest:
            time.sleep(LONGEST_LIFE_SECONDS)  # The key's life is real time, and nobody may look at it meanwhile.
            self.run(shlex.split(rest))
        elif kind == "wait":
            self.run(["DEBUG", "SET-ACTIVE-EXPIRE", "1"])
            first = [self.take_event()]
        else:
            self.run(shlex.split(row.command))
        return " ".join(first + self.take_events()) or "-"


class KeyspaceEvents(ServerCase):
    def check(self, rows, *directives):
        self.watcher = Watcher(self.start("--enable-debug-command", "yes", *directives))
        wrong = []
        for row in rows:
            if not self.watcher.knows(row.command):  # Scripts, blocking commands: not in every server yet.
                continue
            told = self.watcher.events_of(row)
            if told != row.expected:
                wrong.append("%s: %s instead of %s" % (row, told, row.expected))
        self.assertEqual([], wrong, "\n" + "\n".join(wrong))

    def test_every_command_tells_what_redis_7_0_tells(self):
        rows = [row for row in read_table() if not row.is_newer]
        self.assertGreater(len(rows), 200)
        self.check(rows, *self.version("7.0"))

    def test_newer_commands_tell_what_redis_7_4_tells(self):
        self.ours_only("the distribution's server is older")
        rows = [row for row in read_table() if row.is_newer]
        self.assertGreater(len(rows), 10)
        self.check(rows, *self.version("7.4"))

    def version(self, text):
        from case import Settings
        return () if Settings.is_reference else ("--engine-version", text)


if __name__ == "__main__":
    unittest.main()
