"""Exports of a running node into an S3 store: NODE EXPORT, what it tells, and what it leaves behind."""

import os
import time

from events_test import events
from s3_stub import Key, S3Stub
from save_test import SaveCase, fill

KEY_ID = "AKIDTEST"
SECRET = "secret/test+key"  # The store's own.


class ExportToS3(SaveCase):
    def setUp(self):
        super().setUp()
        self.ours_only("only ours exports to S3")
        self.stub = S3Stub()
        self.stub.__enter__()
        self.addCleanup(self.stub.__exit__, None, None, None)

    def node(self, *more):
        return self.start("--s3-endpoint", self.stub.url, "--s3-region", "us-east-1", "--s3-access-key-id", KEY_ID,
                          "--s3-secret-access-key", SECRET, "--s3-max-attempts", "3", *more)

    def info(self, connection):
        lines = connection.call("INFO", "persistence").value.decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def export(self, connection, name="snap", target="s3://bucket/backups"):
        """Begins an export and waits for its event."""
        self.assertEqual("Background export started", connection.call("NODE", "EXPORT", name, target).value.decode())
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.info(connection)["s3_export_in_progress"] == "0":  # Before the look at the events.
                return [event for event in events(connection) if "export" in event["message"]][0]
            time.sleep(0.02)
        self.fail("the export did not end")

    def test_another_node_boots_from_the_exported_object(self):
        self.stub.buckets.add("bucket")
        server = self.node()
        connection = server.connect(timeout=60.0)
        model = fill(connection, 1, 2000)
        changes = self.info(connection)["rdb_changes_since_last_save"]
        event = self.export(connection)
        self.assertEqual("Cachenode:SnapshotExportComplete", event["event"], event)
        self.assertIn("'snap' to s3://bucket/backups/snap-0001.rdb", event["message"])
        info = self.info(connection)
        self.assertEqual(changes, info["rdb_changes_since_last_save"], "an export is no save")
        self.assertEqual("ok", info["s3_export_last_status"])
        self.assertEqual(str(len(self.stub.data("bucket", "backups/snap-0001.rdb"))), info["s3_export_bytes"])
        self.assertFalse(os.path.exists(os.path.join(server.folder, "dump.rdb")))
        self.assertFalse([name for name in os.listdir(server.folder) if name.endswith(".rdb")])
        server.stop()
        other = self.node("--s3-snapshot-location", "s3://bucket/backups/snap-0001.rdb")
        self.holds(other, model)

    def test_writes_go_on_while_it_runs_and_the_object_is_of_the_beginning(self):
        self.stub.buckets.add("bucket")
        server = self.node("--rdb-key-save-delay", "200")
        connection = server.connect(timeout=60.0)
        model = fill(connection, 2, 2000)
        self.stub.inject("hang", when=lambda request: request.is_completion, seconds=5)
        connection.call("NODE", "EXPORT", "snap", "bucket")
        for number in range(2000):
            connection.call("SET", "later:%d" % number, "x")
        self.assertEqual("ERR Background save already in progress", connection.call("BGSAVE").value.decode())
        deadline = time.monotonic() + 30
        while not self.stub.has("bucket", "snap-0001.rdb") and time.monotonic() < deadline:
            time.sleep(0.02)
        connection.call("FLUSHALL")
        server.stop()
        other = self.node("--s3-snapshot-location", "bucket/snap-0001.rdb")
        self.holds(other, model)

    def test_nothing_is_overwritten(self):
        self.stub.put("bucket", "snap-0001.rdb", b"older")
        server = self.node()
        event = self.export(server.connect(), target="s3://bucket")
        self.assertEqual("Cachenode:SnapshotExportFailed", event["event"])
        self.assertIn("The S3 bucket bucket already contains an object with key snap-0001.rdb", event["message"])
        self.assertEqual(b"older", self.stub.data("bucket", "snap-0001.rdb"))

    def test_a_failed_export_refuses_no_writes(self):
        self.stub.buckets.add("bucket")
        server = self.node("--save", "3600 1")
        connection = server.connect()
        self.stub.keys = {KEY_ID: Key(SECRET, expired=True)}
        event = self.export(connection)
        self.assertIn("ExpiredToken", event["message"])
        self.assertEqual("OK", connection.call("SET", "key", "value").value.decode())
        info = self.info(connection)
        self.assertEqual(("ok", "err"), (info["rdb_last_bgsave_status"], info["s3_export_last_status"]))
        self.stub.keys = {KEY_ID: Key(SECRET)}
        self.assertEqual("Cachenode:SnapshotExportComplete", self.export(connection)["event"])

    def test_a_cancelled_export_is_forgotten_by_the_store(self):
        self.stub.buckets.add("bucket")
        server = self.node()
        connection = server.connect()
        connection.call("SET", "key", "value")
        self.stub.inject("hang", when=lambda request: request.is_part, times=100, seconds=20)
        connection.call("NODE", "EXPORT", "snap", "bucket")
        deadline = time.monotonic() + 20
        while not any(request.is_part for request in self.stub.requests) and time.monotonic() < deadline:
            time.sleep(0.02)
        started = time.monotonic()
        self.assertEqual("Background saving cancelled", connection.call("BGSAVE", "CANCEL").value.decode())
        self.assertLess(time.monotonic() - started, 2, "a cancel must not wait for the store")
        while self.stub.uploads and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertFalse(self.stub.uploads, "the upload was not aborted")
        self.assertFalse(self.stub.has("bucket", "snap-0001.rdb"))
        self.assertIn("cancelled", events(connection)[0]["message"])

    def test_a_node_that_stops_aborts_its_export(self):
        self.stub.buckets.add("bucket")
        server = self.node()
        connection = server.connect()
        self.stub.inject("hang", when=lambda request: request.is_part, times=100, seconds=20)
        connection.call("NODE", "EXPORT", "snap", "bucket")
        deadline = time.monotonic() + 20
        while not any(request.is_part for request in self.stub.requests) and time.monotonic() < deadline:
            time.sleep(0.02)
        started = time.monotonic()
        server.stop()
        self.assertIsNone(server.failure)
        self.assertLess(time.monotonic() - started, 10)
        self.assertFalse(self.stub.uploads)

    def test_bad_targets_are_refused_at_once(self):
        connection = self.node().connect()
        for target, text in (("", "ERR "), ("Bad_Bucket", "is not a bucket name"), ("s3://bucket/a,b", "comma")):
            reply = connection.call("NODE", "EXPORT", "snap", target)
            self.assertEqual("-", reply.kind, target)
            self.assertIn(text, reply.value.decode())
        self.assertEqual("-", connection.call("NODE", "EXPORT", "", "bucket").kind)
