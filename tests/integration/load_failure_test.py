"""With which status and line a node ends that cannot load its data set: the table of the README."""

import os
import shutil

from case import ServerCase
from rdb_samples_test import FILES
from s3_stub import S3Stub
from snapshot_test import SnapshotCase

TOO_LARGE, UNSUPPORTED, BROKEN, STORE, NO_SNAPSHOT, DISK, OPTIONS = range(10, 17)


class LoadFailure(SnapshotCase):
    def refused(self, code, text, *directives):
        """A node that must end with this status and say this, having served nothing."""
        server = self.server(*directives)
        server.launch()
        self.addCleanup(self.finish, server)
        self.assertEqual(code, server.wait(), server.log_text())
        with open(server.log, encoding="utf-8", errors="replace") as file:
            log = file.read()
        self.assertRegex(log, text)
        self.assertIn("Event Cachenode:RestoreFailed: Restore failed: ", log)
        self.assertIn("Node status: restore-failed", log)
        self.assertNotIn("Ready to accept connections", log)
        self.assertNotIn("Node status: available", log)

    def sample(self, name):
        shutil.copy(os.path.join(FILES, name + ".rdb"), os.path.join(self.folder, "dump.rdb"))

    def snapshot(self, name, size=200):
        server = self.start()
        connection = server.connect()
        self.fill(connection, 1, count=1000, size=size)
        self.create(connection, name)
        server.stop()

    def test_data_that_is_too_large(self):
        self.snapshot("big", size=40_000)
        self.refused(TOO_LARGE, "the data needs [0-9]+ bytes of memory, [0-9]+ are there", "--restore-snapshot", "big",
                     "--maxmemory", "20mb")

    def test_types_and_versions_this_server_does_not_have(self):
        self.sample("asset-valkey-encodings-rdb75-unknown-types")
        self.refused(UNSUPPORTED, "dump.rdb: offset [0-9]+: unknown value type 150 in an RDB file of version [0-9]+")
        self.sample("redis7.0.15-strings")
        with open(os.path.join(self.folder, "dump.rdb"), "r+b") as file:
            file.seek(5)
            file.write(b"0099")
        self.refused(UNSUPPORTED, "RDB version 99 is newer than", "--rdb-version-check", "strict")

    def test_files_that_are_broken(self):
        self.sample("redis7.0.15-strings")
        path = os.path.join(self.folder, "dump.rdb")
        os.truncate(path, os.path.getsize(path) - 20)
        self.refused(BROKEN, "dump.rdb: offset [0-9]+: the file ends")
        self.sample("redis7.0.15-strings")
        with open(path, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            byte = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        self.refused(BROKEN, "wrong checksum")
        os.remove(path)
        self.snapshot("one")
        os.truncate(os.path.join(self.folder, "snapshots", "one.rdb"), 100)
        self.refused(BROKEN, "one.rdb has 100 bytes, [0-9]+ were published", "--restore-snapshot", "one")

    def test_snapshots_that_are_not_there(self):
        missing = os.path.join(self.folder, "missing")
        self.refused(NO_SNAPSHOT, "%s: this folder does not exist: there is no snapshot one" % missing,
                     "--restore-snapshot", "one", "--snapshot-dir", missing)
        os.mkdir(missing)
        self.refused(NO_SNAPSHOT, "%s: there is no snapshot one" % missing, "--restore-snapshot", "one",
                     "--snapshot-dir", missing)

    def test_a_disk_that_cannot_be_read(self):
        os.mkdir(os.path.join(self.folder, "dump.rdb"))
        self.refused(DISK, "dump.rdb: Is a directory")

    def test_an_object_store_that_refuses(self):
        with S3Stub() as stub:
            stub.put("bucket", "other.rdb", b"x")
            store = ("--s3-endpoint", stub.url, "--s3-region", "us-east-1", "--s3-access-key-id", "AKIDTEST",
                     "--s3-max-attempts", "2", "--s3-snapshot-location", "s3://bucket/dump.rdb")
            secret = ("--s3-secret-access-key", "secret/test+key")
            self.refused(STORE, "NoSuchKey", *store, *secret)
            with open(os.path.join(FILES, "redis7.0.15-strings.rdb"), "rb") as file:
                data = file.read()
            stub.put("bucket", "dump.rdb", data)
            self.refused(STORE, "SignatureDoesNotMatch", *store, "--s3-secret-access-key", "wrong")
            stub.inject("replace", data=data + b"x", when=lambda request: request.is_object_get)
            self.refused(STORE, "412|changed|replaced", *store, *secret)
            stub.put("bucket", "dump.rdb", data[:-1] + b"x")
            self.refused(BROKEN, "s3://bucket/dump.rdb: offset [0-9]+: wrong checksum", *store, *secret)
            self.refused(OPTIONS, "s3-expected-bucket-owner must be an account id of 12 digits", *store, *secret,
                         "--s3-expected-bucket-owner", "12")
        self.refused(STORE, "s3://bucket/dump.rdb: .*[Cc]onnect", *store, *secret)


class StartFailure(ServerCase):
    def test_every_other_start_that_fails_ends_with_1(self):
        self.ours_only("about our own statuses")
        for directives in (("--no-such-directive", "x"), ("--port", "99999"), ("--cache-node-type", "cache.huge")):
            status, _ = self.run_once(*directives)
            self.assertEqual(1, status, directives)
