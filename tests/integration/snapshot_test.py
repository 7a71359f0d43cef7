"""Named snapshots: taken by command, by schedule and at the end, restored onto another node, and what crashes and bad
disks leave of them."""

import datetime
import glob
import json
import os
import random
import resource
import time
import unittest

from case import ServerCase, StartFailed

CRASH_ROUNDS = int(os.environ.get("CACHENODE_TEST_SCALE", "1")) * 12


def pairs(reply):
    """A map as RESP2 gives it."""
    flat = [item.value for item in reply.value]
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def window_around_now(before=600):
    begin = datetime.datetime.utcnow() - datetime.timedelta(seconds=before)
    return "%s-%s" % (begin.strftime("%H:%M"), (begin + datetime.timedelta(hours=2)).strftime("%H:%M"))


class SnapshotCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("the reference has no named snapshots")

    def fill(self, connection, generation, count=500, size=200):
        generator = random.Random(generation)
        for index in range(count):
            connection.send([b"SET", b"key:%d" % index, b"%d:" % generation + generator.randbytes(size)])
        for _ in range(count):
            self.assertEqual("+OK", repr(connection.read()))
        connection.call("SET", "generation", generation)

    def describe(self, connection, name):
        return pairs(connection.call("SNAPSHOT", "DESCRIBE", name))

    def names(self, connection):
        return [pairs(entry)["name"].decode() for entry in connection.call("SNAPSHOT", "LIST").value]

    def create(self, connection, name):
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CREATE", name)))
        self.wait_until(lambda: b"snapshot_in_progress:\r" in connection.call("INFO", "snapshots").value)

    def snapshot_files(self):
        return sorted(os.path.basename(path) for path in glob.glob(os.path.join(self.folder, "snapshots", "*")))


class Commands(SnapshotCase):
    def test_a_snapshot_shows_the_moment_it_was_begun(self):
        connection = self.start("--cluster-id", "my-redis").connect()
        self.fill(connection, 1)
        self.create(connection, "First")
        self.fill(connection, 2)
        about = self.describe(connection, "first")
        self.assertEqual(b"available", about["status"])
        self.assertEqual(b"manual", about["source"])
        self.assertEqual(b"my-redis", about["cluster-id"])
        self.assertEqual(b"501", about["keys"])
        path = os.path.join(self.folder, "snapshots", "first.rdb")
        self.assertEqual(os.path.getsize(path), int(about["size-bytes"]))
        with open(os.path.join(self.folder, "snapshots", "first.json")) as file:
            metadata = json.load(file)
        self.assertEqual("first", metadata["SnapshotName"])
        self.assertEqual("%016x" % int(metadata["Cachenode"]["Crc64"], 16), about["crc64"].decode())
        checked = pairs(connection.call("SNAPSHOT", "RESTORE-CHECK", "first"))
        self.assertEqual((b"ok", b"501", b"yes"), (checked["status"], checked["keys"], checked["fits"]))
        self.assertIn(b"Snapshot succeeded for snapshot with ID 'first'",
                      b"".join(part for part in self.flat(connection.call("NODE", "EVENTS"))))

    def flat(self, reply):
        if isinstance(reply.value, list):
            for item in reply.value:
                yield from self.flat(item)
        elif isinstance(reply.value, bytes):
            yield reply.value

    def test_the_reference_reads_a_snapshot(self):
        connection = self.start().connect()
        self.fill(connection, 3)
        self.create(connection, "one")
        os.rename(os.path.join(self.folder, "snapshots", "one.rdb"), os.path.join(self.folder, "dump.rdb"))
        with self.reference() as reference:
            self.assertEqual(b"3", reference.connect().call("GET", "generation").value)

    def test_copy_and_delete(self):
        connection = self.start().connect()
        self.fill(connection, 4)
        self.create(connection, "one")
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "COPY", "one", "two")))
        self.wait_until(lambda: self.describe(connection, "two").get("copied-from") == b"one"
                        and self.describe(connection, "two")["status"] == b"available")
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "DELETE", "one")))
        self.wait_until(lambda: self.names(connection) == ["two"])
        self.wait_until(lambda: self.snapshot_files() == ["two.json", "two.rdb"])

    def test_a_named_snapshot_is_no_save(self):
        connection = self.start("--save", "3600 1").connect()
        self.fill(connection, 5)
        before = connection.call("INFO", "persistence").value
        self.create(connection, "one")
        after = connection.call("INFO", "persistence").value
        for field in (b"rdb_changes_since_last_save", b"rdb_last_save_time", b"rdb_saves"):
            line = [text for text in before.split(b"\r\n") if text.startswith(field + b":")]
            self.assertIn(line[0], after)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "dump.rdb")))

    def test_flushall_does_not_take_it_along(self):
        connection = self.start("--rdb-key-save-delay", "2000").connect()
        self.fill(connection, 6)
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CREATE", "one")))
        connection.call("FLUSHALL")
        self.assertEqual(b"creating", self.describe(connection, "one")["status"])
        self.wait_until(lambda: self.describe(connection, "one")["status"] == b"available")
        self.assertEqual(b"501", self.describe(connection, "one")["keys"])


