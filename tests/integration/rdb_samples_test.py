"""Files written by live servers, and by hand from the format's description: each restores to exactly what its .json
says, or is refused with a message that names the place."""

import glob
import json
import os
import re
import shutil

from all_types import pairs, plain, stream_state
from case import HERE, ServerCase, StartFailed

FILES = os.path.join(os.path.dirname(HERE), "unit", "persistence", "data")
EXPECTED = os.path.join(HERE, "rdb_samples")
# The engine version that shows what the writer showed: OBJECT ENCODING differs.
ENGINES = {"redis7.0.15": "7.0", "redis8.0.6": "7.4", "valkey9.1.2": "valkey-9.1"}
IDLE_SECONDS_SLACK = 60


def raw(text):
    """Bytes of a JSON string: code point U+00XX stands for byte XX."""
    return text.encode("latin-1")


class Samples(ServerCase):
    def boot(self, name, expected):
        shutil.copy(os.path.join(FILES, name + ".rdb"), os.path.join(self.folder, "dump.rdb"))
        policy = next((policy for field, policy in (("freq", "allkeys-lfu"), ("idle_s", "allkeys-lru"))
                       if any(field in key for key in expected.get("keys", []))), "noeviction")
        # A counter that is read in the minute after it was loaded would be one less.
        return self.start("--engine-version", ENGINES[expected["server"]], "--maxmemory-policy", policy,
                          "--lfu-decay-time", "0")

    def check_value(self, connection, key, expected):
        call = lambda *words: plain(connection.call(*words))  # noqa: E731
        kind, value = expected["type"], expected["value"]
        if kind == "string":
            self.assertEqual(raw(value), call("GET", key))
        elif kind == "list":
            self.assertEqual([raw(item) for item in value], call("LRANGE", key, 0, -1))
        elif kind == "set":
            self.assertEqual(sorted(map(raw, value)), sorted(call("SMEMBERS", key)))
        elif kind == "hash":
            self.assertEqual(sorted((raw(field), raw(text)) for field, text in value),
                             sorted(pairs(call("HGETALL", key))))
            self.check_deadlines(connection, key, expected)
        elif kind == "zset":
            self.assertEqual([(raw(member), raw(score)) for member, score in value],
                             pairs(call("ZRANGE", key, 0, -1, "WITHSCORES")))
        else:
            entries = [[raw(number), [raw(part) for part in parts]] for number, parts in value]
            self.assertEqual(entries, call("XRANGE", key, "-", "+"))
            self.check_stream(connection, key, expected["stream_meta"])

    def check_deadlines(self, connection, key, expected):
        deadlines = expected.get("field_expire_at_ms", {})
        if not deadlines:
            return
        fields = [field for field, _ in expected["value"]]
        found = plain(connection.call("HPEXPIRETIME", key, "FIELDS", len(fields), *map(raw, fields)))
        self.assertEqual([deadlines.get(field, -1) for field in fields], found)

    def check_stream(self, connection, key, meta):
        figures, groups = stream_state(connection, key)
        names = ("length", "last-generated-id", "max-deleted-entry-id", "entries-added", "recorded-first-entry-id")
        self.assertEqual([raw(meta[name]) if isinstance(meta[name], str) else meta[name] for name in names], figures)
        self.assertEqual(sorted(raw(group["name"]) for group in meta["groups"]),
                         sorted(dict(group)[b"name"] for group in groups))
        by_name = {dict(group)[b"name"]: dict(group) for group in groups}
        for group in meta["groups"]:
            found = by_name[raw(group["name"])]
            self.assertEqual(raw(group["last-delivered-id"]), found[b"last-delivered-id"])
            self.assertEqual((group["entries-read"], group["lag"], group["pel-count"]),
                             (found[b"entries-read"], found[b"lag"], found[b"pel-count"]))
            consumers = sorted(
                (raw(each["name"]), each["seen-time"], each["pel-count"],
                 [[raw(number), time, count] for number, time, count in each["pending"]])
                for each in group["consumers"])
            self.assertEqual(consumers, found[b"consumers"])

    def check_key(self, connection, expected):
        key = raw(expected["key"])
        self.assertEqual(raw(expected["type"]), connection.call("TYPE", key).value)
        if "freq" in expected:
            self.assertEqual(expected["freq"], self.value(connection.call("OBJECT", "FREQ", key)))
        if "idle_s" in expected:
            idle = self.value(connection.call("OBJECT", "IDLETIME", key))
            self.assertTrue(0 <= idle - expected["idle_s"] <= IDLE_SECONDS_SLACK, idle)
        self.assertEqual(expected["expire_at_ms"], self.value(connection.call("PEXPIRETIME", key)))
        self.check_encoding(connection, key, expected)
        self.check_value(connection, key, expected)

    def check_encoding(self, connection, key, expected):
        """What a writer shows of strings depends on what was done to them, Valkey keeps every hash that ever had a
        field with a deadline as a table, and lists that it read from ziplists in nodes."""
        if expected["type"] == "string" or "field_expire_at_ms" in expected or expected["key"] == "h-persisted":
            return
        found = connection.call("OBJECT", "ENCODING", key).value
        if (expected["encoding"], found) != ("quicklist", b"listpack"):
            self.assertEqual(raw(expected["encoding"]), found)

    def check_sample(self, name, expected):
        server = self.boot(name, expected)
        connection = server.connect(timeout=30.0)
        databases = {}
        for key in expected["keys"]:
            databases.setdefault(key["db"], []).append(key)
        for database, keys in databases.items():
            connection.call("SELECT", database)
            self.assertEqual(len(keys), self.value(connection.call("DBSIZE")))
            for key in keys:
                with self.subTest(sample=name, key=key["key"]):
                    self.check_key(connection, key)
        connection.close()
        server.kill()

    def check_refusal(self, name, expected):
        with self.assertRaises(StartFailed) as failed:
            self.boot(name, expected)
        self.assertRegex(str(failed.exception), r"dump\.rdb: offset \d+: ")

    def test_each_restores_to_what_its_writer_held(self):
        self.ours_only("the files are of servers newer than the reference")
        names = sorted(os.path.basename(path)[:-len(".json")] for path in glob.glob(EXPECTED + "/*.json"))
        self.assertTrue(names)
        for name in names:
            with open(os.path.join(EXPECTED, name + ".json"), encoding="utf-8") as file:
                expected = json.load(file)
            with self.subTest(sample=name):
                if expected.get("load_failed"):
                    self.check_refusal(name, expected)
                else:
                    self.check_sample(name, expected)

    def test_a_refusal_names_key_type_and_version(self):
        self.ours_only("the message is ours")
        with open(os.path.join(FILES, "asset-corrupt_ziplist.rdb"), "rb") as file:
            data = file.read()
        with open(os.path.join(self.folder, "dump.rdb"), "wb") as file:
            file.write(data)
        with self.assertRaises(StartFailed) as failed:
            self.start()
        self.assertTrue(re.search(r"offset \d+: key \".+\" \(hash .*RDB type 13.*version \d+.*\): ",
                                  str(failed.exception)), str(failed.exception))
