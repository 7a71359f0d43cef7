"""A prefix of a bucket as the catalogue of snapshots: everything a folder does, what a store does besides, and what
crashes leave there."""

import datetime
import json
import os
import random
import subprocess
import time

from case import Settings, StartFailed
from events_test import events
from s3_stub import Key, S3Stub, StoredObject
from snapshot_test import SnapshotCase, pairs, window_around_now

KEY_ID = "AKIDTEST"
SECRET = "secret/test+key"  # The store's own.
DAY_SECONDS = 24 * 60 * 60
CRASH_ROUNDS = int(os.environ.get("CACHENODE_TEST_SCALE", "1")) * 10


class S3CatalogueCase(SnapshotCase):
    place = "s3://bucket/backups/"

    def setUp(self):
        super().setUp()
        self.stub = S3Stub()
        self.stub.__enter__()
        self.addCleanup(self.stub.__exit__, None, None, None)
        self.stub.buckets.add("bucket")

    def store(self):
        return ["--snapshot-dir", self.place, "--s3-endpoint", self.stub.url, "--s3-region", "us-east-1",
                "--s3-access-key-id", KEY_ID, "--s3-secret-access-key", SECRET, "--s3-max-attempts", "2"]

    def node(self, *more):
        return self.start(*self.store(), *more)

    def known(self, *more):
        """A node whose catalogue was looked at, and a connection to it."""
        server = self.node(*more)
        connection = server.connect()
        self.wait_until(lambda: connection.call("SNAPSHOT", "LIST").kind == "*")
        return server, connection

    def objects(self):
        return sorted(key[len("backups/"):] for bucket, key in list(self.stub._objects) if key.startswith("backups/"))

    def metadata(self, name):
        return json.loads(self.stub.data("bucket", "backups/%s.json" % name))

    def section(self, connection, name="snapshots"):
        lines = connection.call("INFO", name).value.decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def age(self, key, seconds):
        self.stub._objects["bucket", "backups/" + key].modified -= seconds

    def is_json_put(self, request):
        return request.method == "PUT" and request.key.endswith(".json")


