"""The job this node is for, from end to end: a real server's data set of all types lies in an S3 store, a node boots
from it, clients find every value as it was, load is put on it, and what it saves goes back to a real server."""

import os
import shutil
import subprocess

from all_types import content, fill
from case import ServerCase
from s3_stub import S3Stub

KEY_ID = "AKIDTEST"
SECRET = "secret/test+key"  # The store's own.
KEYS = 300
BENCHMARK_REQUESTS = 2000
DEBUG = ("--enable-debug-command", "yes")
# What redis-benchmark leaves behind; nothing of the data set begins like this.
BENCHMARK_KEYS = ("key:__rand_int__", "counter:__rand_int__", "mylist", "myset", "myhash", "myzset")


class MainJob(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("only ours boots from S3")
        self.stub = S3Stub()
        self.stub.__enter__()
        self.addCleanup(self.stub.__exit__, None, None, None)

    def program(self, name, package):
        path = shutil.which(name)
        if path is None:
            self.skipTest("%s is not installed (apt-get install %s)" % (name, package))
        return path

    def run_program(self, *command, **options):
        done = subprocess.run(command, capture_output=True, timeout=120, check=False, **options)
        self.assertEqual(0, done.returncode, (done.stdout + done.stderr).decode(errors="replace"))
        return done.stdout

    def put(self, path):
        environment = dict(
            os.environ, AWS_ACCESS_KEY_ID=KEY_ID, AWS_SECRET_ACCESS_KEY=SECRET, AWS_DEFAULT_REGION="us-east-1",
            AWS_EC2_METADATA_DISABLED="true", AWS_REQUEST_CHECKSUM_CALCULATION="when_required", HOME=self.folder)
        self.run_program(self.program("aws", "awscli"), "--endpoint-url", self.stub.url, "s3", "cp", path,
                         "s3://bucket/dump.rdb", env=environment)

    def redis_cli(self, server, *words):
        return self.run_program(self.program("redis-cli", "redis-tools"), "-s", server.socket, *words)

    def dump_of_all_types(self):
        """(digest, content, what redis-cli prints for each key) of a real server that saved its data set."""
        folder = os.path.join(self.folder, "source")
        os.mkdir(folder)
        with self.reference(*DEBUG, "--save", "", folder=folder) as theirs:
            connection = theirs.connect(timeout=60.0)
            fill(connection, 20261122, KEYS)
            digest = connection.call("DEBUG", "DIGEST").value
            held = content(connection)
            printed = self.print_all(theirs, held)
            self.assertEqual("+OK", repr(connection.call("SAVE")))
        self.put(os.path.join(folder, "dump.rdb"))
        return digest, held, printed

    def print_all(self, server, held):
        reads = {b"string": ["GET"], b"list": ["LRANGE", "0", "-1"], b"zset": ["ZRANGE", "0", "-1", "WITHSCORES"],
                 b"stream": ["XRANGE", "-", "+"]}
        return {key: self.redis_cli(server, reads[kind][0], key, *reads[kind][1:])
                for key, (kind, _, _) in sorted(held.items())[::7] if kind in reads and b"\0" not in key}

    def boot(self):
        server = self.start(
            *DEBUG, "--engine-version", "7.0", "--save", "", "--s3-snapshot-location", "s3://bucket/dump.rdb",
            "--s3-endpoint", self.stub.url, "--s3-region", "us-east-1", "--s3-access-key-id", KEY_ID,
            "--s3-secret-access-key", SECRET)
        return server, server.connect(timeout=60.0)

    def benchmark(self, server):
        self.run_program(
            self.program("redis-benchmark", "redis-tools"), "-s", server.socket, "-n", str(BENCHMARK_REQUESTS), "-c",
            "10", "-q", "-t", "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset")

    def test_boots_from_a_real_servers_dump_and_hands_its_own_back(self):
        digest, held, printed = self.dump_of_all_types()
        server, connection = self.boot()
        self.assertEqual(held, content(connection))
        self.assertEqual(digest, connection.call("DEBUG", "DIGEST").value)
        self.assertEqual(printed, self.print_all(server, held))
        self.benchmark(server)
        connection.call("DEL", *BENCHMARK_KEYS)
        self.assertEqual(digest, connection.call("DEBUG", "DIGEST").value)
        self.assertEqual("+", connection.call("BGSAVE").kind)
        while b"rdb_bgsave_in_progress:1" in connection.call("INFO", "persistence").value:
            pass
        server.kill()
        with self.reference(*DEBUG) as theirs:
            connection = theirs.connect(timeout=60.0)
            self.assertEqual(digest, connection.call("DEBUG", "DIGEST").value)
            self.assertEqual(held, content(connection))
