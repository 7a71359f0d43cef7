"""The node's identity and status, seen from outside: the log, INFO, the health check, the supervisor."""

import os
import socket
import urllib.error
import urllib.request

from case import ServerCase, StartFailed
from network_test import free_port


class NodeIdentity(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("redis-server has no such options")

    def fields(self, server):
        text = self.value(server.connect().call("INFO", "node")).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def test_a_node_tells_who_it_is(self):
        port = free_port()
        server = self.start(
            "--port", str(port), "--bind", "127.0.0.1", "--cluster-id", "Orders-Cache", "--preferred-zone", "zone-1a",
            "--subnet-group", "private", "--vpc", "main", "--security-group", "web", "10.0.0.0/8",
            "--notification-topic-arn", "arn:aws:sns:us-east-1:123456789012:events",
            # Nobody listens there: a test tells nobody.
            "--sns-endpoint", "http://127.0.0.1:%d" % free_port(), "--s3-access-key-id", "key", "--s3-secret-access-key", "x",
            "--auto-minor-version-upgrade", "yes")
        fields = self.fields(server)
        for name, value in {
                "cluster_id": "orders-cache", "node_id": "0001", "node_status": "available", "num_cache_nodes": "1",
                "endpoint": "127.0.0.1:%d" % port, "engine": "redis", "preferred_zone": "zone-1a",
                "subnet_group": "private", "vpc": "main", "security_groups": "web",
                "notification_topic_arn": "arn:aws:sns:us-east-1:123456789012:events"}.items():
            self.assertEqual(value, fields[name], name)
        log = server.log_text()
        self.assertIn("Endpoint: 127.0.0.1:%d (node 0001 of orders-cache)" % port, log)
        self.assertIn("Node status: available", log)
        self.assertIn("auto-minor-version-upgrade is on, but", log)

    def test_more_than_one_node_is_refused_with_the_reason(self):
        with self.assertRaisesRegex(StartFailed, "(?s)num-cache-nodes.*argument must be 1: a cluster of this engine"):
            self.start("--num-cache-nodes", "2")

    def test_a_bad_cluster_id_names_its_line_and_the_rule(self):
        with self.assertRaisesRegex(StartFailed, "(?s)at line 2.*cluster-id.*two hyphens must not follow"):
            self.start(conf="timeout 5\ncluster-id a--b\n")

    def test_a_failed_restore_says_so_and_serves_nothing(self):
        with open(os.path.join(self.folder, "dump.rdb"), "wb") as file:
            file.write(b"REDIS0010 this is no snapshot")
        server = self.server()
        server.launch()
        self.assertEqual(11, server.wait())
        log = server.log_text()
        self.assertIn("Node status: restoring", log)
        self.assertIn("Node status: restore-failed", log)
        self.assertNotIn("available", log)

    def test_the_supervisor_and_the_health_check_see_the_restore(self):
        with self.start() as first:
            client = first.connect()
            for number in range(200):
                client.call("SET", "key:%d" % number, "v" * 50)
            self.assertEqual("+OK", repr(client.call("SAVE")))
        path = os.path.join(self.folder, "notify")
        port = free_port()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(path)
            supervisor.settimeout(20)
            # 20 ms a key: the restore takes four seconds, long enough to be looked at.
            server = self.server(
                "--supervised", "systemd", "--metrics-port", str(port), "--key-load-delay", "20000",
                wrapper=("env", "NOTIFY_SOCKET=" + path))
            server.launch()
            self.addCleanup(self.finish, server)
            lines = []
            while not lines or "STATUS=restoring" not in lines[-1]:
                lines.append(supervisor.recv(4096).decode())
            with self.assertRaises(urllib.error.HTTPError) as failed:
                urllib.request.urlopen("http://127.0.0.1:%d/healthz" % port, timeout=20)
            self.assertEqual((503, b"restoring\n"), (failed.exception.code, failed.exception.read()))
            failed.exception.close()
            while "READY=1" not in lines[-1]:
                lines.append(supervisor.recv(4096).decode())
            self.assertIn("STATUS=available\n", lines)
        with urllib.request.urlopen("http://127.0.0.1:%d/healthz" % port, timeout=20) as answer:
            self.assertEqual((200, b"available\n"), (answer.status, answer.read()))
