"""Notifications: what a receiver of notification-url and a topic get, and that nobody waits for them."""

import hashlib
import hmac
import http.server
import json
import os
import re
import threading
import time
import unittest.mock
import urllib.parse

from case import ServerCase
from network_test import free_port

KEY_ID = "AKIDTEST"
SECRET = "secret/test+key"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:node-events"


class Receiver:
    """An HTTP server on loopback that keeps what it gets; `answers` are (status, headers) to give, then 200s."""

    def __init__(self, port=0):
        self.got = []
        self.answers = []
        self.hang_seconds = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                receiver.got.append((status, dict((k.lower(), v) for k, v in self.headers.items()), self.path, body))
                if receiver.hang_seconds:
                    receiver.released.wait(receiver.hang_seconds)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.released = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def delivered(self):
        return [json.loads(body) for status, _, _, body in self.got if status == 200]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class Notifications(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("redis-server notifies nobody")
        world = unittest.mock.patch.dict(os.environ, AWS_EC2_METADATA_DISABLED="true", HOME=self.folder)
        world.start()
        self.addCleanup(world.stop)
        # An export that fails at once is one more event.
        self.no_store = ["--s3-endpoint", "http://127.0.0.1:%d" % free_port(), "--s3-max-attempts", "1",
                         "--s3-access-key-id", KEY_ID, "--s3-secret-access-key", SECRET]

    def receiver(self, port=0):
        receiver = Receiver(port)
        self.addCleanup(receiver.close)
        return receiver

    def info(self, connection):
        lines = connection.call("INFO", "notifications").value.decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def until(self, condition, what, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.01)
        self.fail(what)

    def test_events_are_posted_in_the_shape_of_the_service(self):
        receiver = self.receiver()
        server = self.start("--notification-url", receiver.url + "/hook?token=secret", "--cluster-id", "my-node")
        self.until(receiver.delivered, "nothing was posted")
        message = receiver.delivered()[0]
        self.assertEqual("ElastiCache:CacheClusterProvisioningComplete", next(iter(message)))
        self.assertEqual("my-node", message["ElastiCache:CacheClusterProvisioningComplete"])
        self.assertEqual(("cache-cluster", "my-node", "Cache cluster created", 1),
                         (message["SourceType"], message["SourceIdentifier"], message["Message"], message["Id"]))
        _, headers, path, _ = receiver.got[0]
        self.assertEqual(("application/json", "/hook?token=secret"), (headers["content-type"], path))
        info = self.info(server.connect())
        self.assertEqual(("1", "0", "0"), (info["notifications_sent"], info["notifications_failed"],
                                           info["notifications_waiting"]))

    def test_a_receiver_that_fails_is_tried_again(self):
        receiver = self.receiver()
        receiver.answers = [(503, {}), (500, {}), (429, {"Retry-After": "1"})]
        server = self.start("--notification-url", receiver.url + "/hook?token=secret")
        self.until(receiver.delivered, "it was never delivered")
        self.assertEqual([503, 500, 429, 200], [status for status, *_ in receiver.got])
        connection = server.connect()
        self.until(lambda: self.info(connection)["notifications_sent"] == "1", "not counted")
        self.assertEqual("3", self.info(connection)["notifications_retries"])
        self.assertNotIn("token", server.log_text())

    def test_a_receiver_that_refuses_loses_the_event_at_once(self):
        receiver = self.receiver()
        receiver.answers = [(404, {})]
        server = self.start("--notification-url", receiver.url)
        connection = server.connect()
        self.until(lambda: self.info(connection)["notifications_failed"] == "1", "not counted")
        self.assertIn("HTTP 404", self.info(connection)["notifications_last_error"])
        self.assertIn("was not delivered after 1 tries", server.log_text())

    def test_a_receiver_that_comes_later_gets_what_waited_in_order(self):
        port = free_port()
        server = self.start("--notification-url", "http://127.0.0.1:%d" % port, *self.no_store)
        connection = server.connect()
        self.assertEqual("Background export started", connection.call("NODE", "EXPORT", "x", "bucket").value.decode())
        self.until(lambda: self.info(connection)["notifications_waiting"] == "2", "both must wait")
        receiver = self.receiver(port)
        self.until(lambda: len(receiver.delivered()) == 2, "they were not delivered", 60)
        self.assertEqual([1, 2], [message["Id"] for message in receiver.delivered()])

    def test_no_client_waits_for_a_silent_receiver(self):
        receiver = self.receiver()
        receiver.hang_seconds = 30
        server = self.start("--notification-url", receiver.url)
        connection = server.connect()
        self.until(lambda: receiver.got, "nothing came")
        started = time.monotonic()
        for number in range(200):
            connection.call("SET", "key:%d" % number, "value")
        self.assertLess(time.monotonic() - started, 5)
        started = time.monotonic()
        server.stop()
        self.assertIsNone(server.failure)
        self.assertLess(time.monotonic() - started, 8, "a stop waits two seconds at most")

    def test_what_waits_is_sent_when_the_node_stops(self):
        receiver = self.receiver()
        with open(self.folder + "/dump.rdb", "wb") as file:
            file.write(b"REDIS0010" + b"\xfd" * 40)
        server = self.server("--notification-url", receiver.url)
        server.launch()
        self.assertEqual(12, server.wait())
        self.assertIn("Cachenode:RestoreFailed", receiver.delivered()[0])

    def test_the_url_can_be_set_and_taken_away_while_it_runs(self):
        receiver = self.receiver()
        connection = self.start(*self.no_store).connect()
        self.assertEqual("OK", connection.call("CONFIG", "SET", "notification-url", receiver.url).value.decode())
        connection.call("NODE", "EXPORT", "x", "bucket")
        self.until(receiver.delivered, "nothing came")
        connection.call("CONFIG", "SET", "notification-url", "")
        connection.call("NODE", "EXPORT", "x", "bucket")
        self.until(lambda: len(connection.call("NODE", "EVENTS").value) == 3, "the second export did not end")
        self.assertEqual(1, len(receiver.delivered()))

    def test_a_wrong_url_is_refused(self):
        connection = self.start().connect()
        for url in ("ftp://x/", "no-scheme", "http://", "http://x y/"):
            reply = connection.call("CONFIG", "SET", "notification-url", url)
            self.assertEqual("-", reply.kind, url)
            self.assertIn("http://", reply.value.decode())

    def test_a_topic_gets_a_signed_publish(self):
        receiver = self.receiver()
        self.start("--notification-topic-arn", TOPIC, "--sns-endpoint", receiver.url, "--s3-access-key-id", KEY_ID,
                   "--s3-secret-access-key", SECRET)
        self.until(lambda: receiver.got, "nothing was published")
        _, headers, path, body = receiver.got[0]
        form = dict(urllib.parse.parse_qsl(body.decode()))
        self.assertEqual(("/", "Publish", TOPIC), (path, form["Action"], form["TopicArn"]))
        self.assertEqual({"ElastiCache:CacheClusterProvisioningComplete": "cachenode"}, json.loads(form["Message"]))
        self.assert_signed(headers, body)

    def assert_signed(self, headers, body):
        match = re.match(r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d+)/([\w-]+)/sns/aws4_request, SignedHeaders=([\w;-]+), "
                         r"Signature=([0-9a-f]{64})$", headers["authorization"])
        self.assertTrue(match, headers)
        key_id, date, region, names, signature = match.groups()
        self.assertEqual((KEY_ID, "eu-west-1"), (key_id, region))
        canonical = ["POST", "/", ""] + ["%s:%s" % (name, headers[name]) for name in names.split(";")]
        canonical += ["", names, hashlib.sha256(body).hexdigest()]
        scope = "%s/%s/sns/aws4_request" % (date, region)
        text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                          hashlib.sha256("\n".join(canonical).encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in (date, region, "sns", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        self.assertEqual(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signature)

    def test_a_topic_without_credentials_is_said_once_for_each_event(self):
        server = self.start("--notification-topic-arn", TOPIC, "--sns-endpoint", "http://127.0.0.1:%d" % free_port())
        connection = server.connect()
        self.until(lambda: self.info(connection)["notifications_failed"] == "1", "not counted")
        self.assertIn("no AWS credentials found", self.info(connection)["notifications_last_error"])
