"""Node types, parameter groups, managed mode and the subcommands, with real processes."""

import json
import os

from case import ServerCase, StartFailed


class NodeTypes(ServerCase):
    def setUp(self):
        super().setUp()
        self.ours_only("redis-server has no node types")

    def setting(self, client, name):
        return client.call("CONFIG", "GET", name).value[1].value.decode()

    def fields(self, client):
        text = self.value(client.call("INFO", "node")).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def test_a_type_sets_the_sizes_of_the_node(self):
        client = self.start("--cache-node-type", "cache.t3.micro", "--io-threads", "4").connect()
        self.assertEqual("402653184", self.setting(client, "maxmemory"))
        self.assertEqual("53687091", self.setting(client, "client-output-buffer-limit-replica-hard-limit"))
        self.assertEqual("2", self.setting(client, "io-threads"))
        fields = self.fields(client)
        self.assertEqual(("cache.t3.micro", "1", "redis7"), (
            fields["cache_node_type"], fields["backups_allowed"], fields["parameter_group_family"]))

    def test_a_type_beyond_the_machine_stops_the_start(self):
        with self.assertRaisesRegex(StartFailed, "(?s)cache-node-type.*GiB of memory, this machine or its control group"):
            self.start("--cache-node-type", "cache.r5.24xlarge")

    def test_a_pending_type_shows_and_is_written_by_config_rewrite(self):
        server = self.start(conf="cache-node-type cache.t2.micro\n")
        client = server.connect()
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "cache-node-type", "cache.t3.micro")))
        fields = self.fields(client)
        self.assertEqual(("pending-reboot", "cache-node-type=cache.t3.micro", "cache.t2.micro"), (
            fields["parameter_apply_status"], fields["pending_changes"], fields["cache_node_type"]))
        self.assertEqual("+OK", repr(client.call("CONFIG", "REWRITE")))
        server.stop()
        server.start()
        client = server.connect()
        self.assertEqual("402653184", self.setting(client, "maxmemory"))
        self.assertEqual("in-sync", self.fields(client)["parameter_apply_status"])

    def test_a_parameter_group_of_ones_own(self):
        path = os.path.join(self.folder, "my.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("family redis7\nmaxmemory-policy allkeys-lfu\nrename-commands flushall blocked\n")
        client = self.start("--parameter-group", path).connect()
        self.assertEqual("allkeys-lfu", self.setting(client, "maxmemory-policy"))
        self.assertIn("unknown command", repr(client.call("FLUSHALL")))
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "timeout", "60")))
        self.assertIn("permits, allowed: a number of 0, 20 or more", repr(client.call("CONFIG", "SET", "timeout", "5")))

    def test_a_bad_group_names_file_line_and_the_nearest_name(self):
        path = os.path.join(self.folder, "my.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("family redis7\n\nmaxmemory-polici allkeys-lfu\n")
        with self.assertRaisesRegex(StartFailed, r"(?s)maxmemory-polici.*did you mean 'maxmemory-policy'.*line 3 of .*my\.conf"):
            self.start("--parameter-group", path)

    def test_managed_mode_hides_commands_with_the_engines_own_words(self):
        server = self.start("--managed-mode", "yes")
        client = server.connect()
        self.assertEqual(
            "-ERR unknown command 'CONFIG', with args beginning with: 'GET' '*'\\x20", repr(client.call("CONFIG", "GET", "*")))
        self.assertEqual([], client.call("COMMAND", "LIST", "FILTERBY", "PATTERN", "bgsave").value)
        server.stop()
        server = self.start("--managed-mode", "yes", "--engine-version", "5.0.6")
        client = server.connect()
        self.assertEqual(
            "-ERR unknown command `CONFIG`, with args beginning with: `GET`, `*`,\\x20", repr(client.call("CONFIG", "GET", "*")))
        server.stop()
        client = self.start("--managed-mode", "config-readonly", "--engine-version", "3.2").connect()
        self.assertEqual("0", self.setting(client, "timeout"))
        self.assertEqual("-ERR unknown command 'SAVE'", repr(client.call("SAVE")))

    def test_the_subcommands(self):
        status, output = self.run_once("node-types")
        self.assertEqual(0, status)
        self.assertEqual(114, len(output.splitlines()))
        self.assertRegex(output, r"(?m)^cache\.m5\.large +current +2 +6\.38 +6854542746 ")
        status, output = self.run_once("parameters", "--family", "redis7", "--json")
        self.assertEqual(0, status)
        path = os.path.join(self.folder, "described.json")
        described = json.loads(output)
        for parameter in described["Parameters"]:
            if parameter["ParameterName"] == "timeout":
                parameter.update(ParameterValue="60", Source="user")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(described, file)
        status, output = self.run_once("check-config", path)
        self.assertEqual((0, path + ": a valid parameter group of family redis7\n"), (status, output))
        self.assertEqual("60", self.setting(self.start("--parameter-group", path).connect(), "timeout"))
        status, output = self.run_once("parameters", "--parameter-group", path)
        self.assertRegex(output, r"(?m)^timeout +60 +0,20- +yes +immediate +user ")
        conf = os.path.join(self.folder, "bad.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write("timeout 5\nmaxmemori 1gb\n")
        status, output = self.run_once("check-config", conf)
        self.assertEqual(1, status)
        self.assertRegex(output, r"(?s)line 2.*maxmemori.*did you mean 'maxmemory'")
        status, output = self.run_once("parameters", "--family", "redis8")
        self.assertEqual(1, status)
        self.assertIn("There is no family 'redis8'; allowed: redis2.6, redis2.8", output)