class Schedule(SnapshotCase):
    def options(self, days="3", window=None):
        return ("--snapshot-retention-limit", days, "--snapshot-window", window or window_around_now(),
                "--cluster-id", "my-redis")

    def automatic(self, connection):
        return [name for name in self.names(connection) if name.startswith("automatic.my-redis-")]

    def test_one_snapshot_in_a_window_over_restarts(self):
        server = self.start(*self.options())
        connection = server.connect()
        self.fill(connection, 1)
        self.wait_until(lambda: len(self.automatic(connection)) == 1
                        and self.describe(connection, self.automatic(connection)[0])["status"] == b"available")
        name = self.automatic(connection)[0]
        self.assertRegex(name, r"^automatic\.my-redis-\d{4}-\d\d-\d\d-\d\d-\d\d$")
        self.assertEqual(b"automated", self.describe(connection, name)["source"])
        for _ in range(2):
            server.kill()
            server = self.start(*self.options())
            connection = server.connect()
            time.sleep(1.5)  # Two looks at the clock.
            self.assertEqual([name], self.automatic(connection))

    def test_nothing_outside_of_the_window(self):
        connection = self.start(*self.options(window=window_around_now(before=-7200))).connect()
        time.sleep(1.5)
        self.assertEqual([], self.names(connection))

    def test_expired_ones_go_and_manual_ones_stay(self):
        server = self.start("--cluster-id", "my-redis")
        connection = server.connect()
        self.create(connection, "kept")
        server.stop()
        folder = os.path.join(self.folder, "snapshots")
        old = datetime.datetime.utcnow() - datetime.timedelta(days=5)
        name = "automatic.my-redis-" + old.strftime("%Y-%m-%d-%H-%M")
        with open(os.path.join(folder, "kept.json")) as file:
            metadata = json.load(file)
        metadata.update(SnapshotName=name, SnapshotSource="automated")
        metadata["Cachenode"]["CreateTime"] = old.strftime("%Y-%m-%dT%H:%M:%SZ")
        with open(os.path.join(folder, name + ".json"), "w") as file:
            json.dump(metadata, file)
        with open(os.path.join(folder, "kept.rdb"), "rb") as source, open(os.path.join(folder, name + ".rdb"), "wb") as to:
            to.write(source.read())
        connection = self.start(*self.options()).connect()
        self.wait_until(lambda: name not in self.names(connection) and len(self.automatic(connection)) == 1)
        self.assertIn("kept", self.names(connection))

    def test_final_snapshot(self):
        server = self.start("--final-snapshot-identifier", "last")
        self.fill(server.connect(), 7)
        server.stop()
        self.assertIsNone(server.failure)
        self.assertEqual(["last.json", "last.rdb"], self.snapshot_files())
        server = self.start("--restore-snapshot", "last", "--final-snapshot-identifier", "last")
        connection = server.connect()
        self.assertEqual(b"7", connection.call("GET", "generation").value)
        # It is there already and never overwritten: the node stays, unless it is forced.
        self.assertEqual("-ERR Errors trying to SHUTDOWN. Check logs.", repr(connection.call("SHUTDOWN")))
        self.assertEqual("+PONG", repr(connection.call("PING")))
        connection.send([b"SHUTDOWN", b"FORCE"])
        self.assertEqual(0, server.wait())