class Commands(S3CatalogueCase):
    def test_create_describe_check_copy_delete(self):
        server, connection = self.known("--cluster-id", "my-redis", "--s3-part-size", "5mb")
        self.assertEqual(self.place, self.section(connection)["snapshot_dir"])
        self.fill(connection, 1, count=3000, size=5000)  # Three parts.
        self.create(connection, "First")
        self.assertEqual(["first.json", "first.rdb"], self.objects())
        about = self.describe(connection, "first")
        self.assertEqual((b"available", b"manual", b"my-redis", b"3001"),
                         (about["status"], about["source"], about["cluster-id"], about["keys"]))
        self.assertEqual(len(self.stub.data("bucket", "backups/first.rdb")), int(about["size-bytes"]))
        ours = self.metadata("first")["Cachenode"]
        self.assertEqual(about["crc64"].decode(), ours["Crc64"])
        # Nothing was downloaded but bytes that tell whether a name is free.
        self.assertFalse([request for request in self.stub.object_requests()
                          if request.key.endswith(".rdb") and request.status in (200, 206)])
        order = [request.key for request in self.stub.requests
                 if request.is_completion or self.is_json_put(request)]
        self.assertEqual(["backups/first.rdb", "backups/first.json"], order)
        checked = pairs(connection.call("SNAPSHOT", "RESTORE-CHECK", "first"))
        self.assertEqual((b"ok", b"3001", b"yes"), (checked["status"], checked["keys"], checked["fits"]))
        self.assertEqual("-ERR snapshot first already exists", repr(connection.call("SNAPSHOT", "CREATE", "first")))
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "COPY", "first", "second")))
        self.wait_until(lambda: self.describe(connection, "second").get("copied-from") == b"first")
        self.assertEqual(self.stub.data("bucket", "backups/first.rdb"), self.stub.data("bucket", "backups/second.rdb"))
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "DELETE", "first")))
        self.wait_until(lambda: self.names(connection) == ["second"])
        self.assertEqual(["second.json", "second.rdb"], self.objects())
        deleted = [request.key for request in self.stub.requests if request.method == "DELETE"]
        self.assertEqual(["backups/first.json", "backups/first.rdb"], deleted)
        self.assertFalse(self.stub.uploads)
        # An export out of the catalogue goes through the node into another place.
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "EXPORT", "second", "s3://bucket/out")))
        self.wait_until(lambda: self.stub.has("bucket", "out/second-0001.rdb"))
        self.assertEqual(self.stub.data("bucket", "backups/second.rdb"), self.stub.data("bucket", "out/second-0001.rdb"))

    def test_what_lies_beside_is_left_alone(self):
        for key in ("notes.json", "readme.txt", "mine.rdb", "deeper/x.json"):
            self.stub.put("bucket", "backups/" + key, b"of the user")
        _, connection = self.known()
        self.wait_until(lambda: self.names(connection) == ["notes"])  # A name of a snapshot, and no metadata.
        self.assertEqual(b"damaged", self.describe(connection, "notes")["status"])
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CREATE", "mine")))
        self.wait_until(lambda: events(connection)[0]["event"] == "ElastiCache:SnapshotFailed")
        self.assertEqual("Snapshot failed for snapshot with ID 'mine': snapshot mine cannot be made: "
                         "s3://bucket/backups/mine.rdb is there already", events(connection)[0]["message"])
        self.assertEqual(b"of the user", self.stub.data("bucket", "backups/mine.rdb"))

    def test_damaged_ones_are_shown_and_not_used(self):
        server, connection = self.known()
        self.fill(connection, 1)
        for name in ("short", "gone", "changed"):
            self.create(connection, name)
        data = self.stub.data("bucket", "backups/short.rdb")
        self.stub.put("bucket", "backups/short.rdb", data[:-1])
        self.stub.put("bucket", "backups/changed.rdb", data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])
        del self.stub._objects["bucket", "backups/gone.rdb"]
        self.wait_until(lambda: b"damaged" == self.describe(connection, "gone")["status"])
        self.assertEqual(b"s3://bucket/backups/gone.rdb is missing", self.describe(connection, "gone")["fault"])
        self.assertEqual("s3://bucket/backups/short.rdb has %d bytes, %d were published" % (len(data) - 1, len(data)),
                         self.describe(connection, "short")["fault"].decode())
        self.assertIn("s3://bucket/backups/changed.rdb", repr(connection.call("SNAPSHOT", "RESTORE-CHECK", "changed")))
        server.kill()
        server = self.server(*self.store(), "--restore-snapshot", "changed")
        with self.assertRaises(StartFailed) as failure:
            server.start()
        self.assertEqual(12, server.process.returncode)
        self.assertIn("s3://bucket/backups/changed.rdb", str(failure.exception))

    def test_many_snapshots_come_in_pages_and_are_read_once(self):
        server, connection = self.known()
        self.create(connection, "one")
        server.stop()
        text, data = self.stub.data("bucket", "backups/one.json"), self.stub.data("bucket", "backups/one.rdb")
        for index in range(200):  # Two pages and more.
            name = "copy-%d" % index
            self.stub.put("bucket", "backups/%s.json" % name, text.replace(b'"one"', b'"%s"' % name.encode()))
            self.stub.put("bucket", "backups/%s.rdb" % name, data)
        _, connection = self.known()
        self.assertEqual(201, len(self.names(connection)))
        self.assertTrue(all(pairs(entry)["status"] == b"available" for entry in connection.call("SNAPSHOT", "LIST").value))
        before = len(self.stub.object_requests())
        lists = sum(not request.key for request in self.stub.requests)
        time.sleep(1.1)  # So that somebody who asks begins another look.
        connection.call("SNAPSHOT", "LIST")
        self.wait_until(lambda: sum(not request.key for request in self.stub.requests) >= lists + 3)
        self.assertEqual(before, len(self.stub.object_requests()))

    def test_a_cancelled_one_leaves_nothing(self):
        _, connection = self.known()
        self.stub.inject("hang", when=lambda request: request.is_part, times=100, seconds=20)
        connection.call("SET", "k", "v")
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CREATE", "one")))
        self.wait_until(lambda: any(request.is_part for request in self.stub.requests))
        self.assertEqual(b"creating", self.describe(connection, "one")["status"])
        begin = time.monotonic()
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CANCEL", "one")))
        self.assertLess(time.monotonic() - begin, 3)
        self.assertEqual("Snapshot failed for snapshot with ID 'one': it was cancelled", events(connection)[0]["message"])
        self.wait_until(lambda: not self.stub.uploads)
        self.assertEqual([], self.objects())

    def test_a_copy_is_cancelled_too(self):
        _, connection = self.known()
        self.create(connection, "one")
        self.stub.inject("hang", when=lambda request: request.is_part, times=100, seconds=20)
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "COPY", "one", "two")))
        self.wait_until(lambda: b"creating" == self.describe(connection, "two")["status"])
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CANCEL", "two")))
        self.wait_until(lambda: "Copying snapshot 'one' to 'two' failed: it was cancelled" == events(connection)[0]["message"], 10)
        self.assertEqual(["one.json", "one.rdb"], self.objects())


