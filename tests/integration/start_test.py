"""How a server starts, refuses to start, and stops."""

import ctypes
import mmap
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from case import ROOT, Connection, ServerCase, Settings

HUGE_PAGE_BYTES = 2 << 20
MADV_COLLAPSE = 25


class Start(ServerCase):
    def test_says_that_it_is_ready_in_redis_log_form(self):
        server = self.start()
        ready = r"(?m)^\d+:[A-Z] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [-#*.] .*[Rr]eady to accept connections"
        with open(server.log, encoding="utf-8", errors="replace") as log:
            self.assertRegex(log.read(), ready)

    def test_version_has_redis_form(self):
        for option in ("-v", "--version"):
            status, output = self.run_once(option)
            self.assertEqual(0, status, output)
            self.assertRegex(output, r"v=\d+\.\d+\.\d+ sha=\w+:\d malloc=\S+ bits=64 build=\w+")

    def test_help_shows_the_usage(self):
        _, output = self.run_once("--help")
        self.assertIn("Usage:", output)

    def test_takes_file_then_directives(self):
        server = self.start("--maxmemory", "5mb", conf="maxmemory 1mb\ntimeout 7\n")
        connection = server.connect()
        self.assertEqual(b"5242880", connection.call("CONFIG", "GET", "maxmemory").value[1].value)
        self.assertEqual(b"7", connection.call("CONFIG", "GET", "timeout").value[1].value)

    def test_reads_a_configuration_from_standard_input(self):
        path = os.path.join(self.folder, "socket")
        conf = "port 0\nunixsocket %s\nsave \"\"\ndir %s\n" % (path, self.folder)
        with subprocess.Popen(Settings.command + ["-"], executable=Settings.program, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder) as process:
            process.stdin.write(conf.encode())
            process.stdin.close()
            for line in process.stdout:
                if b"eady to accept" in line:
                    break
            connection = Connection(path)
            self.assertEqual("+PONG", repr(connection.call("PING")))
            process.send_signal(signal.SIGTERM)
            self.assertEqual(0, process.wait(30))
            process.stdout.close()

    def test_the_packaged_configuration_starts_it(self):
        # The stage unpacks Debian's redis-server below build/reference, without installing its service.
        places = ["/etc/redis/redis.conf", os.path.join(ROOT, "build/reference/etc/redis/redis.conf")]
        found = [path for path in places if os.access(path, os.R_OK)]
        if not found:
            self.skipTest("no redis.conf of Debian's redis-server here")
        with open(found[0], encoding="utf-8") as file:
            text = file.read()
        server = self.start("--daemonize", "no", "--logfile", "", "--pidfile", os.path.join(self.folder, "pid"), conf=text)
        self.assertEqual("+PONG", repr(server.connect().call("PING")))

    def test_knows_every_parameter_of_the_reference(self):
        self.ours_only("compares ours with the reference")
        reference = self.reference(folder=os.path.join(self.folder, "reference"))
        os.mkdir(reference.kept_folder)
        with reference, self.start() as ours:
            wanted, have = [
                {name.value.decode() for name in server.connect().call("CONFIG", "GET", "*").value[::2]}
                for server in (reference, ours)]
        self.assertEqual(set(), wanted - have)

    def test_binds_and_answers_on_tcp(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.start("--port", str(port), "--bind", "127.0.0.1")
        self.assertEqual("+PONG", repr(Connection(("127.0.0.1", port)).call("PING")))

    def test_writes_and_removes_its_pid_file(self):
        path = os.path.join(self.folder, "pid")
        server = self.start("--pidfile", path)
        with open(path, encoding="ascii") as file:
            self.assertEqual(str(server.process.pid), file.read().strip())
        server.stop()
        self.assertFalse(os.path.exists(path))


class Refusal(ServerCase):
    def refuses(self, *directives, conf=None, say):
        server = self.server(*directives, conf=conf)
        server.launch()
        self.assertNotEqual(0, server.wait(), server.log_text())
        self.assertRegex(server.log_text(), say)

    def test_unknown_directive_names_its_line(self):
        self.refuses(conf="timeout 1\nno-such-directive 1\n", say=r"(?s)line 2\b.*no-such-directive")

    def test_bad_value_names_its_line(self):
        self.refuses(conf="\n\ntimeout abc\n", say=r"(?s)line 3\b.*timeout")

    def test_unknown_command_line_option(self):
        self.refuses("--no-such-directive", "1", say="no-such-directive")

    def test_nearest_name_is_offered(self):
        self.ours_only("the reference offers none")
        self.refuses(conf="maxmemori 1gb\n", say=r"maxmemory")

    def test_missing_file(self):
        status, output = self.run_once(os.path.join(self.folder, "missing.conf"))
        self.assertNotEqual(0, status)
        self.assertIn("missing.conf", output)

    def test_append_only_file_is_refused_as_long_as_there_is_none(self):
        self.ours_only("the reference has it")
        self.refuses("--appendonly", "yes", say="(?i)appendonly")

    def test_replica_is_refused_as_long_as_there_is_no_replication(self):
        self.ours_only("the reference has it")
        self.refuses("--replicaof", "127.0.0.1 1", say="(?i)replica")

    def test_port_in_use(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            self.refuses("--bind", "127.0.0.1", "--port", port, say=r"(?i)address already in use")


class Stop(ServerCase):
    def test_signals_end_it_with_status_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.start()
            server.process.send_signal(number)
            self.assertEqual(0, server.wait())

    def test_shutdown_closes_the_connection(self):
        server = self.start()
        connection = server.connect()
        connection.send([b"SHUTDOWN", b"NOSAVE"])
        self.assertTrue(connection.at_end())
        self.assertEqual(0, server.wait())

    def test_shutdown_with_a_failing_save_is_refused(self):
        server = self.start("--dbfilename", "dump.rdb")
        connection = server.connect()
        connection.call("SET", "k", "v")
        os.mkdir(os.path.join(self.folder, "dump.rdb"))  # A folder in the way of the file.
        reply = connection.call("SHUTDOWN", "SAVE")
        self.assertEqual("-", reply.kind)
        self.assertEqual("+PONG", repr(connection.call("PING")))
        connection.send([b"SHUTDOWN", b"NOSAVE"])
        self.assertEqual(0, server.wait())


class Limits(ServerCase):
    def test_serves_within_2_gb_of_address_space_and_answers_when_it_is_full(self):
        self.ours_only("the reference aborts when memory ends")
        self.plain_build_only("needs the address space")
        server = self.start(wrapper=["prlimit", "--as=2147483648", "--"])
        connection = server.connect(timeout=60.0)
        value = os.urandom(1 << 20)
        replies = set()
        for index in range(2500):
            reply = connection.call("SET", "key:%d" % index, value)
            replies.add(repr(reply)[:4])
            if reply.kind == "-":
                break
        self.assertEqual({"+OK", "-OOM"}, replies)
        self.assertEqual(value, connection.call("GET", "key:0").value)
        self.assertEqual(":1", repr(connection.call("DEL", "key:0")))
        self.assertEqual("+OK", repr(connection.call("SET", "small", "v")))


def huge_pages_are_to_be_had():
    """Whether the system moves full memory of a process into a huge page when asked."""
    libc = ctypes.CDLL(None, use_errno=True)
    memory = mmap.mmap(-1, 2 * HUGE_PAGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(b"x" * len(memory))
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    aligned = (begin + HUGE_PAGE_BYTES - 1) // HUGE_PAGE_BYTES * HUGE_PAGE_BYTES
    return libc.madvise(ctypes.c_void_p(aligned), ctypes.c_size_t(HUGE_PAGE_BYTES), MADV_COLLAPSE) == 0


class HugePages(ServerCase):
    KEYS = 1000000  # 100 bytes each: some 3 MB of entries for each of 32 shards.

    def setUp(self):
        super().setUp()
        self.ours_only("the reference has none")
        self.plain_build_only("has no arenas")
        release = os.uname().release
        if [int(part) for part in re.findall(r"\d+", release)[:2]] < [6, 18]:
            self.skipTest("Linux %s gives a process either all huge pages or none" % release)
        if not huge_pages_are_to_be_had():
            self.skipTest("no huge page to be had here")

    def filled(self, *directives):
        # More threads cut the keyspace into more shards, too small for a huge page each.
        server = self.start("--enable-debug-command", "yes", "--save", "", "--io-threads", "2", *directives)
        connection = server.connect(timeout=60.0)
        connection.call("DEBUG", "POPULATE", str(self.KEYS), "key", "100")
        return server, connection

    @staticmethod
    def made(connection):
        return int(re.search(rb"mem_huge_pages_made:(\d+)", connection.call("INFO", "memory").value).group(1))

    @staticmethod
    def huge_bytes(server):
        with open("/proc/%d/smaps_rollup" % server.process.pid, encoding="ascii") as file:
            return int(re.search(r"AnonHugePages: +(\d+) kB", file.read()).group(1)) * 1024

    def test_full_memory_is_moved_into_them_and_keeps_its_content(self):
        server, connection = self.filled()
        digest = connection.call("DEBUG", "DIGEST").value
        # One for each shard, but for those the system refuses at that moment: they are not asked for again.
        self.wait_until(lambda: self.made(connection) >= 16)
        self.assertGreaterEqual(self.huge_bytes(server), 16 * HUGE_PAGE_BYTES)
        self.assertEqual(digest, connection.call("DEBUG", "DIGEST").value)
        connection.call("FLUSHALL")
        connection.call("DEBUG", "POPULATE", "1000", "key", "100")
        self.wait_until(lambda: self.huge_bytes(server) == 0)
        self.assertEqual(":1000", repr(connection.call("DBSIZE")))

    def test_none_when_told(self):
        server, connection = self.filled("--arena-huge-pages", "no")
        time.sleep(1)  # Ten looks, of which with "yes" the first few make some.
        self.assertEqual(0, self.huge_bytes(server))
        connection.call("CONFIG", "SET", "arena-huge-pages", "yes")
        self.wait_until(lambda: self.huge_bytes(server) > 0)


if __name__ == "__main__":
    unittest.main()