class RestoreCase(SnapshotCase):
    def test_too_large_for_the_node(self):
        server = self.start()
        connection = server.connect()
        self.fill(connection, 8, count=4000, size=20_000)
        self.create(connection, "big")
        server.stop()
        with self.assertRaises(StartFailed) as failure:
            self.start("--restore-snapshot", "big", "--maxmemory", "30mb")
        self.assertRegex(str(failure.exception), "the data needs [0-9]+ bytes of memory, [0-9]+ are there")
        self.assertIn("restore-failed", str(failure.exception))
        connection = self.start("--restore-snapshot", "big", "--maxmemory", "200mb").connect()
        self.assertEqual(b"8", connection.call("GET", "generation").value)

    def test_a_full_node_reloads_its_own_snapshot(self):
        for policy in ("noeviction", "allkeys-lru"):
            options = ("--maxmemory", "40mb", "--maxmemory-policy", policy)
            server = self.start(*options)
            connection = server.connect()
            for index in range(4000):
                connection.send([b"SET", b"key:%d" % index, b"x" * 20_000])
            for _ in range(4000):
                connection.read()
            count = self.value(connection.call("DBSIZE"))
            self.create(connection, "full-" + policy)
            server.stop()
            connection = self.start(*options, "--restore-snapshot", "full-" + policy).connect()
            self.assertGreaterEqual(self.value(connection.call("DBSIZE")), count * 9 // 10, policy)

    def test_what_cannot_be_restored_is_said(self):
        server = self.start()
        connection = server.connect()
        self.fill(connection, 9)
        self.create(connection, "one")
        server.stop()
        path = os.path.join(self.folder, "snapshots", "one.rdb")
        with open(path, "r+b") as file:
            file.seek(1000)
            byte = file.read(1)
            file.seek(1000)
            file.write(bytes([byte[0] ^ 1]))
        for name, text in (("one", "one.rdb"), ("none", "there is no snapshot none")):
            with self.assertRaises(StartFailed) as failure:
                self.start("--restore-snapshot", name)
            self.assertIn(text, str(failure.exception))
        with self.assertRaises(StartFailed) as failure:
            self.start("--restore-snapshot", "a--b")
        self.assertIn("two hyphens", str(failure.exception))


class Failures(SnapshotCase):
    def test_missing_and_unusable_folders(self):
        connection = self.start("--snapshot-dir", "missing/below").connect()
        connection.call("SET", "k", "v")
        self.create(connection, "one")
        info = connection.call("INFO", "snapshots").value
        self.assertIn(b"snapshots_failed:1", info)
        self.assertIn(b"missing/below: No such file or directory", info)
        self.assertEqual([], self.names(connection))
        self.assertEqual("+OK", repr(connection.call("SET", "k", "w")), "a named snapshot that fails stops no writes")
        os.mkdir(os.path.join(self.folder, "missing"))
        self.create(connection, "one")
        self.assertEqual(["one"], self.names(connection))

    def test_a_disk_that_is_full(self):
        limit = 300_000
        server = self.start()
        connection = server.connect()
        self.fill(connection, 1)
        self.create(connection, "good")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        self.fill(connection, 2, count=2000, size=1000)
        self.create(connection, "bad")
        info = connection.call("INFO", "snapshots").value
        self.assertIn(b"snapshots_failed:1", info)
        self.assertIn(b"File too large", info)
        self.assertEqual(["good"], self.names(connection))
        self.assertEqual(["good.json", "good.rdb"], self.snapshot_files())
        self.assertEqual(b"ok", pairs(connection.call("SNAPSHOT", "RESTORE-CHECK", "good"))["status"])

    def test_a_kill_at_any_moment_leaves_whole_snapshots_only(self):
        generator = random.Random(11)
        options = ("--snapshot-retention-limit", "1", "--snapshot-window", window_around_now(before=3600),
                   "--cluster-id", "my-redis", "--snapshot-manual-limit", "0", "--save", "")
        expected = set()  # Manual ones that were seen, and that nobody deletes.
        for round_number in range(CRASH_ROUNDS):
            server = self.start(*options)
            connection = server.connect()
            self.fill(connection, round_number, count=800, size=500)
            about = [pairs(entry) for entry in connection.call("SNAPSHOT", "LIST").value]
            names = [entry["name"].decode() for entry in about if entry["status"] != b"creating"]
            for name in names:
                self.assertEqual(b"available", self.describe(connection, name)["status"], name)
                checked = pairs(connection.call("SNAPSHOT", "RESTORE-CHECK", name))
                self.assertEqual(b"ok", checked["status"], name)
            manual = [name for name in names if not name.startswith("automatic.")]
            self.assertLessEqual(expected, set(manual))
            expected = set(manual)
            if len(manual) > 3:
                gone = generator.choice(manual)
                connection.send([b"SNAPSHOT", b"DELETE", gone.encode()])
                expected.discard(gone)
            connection.send([b"SNAPSHOT", b"CREATE", b"s%d" % round_number])
            time.sleep(generator.random() * 0.06)
            server.kill()


if __name__ == "__main__":
    unittest.main()
