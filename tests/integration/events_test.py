"""The event log of the node: what NODE EVENTS and the server's log tell."""

import os

from case import ServerCase, StartFailed


def events(connection, *arguments):
    """The events as dictionaries, newest first."""
    found = []
    for entry in connection.call("NODE", "EVENTS", *arguments).value:
        texts = [field.value.decode() if isinstance(field.value, bytes) else field.value for field in entry.value]
        found.append(dict(zip(texts[::2], texts[1::2])))
    return found


class Events(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("redis-server has no NODE")

    def log_of(self, server):
        with open(server.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def test_a_new_node_was_created_and_a_known_one_restarted(self):
        server = self.start()
        client = server.connect()
        newest = events(client)[0]
        self.assertEqual("Cache cluster created", newest["message"])
        self.assertEqual("ElastiCache:CacheClusterProvisioningComplete", newest["event"])
        self.assertEqual("cache-cluster", newest["source-type"])
        self.assertRegex(newest["date"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        client.call("SET", "key", "value")
        client.call("SAVE")
        server.stop()
        self.assertIn("Event: Cache node 0001 shutdown", self.log_of(server))
        server = self.start()
        newest = events(server.connect(), "COUNT", "1")
        self.assertEqual(["Cache node 0001 restarted"], [event["message"] for event in newest])
        self.assertIn("Event ElastiCache:CacheNodesRebooted: Cache node 0001 restarted", self.log_of(server))

    def test_a_failed_restore_is_an_event_of_the_log(self):
        with open(os.path.join(self.folder, "dump.rdb"), "wb") as file:
            file.write(b"REDIS0010" + b"\xfd" * 40)
        server = self.server()
        with self.assertRaises(StartFailed):
            server.start()
        self.assertIn("Event Cachenode:RestoreFailed: Restore failed: ", self.log_of(server))

    def test_changes_of_the_configuration(self):
        client = self.start("--cluster-id", "my-redis").connect()
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "timeout", "60", "maxmemory-policy", "allkeys-lru")))
        newest = events(client)[0]
        self.assertEqual("ElastiCache:CacheClusterParametersChanged", newest["event"])
        self.assertEqual("One or more cache cluster parameters have been changed: timeout=60, "
                         "maxmemory-policy=allkeys-lru", newest["message"])
        self.assertEqual("my-redis", newest["source-identifier"])
        count = len(events(client))
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "timeout", "60", "requirepass", "")))
        self.assertEqual("-", client.call("CONFIG", "SET", "timeout", "61", "maxmemory-samples", "none").kind)
        self.assertEqual(count, len(events(client)), "nothing has changed")
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "security-group", "web 10.0.0.0/8")))
        newest = events(client)[0]
        self.assertEqual("ElastiCache:CacheClusterSecurityGroupModified", newest["event"])
        self.assertIn("security-group=web 10.0.0.0/8", newest["message"])
