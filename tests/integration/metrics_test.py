"""The monitoring port: what Prometheus reads, and what it costs the others."""

import re
import socket
import threading
import urllib.error
import urllib.request

from case import ServerCase, StartFailed
from network_test import free_port

SAMPLE = re.compile(r"^(redis_[a-z0-9_]+(?:\{(?:[a-z_]+=\"(?:[^\"\\]|\\.)*\",?)*\})?) (\S+)$")


class Metrics(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("redis-server has no such port")
        self.port = free_port()

    def get(self, path, port=None):
        address = "http://127.0.0.1:%d%s" % (port or self.port, path)
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()

    def samples(self):
        status, kind, text = self.get("/metrics")
        self.assertEqual((200, "text/plain; version=0.0.4; charset=utf-8"), (status, kind))
        found = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                continue
            match = SAMPLE.match(line)
            self.assertTrue(match, line)
            self.assertNotIn(match[1], found)
            found[match[1]] = float(match[2])
        return found

    def test_a_scrape_tells_what_info_tells(self):
        server = self.start("--metrics-port", str(self.port), "--io-threads", "2")
        client = server.connect()
        for number in range(5):
            client.call("SET", "key:%d" % number, "value")
        client.call("EXPIRE", "key:1", "1000")
        client.call("GET", "key:0")
        client.call("GET", "none")
        client.call("LPUSH", "key:0", "x")
        found = self.samples()
        self.assertEqual(1, found["redis_up"])
        self.assertEqual(5, found['redis_commands_total{cmd="set"}'])
        self.assertEqual(1, found['redis_commands_failed_calls_total{cmd="lpush"}'])
        self.assertEqual(1, found['redis_errors_total{err="WRONGTYPE"}'])
        self.assertEqual(5, found['redis_db_keys{db="db0"}'])
        self.assertEqual(1, found['redis_db_keys_expiring{db="db0"}'])
        self.assertEqual(1, found["redis_keyspace_misses_total"])
        self.assertGreater(found["redis_memory_used_bytes"], 0)
        self.assertGreater(found['redis_commands_duration_seconds_total{cmd="set"}'], 0)
        self.assertGreaterEqual(len(found), 90)
        self.assertEqual((200, "available\n"), self.get("/healthz")[::2])

    def test_many_readers_at_once_and_one_that_says_nothing(self):
        server = self.start("--metrics-port", str(self.port))
        silent = [socket.create_connection(("127.0.0.1", self.port), 20) for _ in range(4)]
        failures = []

        def read():
            for _ in range(20):
                try:
                    self.samples()
                except AssertionError as failed:
                    failures.append(str(failed))
        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        client = server.connect()
        for _ in range(1000):
            self.assertEqual("+PONG", repr(client.call("PING")))
        for reader in readers:
            reader.join()
        self.assertEqual([], failures)
        for peer in silent:
            peer.close()

    def test_the_port_moves_by_config_set_and_a_taken_one_is_refused(self):
        server = self.start("--metrics-port", str(self.port))
        client = server.connect()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.assertEqual(
                "-ERR CONFIG SET failed (possibly related to argument 'metrics-port') - "
                "Unable to listen on this port. Check server logs.",
                repr(client.call("CONFIG", "SET", "metrics-port", taken.getsockname()[1])))
        self.assertEqual(1, self.samples()["redis_up"])
        other = free_port()
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "metrics-port", other)))
        self.assertEqual(200, self.get("/healthz", other)[0])
        with self.assertRaises(urllib.error.URLError):
            self.get("/healthz")
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "metrics-port", "0")))
        with self.assertRaises(urllib.error.URLError):
            self.get("/healthz", other)

    def test_a_taken_port_stops_the_start(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            with self.assertRaises(StartFailed):
                self.start("--metrics-port", str(self.port))
