"""The two walkthroughs of the README, as its reader runs them: a node seeded from S3; yesterday's automatic snapshot
onto a larger node. And the catalogue of a stopped node from the command line."""

import json
import os
import subprocess

from case import Settings, StartFailed
from s3_stub import S3Stub
from snapshot_test import SnapshotCase, pairs, window_around_now


class Walkthrough(SnapshotCase):
    def test_create_a_node_seeded_from_s3(self):
        with S3Stub() as stub:
            server = self.start()
            connection = server.connect()
            self.fill(connection, 1, count=2000, size=20_000)
            connection.call("SAVE")
            server.kill()
            path = os.path.join(self.folder, "dump.rdb")
            with open(path, "rb") as file:
                stub.put("bucket", "folder/dump.rdb", file.read())
            os.remove(path)
            location = ("--cluster-id", "my-redis", "--s3-snapshot-location", "s3://bucket/folder/dump.rdb",
                        "--s3-endpoint", stub.url, "--s3-region", "us-east-1", "--s3-access-key-id", "AKIDTEST",
                        "--s3-secret-access-key", "secret/test+key")
            server = self.start(*location, "--maxmemory", "1gb")
            connection = server.connect()
            self.assertEqual(b"1", connection.call("GET", "generation").value)
            info = connection.call("INFO", "node").value
            self.assertIn(b"node_status:available", info)
            self.assertIn(b"cluster_id:my-redis", info)
            server.kill()
            with self.assertRaises(StartFailed) as failure:
                self.start(*location, "--maxmemory", "20mb")
            self.assertRegex(str(failure.exception), "the data needs [0-9]+ bytes of memory, [0-9]+ are there")
            self.assertIn("restore-failed", str(failure.exception))

    def test_restore_an_automatic_snapshot_onto_a_larger_node(self):
        folder = os.path.join(self.folder, "shared")
        small = self.start("--cluster-id", "my-redis", "--maxmemory", "30mb", "--snapshot-dir", folder,
                           "--snapshot-window", window_around_now(), "--snapshot-retention-limit", "7")
        connection = small.connect()
        self.fill(connection, 2)
        self.wait_until(lambda: self.names(connection) and b"available" == self.describe(
            connection, self.names(connection)[0])["status"])
        name = self.names(connection)[0]
        # What was written after the snapshot is not in it, and the old node serves on.
        count = int(self.describe(connection, name)["keys"])
        connection.call("SET", "later", "v")
        self.folder = os.path.join(self.folder, "other")  # Where the new node lives.
        os.mkdir(self.folder)
        restored = self.start("--cluster-id", "my-redis-2", "--maxmemory", "200mb", "--snapshot-dir", folder,
                              "--restore-snapshot", name).connect()
        self.assertEqual(count, self.value(restored.call("DBSIZE")))
        self.assertEqual(0, self.value(restored.call("EXISTS", "later")))
        self.assertEqual("+PONG", repr(connection.call("PING")))
        self.create(restored, "of-the-new-node")
        # The old node notices a moment after somebody asked.
        self.wait_until(lambda: "of-the-new-node" in self.names(connection))


class Tool(SnapshotCase):
    def run_tool(self, *words, code=0):
        done = subprocess.run([*Settings.command, "snapshot", *words, "--dir", self.folder], capture_output=True, text=True)
        self.assertEqual(code, done.returncode, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_the_catalogue_of_a_stopped_node(self):
        server = self.start()
        connection = server.connect()
        self.fill(connection, 3)
        connection.call("SAVE")
        server.kill()
        self.assertEqual("", self.run_tool("list"))
        about = json.loads(self.run_tool("create", "One"))
        self.assertEqual(("one", 501), (about["SnapshotName"], about["Cachenode"]["KeyCount"]))
        self.assertIn("one: ok, 501 keys", self.run_tool("check", "one"))
        self.assertEqual("one", json.loads(self.run_tool("copy", "one", "two"))["Cachenode"]["CopiedFrom"])
        self.assertEqual(["one", "two"], [line.split("\t")[0] for line in self.run_tool("list").splitlines()])
        self.run_tool("delete", "one")
        self.assertEqual("two", json.loads(self.run_tool("describe", "two"))["SnapshotName"])
        self.assertEqual("cachenode snapshot create: snapshot two already exists\n",
                         self.run_tool("create", "two", code=1))
        self.assertEqual("cachenode snapshot delete: there is no snapshot one\n", self.run_tool("delete", "one", code=1))
        self.assertIn("usage:", self.run_tool("rename", "one", code=2))
        connection = self.start("--restore-snapshot", "two").connect()
        self.assertEqual(b"3", connection.call("GET", "generation").value)
        self.assertEqual(b"one", pairs(connection.call("SNAPSHOT", "DESCRIBE", "two"))["copied-from"])
