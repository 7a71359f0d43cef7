"""The restart in place that applies pending changes, with real processes."""

import os
import time

from case import Closed, ServerCase
from events_test import events

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class RestartInPlace(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("redis-server does not restart itself")

    def run_id(self, server):
        try:
            connection = server.connect()
            text = self.value(connection.call("INFO", "server")).decode()
            connection.close()
            return text.split("run_id:")[1].split("\r\n")[0]
        except (OSError, Closed):
            return None

    def wait_for_another(self, server, before):
        """Returns a connection to the node after its restart."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            self.assertIsNone(server.process.poll(), server.log_text())
            now = self.run_id(server)
            if now not in (None, before):
                connection = server.connect()
                while connection.call("PING").kind != "+":
                    time.sleep(0.01)
                return connection
            time.sleep(0.02)
        self.fail("no restart:\n" + server.log_text())

    def setting(self, client, name):
        return client.call("CONFIG", "GET", name).value[1].value.decode()

    def fill(self, client):
        for number in range(500):
            client.call("SET", "key:%d" % number, "value:%d" % number)
        client.call("RPUSH", "list", *range(300))
        return client.call("DBSIZE").value

    def test_a_new_type_is_applied_at_once_and_keeps_data_and_settings(self):
        server = self.start(conf="cache-node-type cache.t2.micro\ntimeout 3\nrename-command flushall nuke\n")
        client = server.connect()
        keys = self.fill(client)
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "timeout", "700", "maxmemory-samples", "7")))
        before = self.run_id(server)
        process = server.process.pid
        self.assertEqual("+OK", repr(client.call(
            "CONFIG", "SET", "cache-node-type", "cache.t3.micro", "apply-immediately", "yes")))
        client = self.wait_for_another(server, before)
        self.assertEqual(process, server.process.pid)
        self.assertEqual(keys, client.call("DBSIZE").value)
        self.assertEqual(b"value:7", client.call("GET", "key:7").value)
        self.assertEqual(
            ["cache.t3.micro", "402653184", "700", "7"],
            [self.setting(client, name) for name in ("cache-node-type", "maxmemory", "timeout", "maxmemory-samples")])
        self.assertEqual(
            [("ElastiCache:CacheClusterScalingComplete",
              "Scaling for cache-cluster completed successfully: cache node type cache.t3.micro"),
             ("ElastiCache:CacheNodesRebooted", "Cache node 0001 restarted"),
             ("", "Applying modification to cache node type to cache.t3.micro"),
             ("", "Modification of cache node type to cache.t3.micro is pending"),
             ("ElastiCache:CacheClusterParametersChanged",
              "One or more cache cluster parameters have been changed: timeout=700, maxmemory-samples=7"),
             ("ElastiCache:CacheClusterProvisioningComplete", "Cache cluster created")],
            [(event["event"], event["message"]) for event in events(client)])
        self.assertEqual([6, 5, 4, 3, 2, 1], [int(event["id"]) for event in events(client)])
        states = [line.rsplit(" ", 1)[1] for line in server.log_text().splitlines() if "Node status: " in line]
        self.assertEqual(["available", "modifying", "rebooting", "restoring", "available"], states)
        self.assertIn("unknown command", repr(client.call("FLUSHALL")))
        self.assertEqual([], [name for name in os.listdir(self.folder) if name.endswith((".rdb", ".restart", ".events"))])
        self.assertEqual("+OK", repr(client.call("CONFIG", "REWRITE")))
        with open(os.path.join(self.folder, "node.conf"), encoding="utf-8") as file:
            self.assertIn("cache-node-type \"cache.t3.micro\"", file.read())
        self.assertEqual("+OK", repr(client.call("NUKE")))
        server.stop()
        self.assertIsNone(server.failure)

    def test_a_pending_parameter_is_applied_in_the_window(self):
        path = os.path.join(self.folder, "group.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("family redis7\n")
        begin, end = time.gmtime(time.time() - 600), time.gmtime(time.time() + 3600)
        window = "-".join("%s:%02d:%02d" % (DAYS[at.tm_wday], at.tm_hour, at.tm_min) for at in (begin, end))
        server = self.start("--parameter-group", path)
        client = server.connect()
        keys = self.fill(client)
        before = self.run_id(server)
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "databases", "3")))
        self.assertEqual("16", self.setting(client, "databases"))
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "preferred-maintenance-window", window)))
        client = self.wait_for_another(server, before)
        self.assertEqual("3", self.setting(client, "databases"))
        newest = events(client)[0]
        self.assertEqual(
            ("ElastiCache:CacheClusterParametersChanged",
             "One or more cache cluster parameters have been changed: databases=3"),
            (newest["event"], newest["message"]))
        self.assertEqual(keys, client.call("DBSIZE").value)
        self.assertIn("parameter_apply_status:in-sync", self.value(client.call("INFO", "node")).decode())

    def test_a_restart_that_cannot_save_leaves_the_node_as_it_is(self):
        server = self.start("--dbfilename", "dump.rdb", "--cache-node-type", "cache.t2.micro")
        client = server.connect()
        keys = self.fill(client)
        os.mkdir(os.path.join(self.folder, "dump.rdb.restart"))  # A folder in the way of the file.
        client.call("CONFIG", "SET", "cache-node-type", "cache.t3.micro", "apply-immediately", "yes")
        deadline = time.monotonic() + 30
        while "Cannot restart: the data set could not be saved" not in server.log_text():
            self.assertLess(time.monotonic(), deadline, server.log_text())
            time.sleep(0.02)
        self.assertEqual(keys, client.call("DBSIZE").value)
        self.assertIn("node_status:available", self.value(client.call("INFO", "node")).decode())
        self.assertIn("Node status: modifying", server.log_text())
        self.assertNotIn("Node status: rebooting", server.log_text())
        self.assertEqual("ElastiCache:CacheClusterScalingFailed", events(client)[0]["event"])
        self.assertRegex(events(client)[0]["message"], "^Failed applying modification to cache node type to "
                         "cache.t3.micro: the data set could not be saved: cannot rename .*: Is a directory$")

    def test_modifying_shows_while_something_else_must_end_first(self):
        server = self.start("--rdb-key-save-delay", "20000")  # 10 seconds for the keys below.
        client = server.connect()
        self.fill(client)
        client.call("BGSAVE")
        before = self.run_id(server)
        client.call("CONFIG", "SET", "cache-node-type", "cache.t3.micro")
        self.assertIn("node_status:available", self.value(client.call("INFO", "node")).decode())
        client.call("CONFIG", "SET", "apply-immediately", "yes")
        self.assertIn("node_status:modifying", self.value(client.call("INFO", "node")).decode())
        client.call("CONFIG", "SET", "apply-immediately", "no")
        self.assertIn("node_status:available", self.value(client.call("INFO", "node")).decode())
        client.call("CONFIG", "SET", "apply-immediately", "yes")
        client.call("BGSAVE", "CANCEL")
        self.assertIn("node_status:available", self.value(self.wait_for_another(server, before).call("INFO", "node")).decode())

    def test_events_that_cannot_be_read_are_a_warning(self):
        with open(os.path.join(self.folder, "dump.rdb.events"), "w", encoding="utf-8") as file:
            file.write('{"Id":1,"TimeMs":1700000000000,"Event":"","Message":"one"}\nnonsense\n')
        server = self.start("--dbfilename", "dump.rdb")
        self.assertEqual(["Cache cluster created"], [event["message"] for event in events(server.connect())])
        self.assertIn("The events of before the restart are lost: ", server.log_text())
        self.assertIn("dump.rdb.events: line 2 is no JSON object", server.log_text())

    def test_a_type_without_backups_is_refused_while_snapshots_are_on(self):
        server = self.start("--snapshot-retention-limit", "3")
        client = server.connect()
        refusal = "-ERR CONFIG SET failed (possibly related to argument '%s') - snapshots are not supported on nodes " \
            "of type cache.t1.micro: snapshot-retention-limit must be 0"
        self.assertEqual(refusal % "cache-node-type", repr(client.call("CONFIG", "SET", "cache-node-type",
                                                                       "cache.t1.micro")))
        self.assertIn("parameter_apply_status:in-sync", self.value(client.call("INFO", "node")).decode())
        self.assertEqual("+OK", repr(client.call(
            "CONFIG", "SET", "cache-node-type", "cache.t1.micro", "snapshot-retention-limit", "0")))
        self.assertEqual(refusal % "snapshot-retention-limit", repr(client.call(
            "CONFIG", "SET", "snapshot-retention-limit", "1")))
        before = self.run_id(server)
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "apply-immediately", "yes")))
        client = self.wait_for_another(server, before)
        self.assertEqual("cache.t1.micro", self.setting(client, "cache-node-type"))

    def test_a_smaller_type_must_have_room_for_the_data(self):
        # 16 MB of cache.t2.micro are left for keys.
        server = self.start("--reserved-memory-percent", "97")
        client = server.connect(timeout=60.0)
        client.call("SETRANGE", "big", str(40 << 20), "x")
        refusal = r"^-ERR CONFIG SET failed \(possibly related to argument 'cache-node-type'\) - the data takes [0-9]+ " \
            "bytes of memory, cache.t2.micro has 17[0-9]{6} for it$"
        self.assertRegex(repr(client.call("CONFIG", "SET", "cache-node-type", "cache.t2.micro")), refusal)
        client.call("DEL", "big")
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "cache-node-type", "cache.t2.micro")))
        self.assertIn("Modification of cache node type to cache.t2.micro is pending", events(client)[0]["message"])
        # It grows again before the restart: the type stays as it is, and the change is given up.
        client.call("SETRANGE", "big", str(40 << 20), "x")
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "apply-immediately", "yes")))
        deadline = time.monotonic() + 30
        while "Failed" not in events(client)[0]["message"]:
            self.assertLess(time.monotonic(), deadline, server.log_text())
            time.sleep(0.02)
        event = events(client)[0]
        self.assertEqual("ElastiCache:CacheClusterScalingFailed", event["event"])
        self.assertRegex(event["message"], "^Failed applying modification to cache node type to cache.t2.micro: the "
                         "data takes [0-9]+ bytes of memory, cache.t2.micro has 17[0-9]{6} for it$")
        info = self.value(client.call("INFO", "node")).decode()
        for line in ("cache_node_type:custom\r\n", "parameter_apply_status:in-sync", "node_status:available"):
            self.assertIn(line, info)
        self.assertEqual(1, self.value(client.call("EXISTS", "big")))

    def test_a_node_killed_before_its_restart_loads_what_was_saved_for_it(self):
        server = self.start()
        client = server.connect()
        client.call("SET", "a", "1")
        self.assertEqual("+OK", repr(client.call("SAVE")))
        os.rename(os.path.join(self.folder, "dump.rdb"), os.path.join(self.folder, "dump.rdb.restart"))
        server.kill()
        server.start()
        self.assertEqual(b"1", server.connect().call("GET", "a").value)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "dump.rdb.restart")))
