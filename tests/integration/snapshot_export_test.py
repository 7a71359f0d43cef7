"""Exports of snapshots that lie in the catalogue: SNAPSHOT EXPORT on a running node, and the tool on a stopped one."""

import os
import time

from events_test import events
from s3_stub import Key, S3Stub
from snapshot_test import SnapshotCase, pairs

KEY_ID = "AKIDTEST"
SECRET = "secret/test+key"  # The store's own.


class ExportCase(SnapshotCase):
    def setUp(self):
        super().setUp()
        self.stub = S3Stub()
        self.stub.__enter__()
        self.addCleanup(self.stub.__exit__, None, None, None)
        self.stub.buckets.add("bucket")
        self.store = ["--s3-endpoint", self.stub.url, "--s3-region", "us-east-1", "--s3-access-key-id", KEY_ID,
                      "--s3-secret-access-key", SECRET, "--s3-max-attempts", "2"]

    def node(self, *more):
        return self.start(*self.store, *more)

    def data(self, name):
        with open(os.path.join(self.folder, "snapshots", name + ".rdb"), "rb") as file:
            return file.read()

    def section(self, connection, name="snapshots"):
        lines = connection.call("INFO", name).value.decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def export(self, connection, name="one", target="s3://bucket/backups"):
        """Begins an export and waits for its event."""
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "EXPORT", name, target)))
        self.wait_until(lambda: self.section(connection)["snapshot_export_in_progress"] == "")
        self.wait_until(lambda: "export" in events(connection)[0]["message"])
        return events(connection)[0]

    def hold_parts(self, times=100, seconds=20):
        """So many parts get no answer for so long, and then a connection that ends."""
        self.stub.inject("hang", when=lambda request: request.is_part, times=times, seconds=seconds)

    def wait_for_a_part(self):
        self.wait_until(lambda: any(request.is_part for request in self.stub.requests))


