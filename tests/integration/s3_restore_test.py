"""A node that boots from an object in an S3 store: ours serves it whole or not at all."""

import os

from case import Closed, Connection, StartFailed
from save_test import SaveCase, fill
from s3_stub import S3Stub

KEY_ID = "AKIDTEST"
SECRET = "secret/test+key"  # The store's own.


class RestoreFromS3(SaveCase):
    def setUp(self):
        super().setUp()
        self.ours_only("only ours restores from S3")
        self.stub = S3Stub()
        self.stub.__enter__()
        self.addCleanup(self.stub.__exit__, None, None, None)

    def dump(self, count=2000):
        """The model and the RDB file of a node that held it."""
        server = self.start()
        connection = server.connect(timeout=60.0)
        model = fill(connection, 1, count)
        self.assertEqual("OK", connection.call("SAVE").value.decode())
        connection.close()
        server.stop()
        path = os.path.join(server.folder, "dump.rdb")
        with open(path, "rb") as file:
            data = file.read()
        os.remove(path)
        return model, data

    def directives(self, location="s3://bucket/dump.rdb", secret=SECRET):
        return ["--s3-snapshot-location", location, "--s3-endpoint", self.stub.url, "--s3-region", "us-east-1",
                "--s3-access-key-id", KEY_ID, "--s3-secret-access-key", secret, "--s3-max-attempts", "6"]

    def refused(self, *directives):
        """The log of a node that must not start."""
        with self.assertRaises(StartFailed) as failed:
            self.start(*directives)
        self.assertIn("status 1", str(failed.exception))
        return str(failed.exception)

    def test_boots_from_an_object(self):
        model, data = self.dump()
        self.stub.put("bucket", "dump.rdb", data)
        for location in ("s3://bucket/dump.rdb", "bucket/dump.rdb", "arn:aws:s3:::bucket/dump.rdb"):
            server = self.start(*self.directives(location))
            self.holds(server, model)
            server.stop()

    def test_goes_on_after_faults_of_the_network(self):
        model, data = self.dump()
        self.stub.put("bucket", "dump.rdb", data)
        self.stub.inject("reset", times=2, after=1000)
        self.stub.inject("status", status=503, code="SlowDown", message="Please reduce your request rate.")
        server = self.start(*self.directives())
        self.holds(server, model)
        server.stop()

    def test_a_wrong_secret_ends_the_start(self):
        _, data = self.dump(10)
        self.stub.put("bucket", "dump.rdb", data)
        self.assertIn("SignatureDoesNotMatch", self.refused(*self.directives(secret="wrong")))

    def test_a_missing_object_ends_the_start(self):
        self.stub.put("bucket", "other.rdb", b"x")
        self.assertIn("NoSuchKey", self.refused(*self.directives()))

    def test_a_damaged_object_is_never_served(self):
        _, data = self.dump()
        damaged = bytearray(data)
        damaged[-1] ^= 1  # The checksum's last byte: every key decodes.
        self.stub.put("bucket", "dump.rdb", bytes(damaged))
        log = self.refused(*self.directives())
        self.assertIn("checksum", log.lower())

    def test_answers_loading_until_the_last_byte(self):
        _, data = self.dump()
        self.stub.put("bucket", "dump.rdb", data)
        self.stub.inject("slow", bytes_per_second=max(1, len(data) // 3))
        server = self.server(*self.directives())
        server.launch()
        self.addCleanup(server.stop)
        seen = set()
        while True:
            self.assertIsNone(server.process.poll(), server.log_text())
            try:
                connection = Connection(server.socket, 10.0)
                reply = connection.call("DBSIZE")
                connection.close()
            except (OSError, Closed):
                continue
            seen.add(reply.kind)
            if reply.kind == ":":
                break
            self.assertTrue(reply.value.startswith(b"LOADING"), reply)
        self.assertEqual({"-", ":"}, seen)