class Life(S3CatalogueCase):
    def test_automatic_ones_in_their_window_over_restarts_and_retention(self):
        options = ("--cluster-id", "my-redis", "--snapshot-retention-limit", "3", "--snapshot-window", window_around_now())
        server, connection = self.known("--cluster-id", "my-redis")
        self.fill(connection, 1)
        self.create(connection, "kept")
        server.kill()
        old = datetime.datetime.utcnow() - datetime.timedelta(days=5)
        name = "automatic.my-redis-" + old.strftime("%Y-%m-%d-%H-%M")
        metadata = self.metadata("kept")
        metadata.update(SnapshotName=name, SnapshotSource="automated")
        metadata["Cachenode"]["CreateTime"] = old.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.stub.put("bucket", "backups/%s.json" % name, json.dumps(metadata).encode())
        self.stub.put("bucket", "backups/%s.rdb" % name, self.stub.data("bucket", "backups/kept.rdb"))
        server, connection = self.known(*options)
        self.fill(connection, 2)
        self.wait_until(lambda: name not in self.names(connection) and len(self.names(connection)) == 2)
        self.wait_until(lambda: len(self.objects()) == 4)
        names = self.names(connection)
        self.assertIn("kept", names)
        self.assertRegex(names[0], r"^automatic\.my-redis-\d{4}-\d\d-\d\d-\d\d-\d\d$")
        server.kill()
        _, connection = self.known(*options)
        time.sleep(1.5)  # Two looks at the clock.
        self.assertEqual(names, self.names(connection))

    def test_no_automatic_one_begins_before_the_store_said_what_there_is(self):
        options = ("--cluster-id", "my-redis", "--snapshot-retention-limit", "3", "--snapshot-window", window_around_now())
        server, connection = self.known(*options)
        self.wait_until(lambda: len(self.objects()) == 2)
        there = self.objects()
        server.kill()
        self.stub.inject("status", status=500, code="InternalError", when=lambda request: not request.key, times=4)
        server = self.node(*options)
        connection = server.connect()
        self.assertIn("s3://bucket/backups/", repr(connection.call("SNAPSHOT", "LIST")))
        self.wait_until(lambda: connection.call("SNAPSHOT", "LIST").kind == "*")
        time.sleep(1.5)
        self.assertEqual(there, self.objects())

    def test_final_snapshot_and_a_larger_node_that_begins_with_it(self):
        server, connection = self.known("--cluster-id", "my-redis", "--cache-node-type", "cache.t2.micro",
                                        "--final-snapshot-identifier", "last")
        self.fill(connection, 7, count=2000)
        server.stop()
        self.assertIsNone(server.failure)
        self.assertEqual(["last.json", "last.rdb"], self.objects())
        self.assertEqual("cache.t2.micro", self.metadata("last")["CacheNodeType"])
        server, connection = self.known("--cluster-id", "other", "--cache-node-type", "cache.t3.micro", "--restore-snapshot",
                                        "last", "--final-snapshot-identifier", "last")
        self.assertEqual(b"7", connection.call("GET", "generation").value)
        self.assertEqual(2001, self.value(connection.call("DBSIZE")))
        self.assertIn("last already exists and is never overwritten", server.log_text())
        self.assertEqual("-ERR Errors trying to SHUTDOWN. Check logs.", repr(connection.call("SHUTDOWN")))
        self.assertEqual("+PONG", repr(connection.call("PING")))

    def test_too_large_for_the_node(self):
        server, connection = self.known()
        self.fill(connection, 8, count=4000, size=20_000)
        self.create(connection, "large")
        server.kill()
        server = self.server(*self.store(), "--restore-snapshot", "large", "--maxmemory", "20mb")
        with self.assertRaises(StartFailed) as failure:
            server.start()
        self.assertEqual(10, server.process.returncode)
        self.assertRegex(str(failure.exception), "the data needs [0-9]+ bytes of memory, [0-9]+ are there")

    def test_statuses_of_a_start_that_finds_nothing(self):
        for options, status, text in (
                (("--restore-snapshot", "none"), 14, "s3://bucket/backups/: there is no snapshot none"),
                (("--restore-snapshot", "none", "--snapshot-dir", "s3://missing/backups"), 13, "NoSuchBucket"),
                (("--restore-snapshot", "none", "--s3-secret-access-key", "wrong"), 13, "SignatureDoesNotMatch"),
                (("--restore-snapshot", "none", "--s3-endpoint", "http://127.0.0.1:1"), 13, "gave up after 2 attempts")):
            with self.subTest(options):
                server = self.server(*self.store(), *options)
                with self.assertRaises(StartFailed) as failure:
                    server.start()
                self.assertEqual(status, server.process.returncode, str(failure.exception))
                self.assertIn(text, str(failure.exception))

    def test_a_place_that_is_none_is_refused(self):
        code, text = self.run_once("--port", "0", "--snapshot-dir", "s3://Bad_Bucket/x")
        self.assertEqual(1, code)
        self.assertIn("is not a bucket name", text)

    def test_the_tool_on_a_stopped_node(self):
        server, connection = self.known()
        self.fill(connection, 3)
        connection.call("SAVE")
        server.kill()

        def tool(*words, code=0, more=()):
            done = subprocess.run([*Settings.command, "snapshot", *words, "--dir", self.folder, *self.store(), *more],
                                  capture_output=True, text=True)
            self.assertEqual(code, done.returncode, done.stderr)
            return done.stdout if code == 0 else done.stderr

        self.assertEqual("", tool("list"))
        about = json.loads(tool("create", "One"))
        self.assertEqual(("one", 501), (about["SnapshotName"], about["Cachenode"]["KeyCount"]))
        self.assertEqual(about, json.loads(tool("describe", "one")))
        self.assertIn("one: ok, 501 keys", tool("check", "one"))
        self.assertEqual("one", json.loads(tool("copy", "one", "two"))["Cachenode"]["CopiedFrom"])
        self.assertIn("already exists", tool("create", "two", code=1))
        self.assertIn("s3://bucket/out/two-0001.rdb: 501 keys", tool("export", "two", "s3://bucket/out"))
        tool("delete", "one")
        self.assertRegex(tool("list"), "^two\tavailable\tmanual\t20[^\n]*\t501 keys\t[0-9]+ bytes\n$")
        self.assertIn("there is no snapshot one", tool("describe", "one", code=1))
        self.assertIn("s3://bucket/backups/: HTTP 403 InvalidAccessKeyId",
                      tool("list", code=1, more=("--s3-access-key-id", "AKIDOTHER")))
        self.assertEqual(["two.json", "two.rdb"], self.objects())