class SnapshotExport(ExportCase):
    def test_the_object_is_the_file_and_boots_another_node(self):
        server = self.node("--s3-part-size", "5mb", "--s3-server-side-encryption", "AES256", "--s3-storage-class", "STANDARD_IA",
                           "--s3-request-payer", "yes", "--s3-expected-bucket-owner", "123456789012")
        connection = server.connect()
        self.fill(connection, 1, count=3000, size=5000)  # Three parts.
        self.create(connection, "one")
        self.fill(connection, 2, count=100)
        event = self.export(connection, "ONE")
        self.assertEqual("Cachenode:SnapshotExportComplete", event["event"], event)
        size = len(self.data("one"))
        self.assertEqual("Snapshot export succeeded for snapshot with ID 'one' to s3://bucket/backups/one-0001.rdb: "
                         "3001 keys, %d bytes" % size, event["message"])
        self.assertEqual(self.data("one"), self.stub.data("bucket", "backups/one-0001.rdb"))
        info = self.section(connection)
        self.assertEqual(
            ("ok", str(size), "s3://bucket/backups/one-0001.rdb", "1", "0"),
            (info["snapshot_export_last_status"], info["snapshot_export_bytes"],
             info["snapshot_export_last_location"], info["snapshot_exports_completed"],
             info["snapshot_exports_failed"]))
        self.assertGreater(sum(request.is_part for request in self.stub.requests), 2)
        begin = [request for request in self.stub.requests if request.is_begin][0]
        self.assertEqual(("AES256", "STANDARD_IA", "requester", "123456789012"), (
            begin.headers["x-amz-server-side-encryption"], begin.headers["x-amz-storage-class"],
            begin.headers["x-amz-request-payer"], begin.headers["x-amz-expected-bucket-owner"]))
        server.stop()
        other = self.node("--s3-snapshot-location", "s3://bucket/backups/one-0001.rdb").connect()
        self.assertEqual(b"1", other.call("GET", "generation").value)

    def test_a_file_without_a_checksum_is_exported_too(self):
        connection = self.node("--rdbchecksum", "no").connect()
        self.fill(connection, 3)
        self.create(connection, "one")
        self.assertEqual("Cachenode:SnapshotExportComplete", self.export(connection)["event"])
        self.assertEqual(self.data("one"), self.stub.data("bucket", "backups/one-0001.rdb"))

    def test_while_it_runs(self):
        server = self.node()
        connection = server.connect()
        connection.call("SET", "key", "value")
        self.create(connection, "one")
        self.create(connection, "two")
        self.hold_parts(times=1, seconds=2)
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "EXPORT", "one", "bucket")))
        self.wait_for_a_part()
        self.assertEqual(b"exporting", self.describe(connection, "one")["status"])
        self.assertEqual("snapshotting", self.section(connection, "node")["node_status"])
        self.assertEqual("one", self.section(connection)["snapshot_export_in_progress"])
        busy = "-ERR snapshot one is busy: exporting"
        self.assertEqual(busy, repr(connection.call("SNAPSHOT", "DELETE", "one")))
        self.assertEqual(busy, repr(connection.call("SNAPSHOT", "EXPORT", "one", "bucket/other")))
        self.assertEqual("-ERR a snapshot is being exported already, try again later",
                         repr(connection.call("SNAPSHOT", "EXPORT", "two", "bucket")))
        # It is no background save: those go on, and so does the export of the data set itself.
        self.assertEqual("+Background saving started", repr(connection.call("BGSAVE")))
        self.wait_until(lambda: self.stub.has("bucket", "one-0001.rdb"))
        self.wait_until(lambda: self.section(connection, "node")["node_status"] == "available")
        self.assertEqual(b"available", self.describe(connection, "one")["status"])

    def test_it_is_cancelled_by_its_name(self):
        connection = self.node().connect()
        self.create(connection, "one")
        nothing = "-ERR snapshot one is neither created nor copied nor exported at the moment"
        self.assertEqual(nothing, repr(connection.call("SNAPSHOT", "CANCEL", "one")))
        self.hold_parts()
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "EXPORT", "one", "bucket")))
        self.wait_for_a_part()
        self.assertEqual("-ERR Background saving is currently not in progress or scheduled",
                         repr(connection.call("BGSAVE", "CANCEL")))
        begin = time.monotonic()
        self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "CANCEL", "ONE")))
        self.wait_until(lambda: self.section(connection)["snapshot_export_in_progress"] == "", seconds=5)
        self.assertLess(time.monotonic() - begin, 3)
        self.assertEqual("Cachenode:SnapshotExportFailed", events(connection)[0]["event"])
        self.assertIn("cancelled", events(connection)[0]["message"])
        self.assertEqual(("cancelled", "0"), (self.section(connection)["snapshot_export_last_status"],
                                              self.section(connection)["snapshot_exports_failed"]))
        self.wait_until(lambda: self.describe(connection, "one")["status"] == b"available")
        self.assertFalse(self.stub.has("bucket", "one-0001.rdb"))
        self.assertEqual(nothing, repr(connection.call("SNAPSHOT", "CANCEL", "one")))

    def test_a_running_data_set_on_its_way_is_snapshotting_too(self):
        connection = self.node().connect()
        self.hold_parts(times=1, seconds=1)
        self.assertEqual("+Background export started", repr(connection.call("NODE", "EXPORT", "one", "bucket")))
        self.assertEqual("snapshotting", self.section(connection, "node")["node_status"])
        self.wait_until(lambda: self.section(connection, "node")["node_status"] == "available")
        self.assertTrue(self.stub.has("bucket", "one-0001.rdb"))
        self.stub.keys = {KEY_ID: Key(SECRET, expired=True)}
        connection.call("NODE", "EXPORT", "two", "bucket")
        self.wait_until(lambda: self.section(connection, "node")["node_status"] == "available")
        self.assertEqual("Cachenode:SnapshotExportFailed", events(connection)[0]["event"])

    def test_nothing_is_overwritten(self):
        self.stub.put("bucket", "one-0001.rdb", b"older")
        connection = self.node().connect()
        self.create(connection, "one")
        event = self.export(connection, target="bucket")
        self.assertEqual("Cachenode:SnapshotExportFailed", event["event"])
        self.assertIn("The S3 bucket bucket already contains an object with key one-0001.rdb", event["message"])
        self.assertEqual(b"older", self.stub.data("bucket", "one-0001.rdb"))
        self.assertEqual(("err", "1"), (self.section(connection)["snapshot_export_last_status"],
                                        self.section(connection)["snapshot_exports_failed"]))

    def test_a_file_that_changed_on_the_disk_is_never_completed(self):
        connection = self.node().connect()
        self.fill(connection, 4)
        self.create(connection, "one")
        path = os.path.join(self.folder, "snapshots", "one.rdb")
        with open(path, "r+b") as file:
            file.seek(5000)
            byte = file.read(1)
            file.seek(5000)
            file.write(bytes([byte[0] ^ 1]))
        event = self.export(connection)
        self.assertEqual("Cachenode:SnapshotExportFailed", event["event"])
        self.assertRegex(event["message"], "one.rdb is not what was published: [0-9]+ bytes with checksum [0-9a-f]{16}")
        self.assertFalse(self.stub.has("bucket", "backups/one-0001.rdb"))
        self.assertFalse(self.stub.uploads, "the parts are still there")

    def test_a_store_that_refuses_connections(self):
        server = self.node()
        connection = server.connect()
        connection.call("SET", "key", "value")
        self.create(connection, "one")
        self.stub.__exit__(None, None, None)
        for command, name in (("SNAPSHOT", "one"), ("NODE", "two")):
            self.assertEqual("+", connection.call(command, "EXPORT", name, "s3://bucket/backups").kind)
            self.wait_until(lambda: "export failed for snapshot with ID '%s'" % name in events(connection)[0]["message"])
            event = events(connection)[0]
            self.assertEqual("Cachenode:SnapshotExportFailed", event["event"])
            self.assertRegex(event["message"], "s3://bucket/backups/%s-0001.rdb: .*([Cc]onnect|refused)" % name)
        self.wait_until(lambda: self.section(connection, "node")["node_status"] == "available")
        self.assertEqual("+OK", repr(connection.call("SET", "key", "value")), "an export that fails stops no writes")
        self.assertEqual(b"available", self.describe(connection, "one")["status"])

    def test_a_node_that_stops_aborts_its_export(self):
        server = self.node()
        connection = server.connect()
        self.create(connection, "one")
        self.hold_parts()
        connection.call("SNAPSHOT", "EXPORT", "one", "bucket")
        self.wait_for_a_part()
        started = time.monotonic()
        server.stop()
        self.assertIsNone(server.failure)
        self.assertLess(time.monotonic() - started, 10)
        self.assertFalse(self.stub.uploads)
        self.assertEqual(["one.json", "one.rdb"], self.snapshot_files())

    def test_what_is_refused_at_once(self):
        connection = self.node().connect()
        self.create(connection, "one")
        self.assertEqual("-ERR there is no snapshot none",
                         repr(connection.call("SNAPSHOT", "EXPORT", "none", "bucket")))
        for target, text in (("", "ERR "), ("Bad_Bucket", "is not a bucket name"), ("s3://bucket/a,b", "comma")):
            reply = connection.call("SNAPSHOT", "EXPORT", "one", target)
            self.assertEqual("-", reply.kind, target)
            self.assertIn(text, reply.value.decode())
        self.assertEqual("", self.section(connection)["snapshot_export_in_progress"])


