"""A node killed at a random moment of an export or of a restart in place: what is there is whole, what is not there is not
there at all, and the next start loads the newest data that was saved."""

import json
import os
import random
import subprocess
import time

from case import Settings
from snapshot_export_test import ExportCase
from snapshot_test import SnapshotCase, pairs

ROUNDS = int(os.environ.get("CACHENODE_TEST_SCALE", "1")) * 6


class KillDuringExport(ExportCase):
    def setUp(self):
        super().setUp()
        self.store += ["--s3-parallel-parts", "2"]

    def key_count(self, data):
        """Keys of an RDB file, every byte of which is checked."""
        place = os.path.join(self.folder, "check")
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, "dump.rdb"), "wb") as file:
            file.write(data)
        done = subprocess.run([*Settings.command, "snapshot", "create", "probe", "--dir", place], capture_output=True,
                              check=True)
        subprocess.run([*Settings.command, "snapshot", "delete", "probe", "--dir", place], check=True)
        return json.loads(done.stdout)["Cachenode"]["KeyCount"]

    def test_the_object_is_whole_or_absent_and_the_snapshot_stays(self):
        generator = random.Random(5)
        server = self.start(*self.store)
        connection = server.connect(timeout=60.0)
        self.fill(connection, 1, count=1200, size=10_000)  # Three parts.
        self.create(connection, "base")
        server.kill()
        with open(os.path.join(self.folder, "snapshots", "base.rdb"), "rb") as file:
            base = file.read()
        longest, there, absent = 0.0, 0, 0
        for number in range(ROUNDS):
            command = ("SNAPSHOT", "EXPORT", "base") if number % 2 else ("NODE", "EXPORT", "base")
            folder = "round-%d" % number
            server = self.start(*self.store, "--restore-snapshot", "base")
            connection = server.connect()
            checked = pairs(connection.call("SNAPSHOT", "RESTORE-CHECK", "base"))
            self.assertEqual(b"ok", checked["status"])
            self.assertEqual(["base"], self.names(connection))
            begin = time.monotonic()
            self.assertEqual("+", connection.call(*command, "s3://bucket/" + folder).kind)
            key = folder + "/base-0001.rdb"
            if number < 2:  # How long one takes.
                self.wait_until(lambda: self.stub.has("bucket", key))
                longest = max(longest, time.monotonic() - begin)
            else:
                time.sleep(generator.random() * longest * 1.3)
            server.kill()
            if not self.stub.has("bucket", key):
                absent += 1
                continue
            there += 1
            data = self.stub.data("bucket", key)
            if number % 2:
                self.assertEqual(base, data)
            else:
                self.assertEqual(1201, self.key_count(data))
        self.assertEqual(ROUNDS, there + absent)
        self.assertTrue(there)


class KillDuringRestart(SnapshotCase):
    KEYS = 400

    def write(self, connection, generation):
        words = ["MSET"]
        for index in range(self.KEYS):
            words += ["key:%d" % index, "%d:%s" % (generation, "x" * 3000)]
        self.assertEqual("+OK", repr(connection.call(*words)))

    def read(self, connection):
        """The generation of all keys; fails when they are not of one."""
        values = connection.call("MGET", *["key:%d" % index for index in range(self.KEYS)]).value
        generations = {value.value.split(b":")[0] if value.value is not None else None for value in values}
        self.assertEqual(1, len(generations), "the data is of several moments")
        return int(generations.pop())

    def test_the_next_start_has_all_of_the_newest_data_that_was_saved(self):
        generator = random.Random(6)
        # A save point that is never reached: a file that was saved for the restart becomes the data file.
        options = ("--save", "3600 1000000")
        server = self.start(*options)
        connection = server.connect()
        self.write(connection, 0)
        self.assertEqual("+OK", repr(connection.call("SAVE")))
        server.kill()
        known, kept, lost = 0, 0, 0
        for generation in range(1, ROUNDS + 1):
            server = self.start(*options)
            connection = server.connect()
            found = self.read(connection)
            self.assertIn(found, (known, generation - 1), "older than what a start had loaded")
            kept, lost = kept + (found == generation - 1), lost + (found != generation - 1)
            known = found
            self.write(connection, generation)
            connection.call("CONFIG", "SET", "cache-node-type", "cache.t2.micro", "apply-immediately", "yes")
            time.sleep(generator.random() * 0.35)
            self.assertIsNone(server.process.poll(), server.log_text())
            server.kill()