class Faults(S3CatalogueCase):
    def fails(self, connection, name):
        """Makes a snapshot that cannot be made, and answers why."""
        failed = int(self.section(connection)["snapshots_failed"])
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CREATE", name)))
        self.wait_until(lambda: int(self.section(connection)["snapshots_failed"]) == failed + 1)
        self.assertEqual("ElastiCache:SnapshotFailed", events(connection)[0]["event"])
        return events(connection)[0]["message"]

    def test_each_is_one_line_and_leaves_the_old_set(self):
        server, connection = self.known("--s3-stall-timeout", "1")
        self.fill(connection, 1)
        self.create(connection, "good")
        is_part = lambda request: request.is_part  # noqa: E731
        is_begin = lambda request: request.is_begin  # noqa: E731
        is_end = lambda request: request.is_completion  # noqa: E731
        look = lambda request: request.method == "GET" and request.key.endswith(".json")  # noqa: E731
        number = 0
        for action, when, parameters, text in (
                ("status", look, {"status": 403, "code": "AccessDenied"}, r"HTTP 403 AccessDenied: injected \(the keys need"),
                ("status", look, {"status": 404, "code": "NoSuchBucket"}, "HTTP 404 NoSuchBucket"),
                ("status", is_begin, {"status": 403, "code": "AccessDenied"}, "HTTP 403 AccessDenied"),
                ("status", is_part, {"status": 500, "code": "InternalError"}, "gave up after 2 attempts: HTTP 500"),
                ("status", is_part, {"status": 503, "code": "SlowDown"}, "gave up after 2 attempts: HTTP 503 SlowDown"),
                ("corrupt", is_part, {}, "XAmzContentSHA256Mismatch"),
                ("hang", is_part, {"seconds": 3}, "gave up after 2 attempts"),
                ("error_in_200", is_end, {"code": "InternalError"}, "gave up after 2 attempts"),
                ("lose_bytes", is_end, {"missing": 3}, "the store has [0-9]+ bytes of the [0-9]+ sent"),
                ("status", self.is_json_put, {"status": 403, "code": "AccessDenied"},
                 r"s3://bucket/backups/bad-\d+\.json: HTTP 403 AccessDenied")):
            with self.subTest(action=action, text=text):
                number += 1
                self.stub.inject(action, times=20, when=when, **parameters)
                self.assertRegex(self.fails(connection, "bad-%d" % number), text)
                self.stub._faults.clear()
                self.wait_until(lambda: not self.stub.uploads)
                self.wait_until(lambda: self.objects() == ["good.json", "good.rdb"])
                self.assertEqual(["good"], self.names(connection))
        self.create(connection, "good-again")
        self.wait_until(lambda: self.names(connection) == ["good", "good-again"])

    def test_an_answer_that_is_lost_is_no_failure(self):
        _, connection = self.known()
        self.fill(connection, 1)
        self.stub.inject("lose_answer", when=lambda request: request.is_completion)
        self.stub.inject("lose_answer", when=self.is_json_put)
        self.create(connection, "one")
        self.assertEqual("ElastiCache:SnapshotComplete", events(connection)[0]["event"])
        self.assertEqual(["one.json", "one.rdb"], self.objects())

    def test_a_store_without_conditions(self):
        self.stub.knows_conditions = False
        _, connection = self.known()
        self.create(connection, "one")
        self.assertEqual("ElastiCache:SnapshotComplete", events(connection)[0]["event"])
        self.assertEqual(["one.json", "one.rdb"], self.objects())

    def test_another_one_of_the_name_comes_first(self):
        _, connection = self.known()
        self.fill(connection, 1)

        def other_comes(request):
            if self.is_json_put(request) and not self.stub.has(request.bucket, request.key):
                self.stub._objects[request.bucket, request.key] = StoredObject(b"of another node")
            return False

        self.stub.inject("close", when=other_comes, times=1, after=0)
        self.assertIn("snapshot one already exists", self.fails(connection, "one"))
        self.assertEqual(["one.json"], self.objects())
        self.assertEqual(b"of another node", self.stub.data("bucket", "backups/one.json"))

    def test_a_store_that_is_away_is_said_to_be(self):
        server, connection = self.known()
        self.create(connection, "one")
        self.stub.keys = {KEY_ID: Key(SECRET + "new")}
        self.wait_until(lambda: "SignatureDoesNotMatch" in repr(connection.call("SNAPSHOT", "LIST")))
        self.assertEqual(b"available", self.describe(connection, "one")["status"])  # What was known.
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "DELETE", "one")))
        self.wait_until(lambda: "Snapshot one could not be deleted: s3://bucket/backups/one.json: HTTP 403" in server.log_text())
        server.kill()
        # Nor does a node wait for it, or fail, at its start.
        server = self.node()
        self.assertEqual("+PONG", repr(server.connect().call("PING")))
        self.wait_until(lambda: "Snapshots: s3://bucket/backups/: HTTP 403" in server.log_text())