class ToolExport(ExportCase):
    def tool(self, *words):
        return self.run_once("snapshot", *words, "--dir", self.folder, *self.store)

    def test_a_stopped_nodes_snapshot_is_exported(self):
        server = self.node()
        connection = server.connect()
        self.fill(connection, 5)
        self.create(connection, "one")
        server.stop()
        status, output = self.tool("export", "ONE", "s3://bucket/backups")
        size = len(self.data("one"))
        self.assertEqual(0, status, output)
        self.assertIn("s3://bucket/backups/one-0001.rdb: 501 keys, %d bytes\n" % size, output)
        self.assertEqual(self.data("one"), self.stub.data("bucket", "backups/one-0001.rdb"))
        status, output = self.tool("export", "one", "s3://bucket/backups")
        self.assertEqual(1, status)
        self.assertIn("cachenode snapshot export: ", output)
        self.assertIn("already contains an object with key backups/one-0001.rdb", output)
        status, output = self.tool("export", "none", "bucket")
        self.assertEqual((1, "cachenode snapshot export: there is no snapshot none\n"), (status, output))
        status, output = self.tool("export", "one", "Bad_Bucket")
        self.assertEqual(1, status)
        self.assertIn("is not a bucket name", output)
        self.assertNotIn(SECRET, output)