class Crashes(S3CatalogueCase):
    def usable(self, connection):
        return sorted(pairs(entry)["name"].decode() for entry in connection.call("SNAPSHOT", "LIST").value
                      if pairs(entry)["status"] == b"available")

    def test_killed_at_each_step_of_publishing_and_deleting(self):
        server, connection = self.known()
        self.fill(connection, 1)
        self.create(connection, "good")
        steps = (("bad-begin", lambda request: request.is_begin, "CREATE"),
                 ("bad-part", lambda request: request.is_part, "CREATE"),
                 ("bad-end", lambda request: request.is_completion, "CREATE"),
                 ("bad-json", self.is_json_put, "CREATE"))
        for name, when, verb in steps:
            self.stub.inject("hang", when=when, seconds=0.5)
            before = len(self.stub.requests)
            self.assertEqual("+OK", repr(connection.call("SNAPSHOT", verb, name)))
            self.wait_until(lambda: any(when(request) for request in self.stub.requests[before:]))
            server.kill()
            server, connection = self.known()
            self.assertEqual(["good"], self.names(connection), name)
        self.fill(connection, 1)
        self.create(connection, "gone")
        self.stub.inject("hang", when=lambda request: request.method == "DELETE" and request.key.endswith(".rdb"), seconds=0.5)
        connection.call("SNAPSHOT", "DELETE", "gone")
        self.wait_until(lambda: "gone.json" not in self.objects())
        server.kill()
        server, connection = self.known()
        self.assertEqual(["good"], self.names(connection))
        # Leftovers are younger than a day: a node of another machine may be making them.
        self.assertEqual({"good.json", "good.rdb", "bad-json.rdb", "gone.rdb"}, set(self.objects()))
        self.assertEqual({"backups/bad-part.rdb", "backups/bad-end.rdb"},
                         {upload.place[1] for upload in self.stub.uploads.values()})
        self.stub.put("bucket", "backups/mine.rdb", b"of the user")
        server.kill()
        for key in ("bad-json.rdb", "gone.rdb", "mine.rdb"):
            self.age(key, DAY_SECONDS + 60)
        for upload in self.stub.uploads.values():
            upload.initiated -= DAY_SECONDS + 60
        server, connection = self.known()
        self.wait_until(lambda: self.objects() == ["good.json", "good.rdb", "mine.rdb"])
        self.wait_until(lambda: not self.stub.uploads)
        log = server.log_text()
        self.assertIn("Snapshots: snapshot bad-json: removed what an unfinished one left", log)
        self.assertIn("Snapshots: snapshot bad-part: removed the parts an unfinished one left", log)

    def test_killed_at_any_moment(self):
        generator = random.Random(11)
        server, connection = self.known()
        self.fill(connection, 0)
        self.create(connection, "base")
        for round_number in range(CRASH_ROUNDS):
            name = "round-%d" % round_number
            connection.call("SNAPSHOT", "CREATE", name)
            if len(self.usable(connection)) > 1:
                connection.call("SNAPSHOT", "DELETE", self.usable(connection)[-1])
            time.sleep(generator.random() * 0.08)
            server.kill()
            time.sleep(0.05)  # The stub may still be doing what it was asked.
            server, connection = self.known("--restore-snapshot", "base")
            for entry in connection.call("SNAPSHOT", "LIST").value:
                about = pairs(entry)
                self.assertEqual(b"available", about["status"], about)
                checked = pairs(connection.call("SNAPSHOT", "RESTORE-CHECK", about["name"]))
                self.assertEqual(b"ok", checked["status"])
