"""What the node does with connections, signals and the operating system."""

import os
import resource
import signal
import socket
import stat
import time

from case import Closed, Connection, ServerCase, StartFailed, works_in

PATIENCE = 20.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def outer_address():
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def received(connection):
    """Everything the server sends until it closes."""
    data = b""
    while True:
        try:
            more = connection.socket.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


def cpu_seconds(process):
    with open("/proc/%d/stat" % process, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Clients(ServerCase):
    def test_the_client_too_many_gets_an_error_and_a_place_that_is_free_again_is_given(self):
        server = self.start("--maxclients", "2")
        # The connection that found the server ready may still count.
        self.wait_until(lambda: self.is_served(server))
        clients = [self.served(server), self.served(server)]
        self.assertEqual(b"-ERR max number of clients reached\r\n", received(server.connect()))
        clients[0].close()
        self.wait_until(lambda: self.is_served(server))

    def served(self, server):
        """A connection that got its place, once there is one."""
        kept = []

        def connected():
            client = server.connect()
            try:
                kept.append(client)
                return repr(client.call("PING")) == "+PONG"
            except (Closed, OSError):
                return False
        self.wait_until(connected)
        return kept[-1]

    def is_served(self, server):
        client = server.connect()
        try:
            return repr(client.call("PING")) == "+PONG"
        except (Closed, OSError):
            return False
        finally:
            client.close()

    def test_idle_clients_are_closed(self):
        server = self.start("--timeout", "1")
        client = server.connect(PATIENCE)
        client.call("PING")
        begin = time.monotonic()
        self.assertEqual(b"", received(client))
        self.assertGreater(time.monotonic() - begin, 0.9)

    def test_many_clients_on_several_workers(self):
        self.ours_only("workers")
        server = self.start("--io-threads", "4")
        clients = [server.connect() for _ in range(40)]
        for number, client in enumerate(clients):
            client.send_raw(b"".join(b"*2\r\n$4\r\nECHO\r\n$%d\r\n%d\r\n" % (len(str(number)), number)
                                     for _ in range(50)))
        for number, client in enumerate(clients):
            self.assertEqual([str(number).encode()] * 50, [client.read().value for _ in range(50)])
        ids = [client.call("CLIENT", "ID").value for client in clients]
        self.assertEqual(sorted(set(map(int, ids))), list(map(int, ids)))


class Sockets(ServerCase):
    def test_bind_takes_several_addresses_and_optional_ones(self):
        port = free_port()
        self.start("--port", str(port), "--bind", "127.0.0.1 127.0.0.2 -192.0.2.1 -::1")
        for host in ("127.0.0.1", "127.0.0.2"):
            self.assertEqual("+PONG", repr(Connection((host, port)).call("PING")))

    def test_an_address_that_must_be_there_and_is_not_stops_the_start(self):
        server = self.server("--port", str(free_port()), "--bind", "192.0.2.1")
        with self.assertRaises(StartFailed) as failure:
            server.start()
        self.assertIn("Could not create server TCP listening socket 192.0.2.1", str(failure.exception))
        self.assertIn("Failed listening on port", str(failure.exception))

    def test_config_set_moves_the_port(self):
        before, after = free_port(), free_port()
        server = self.start("--port", str(before), "--bind", "127.0.0.1")
        control = server.connect()
        self.assertEqual("+OK", repr(control.call("CONFIG", "SET", "port", after)))
        self.assertEqual("+PONG", repr(Connection(("127.0.0.1", after)).call("PING")))
        with self.assertRaises(OSError):
            for _ in range(200):  # The old socket goes at the loop's next turn.
                Connection(("127.0.0.1", before)).close()
                time.sleep(0.01)

    def test_config_set_bind_to_an_address_that_is_not_there_changes_nothing(self):
        port = free_port()
        server = self.start("--port", str(port), "--bind", "127.0.0.1")
        self.assertEqual("-", server.connect().call("CONFIG", "SET", "bind", "192.0.2.1").kind)
        self.assertEqual("+PONG", repr(Connection(("127.0.0.1", port)).call("PING")))

    def test_unix_socket_has_its_permissions_and_goes_with_the_server(self):
        server = self.start("--unixsocketperm", "700")
        self.assertEqual(0o700, stat.S_IMODE(os.stat(server.socket).st_mode))
        server.stop()
        self.assertIsNone(server.failure)
        self.assertFalse(os.path.exists(server.socket))

    def test_protected_mode_refuses_other_machines(self):
        address = outer_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        port = free_port()
        self.start("--port", str(port), "--bind", "0.0.0.0")
        text = received(Connection((address, port)))
        self.assertTrue(text.startswith(b"-DENIED Redis is running in protected mode"), text)
        self.assertTrue(text.endswith(b"connections from the outside.\r\n"), text)


class Process(ServerCase):
    def test_hang_up_and_broken_pipes_do_not_end_it(self):
        server = self.start()
        server.process.send_signal(signal.SIGHUP)
        server.process.send_signal(signal.SIGPIPE)
        self.assertEqual("+PONG", repr(server.connect().call("PING")))

    def test_a_crash_leaves_a_report(self):
        self.ours_only("words of ours")
        self.plain_build_only("ends by its own report")
        server = self.start("--enable-debug-command", "yes", "--io-threads", "2")
        client = server.connect()
        client.call("CLIENT", "SETNAME", "culprit")
        client.send([b"DEBUG", b"SEGFAULT"])
        self.assertEqual(-signal.SIGSEGV, server.wait())
        with open(server.log, encoding="utf-8", errors="replace") as file:
            log = file.read()
        at = 0
        for part in ("=== CACHENODE BUG REPORT START", "crashed by signal: 11", "Accessing address: 0x0",
                     "------ STACK TRACE ------", "------ REGISTERS ------", "------ CURRENT CLIENT INFO ------",
                     "name=culprit", "cmd=debug", "------ INFO OUTPUT ------", "redis_version:",
                     "cmdstat_client|setname:calls=1", "------ CLIENT LIST OUTPUT ------", "name=culprit",
                     "------ CONFIG DEBUG OUTPUT ------", 'io-threads "2"', "------ FAST MEMORY TEST ------",
                     "Fast memory test PASSED", "=== CACHENODE BUG REPORT END."):
            found = log.find(part, at)
            self.assertGreaterEqual(found, 0, "%s is not in its place in:\n%s" % (part, log[-4000:]))
            at = found

    def test_a_crash_by_a_signal_names_the_sender_and_tests_memory_only_if_told(self):
        self.ours_only("words of ours")
        server = self.start("--crash-memcheck-enabled", "no")
        server.process.send_signal(signal.SIGSEGV)
        self.assertEqual(-signal.SIGSEGV, server.wait())
        with open(server.log, encoding="utf-8", errors="replace") as file:
            log = file.read()
        self.assertIn("Killed by PID: %d" % os.getpid(), log)
        self.assertNotIn("MEMORY TEST", log)

    def test_a_failed_assertion_aborts_or_exits_as_told(self):
        for command, words in (("ASSERT", "=== ASSERTION FAILED ==="), ("PANIC", "!!! Software Failure.")):
            server = self.start("--enable-debug-command", "yes")
            client = server.connect()
            client.send([b"DEBUG", command.encode()])
            self.assertEqual(-signal.SIGABRT, server.wait())
            with open(server.log, encoding="utf-8", errors="replace") as file:
                self.assertIn(words, file.read())
        server = self.start("--enable-debug-command", "yes")
        client = server.connect()
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "use-exit-on-panic", "yes")))
        client.send([b"DEBUG", b"PANIC"])
        self.assertEqual(1, server.wait())

    def test_the_watchdog_shows_the_stack_of_a_busy_worker_and_hurts_nobody(self):
        self.ours_only("words of ours")
        server = self.start("--enable-debug-command", "yes", "--io-threads", "2")
        client = server.connect()
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "watchdog-period", "50")))
        self.assertEqual("+OK", repr(client.call("DEBUG", "SLEEP", "0.5")))
        # The signal ends the sleep; the watchdog's thread writes at its leisure.
        self.wait_until(lambda: "--------\n" in server.log_text())
        log = server.log_text()
        self.assertIn("--- WATCHDOG TIMER EXPIRED ---", log)
        self.assertRegex(log, "World lock: (held|shared) by (cachenode|cn_worker_1)")
        self.assertIn("------ STACK TRACE ------", log)
        self.assertIn("(+0x", log)
        self.assertEqual("+OK", repr(client.call("CONFIG", "SET", "watchdog-period", "0")))
        self.assertEqual("+PONG", repr(client.call("PING")))

    def test_no_report_when_it_is_switched_off(self):
        server = self.start("--crash-log-enabled", "no")
        server.process.send_signal(signal.SIGSEGV)
        self.assertEqual(-signal.SIGSEGV, server.wait())
        self.assertNotIn("STACK TRACE", server.log_text())

    def test_goes_into_the_background(self):
        pid_file = os.path.join(self.folder, "pid")
        path = os.path.join(self.folder, "socket")
        status, output = self.run_once(
            "--port", "0", "--unixsocket", path, "--dir", self.folder, "--save", "", "--daemonize", "yes",
            "--pidfile", pid_file, "--logfile", os.path.join(self.folder, "log"))
        self.assertEqual((0, ""), (status, output))
        self.wait_until(lambda: os.path.exists(pid_file) and os.path.exists(path))
        with open(pid_file, encoding="ascii") as file:
            process = int(file.read())
        self.assertEqual("+PONG", repr(Connection(path).call("PING")))
        self.assertTrue(works_in(process, self.folder))
        os.kill(process, signal.SIGTERM)
        self.wait_until(lambda: not works_in(process, self.folder))
        self.assertFalse(os.path.exists(pid_file))

    def test_tells_systemd_that_it_is_ready(self):
        path = os.path.join(self.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.settimeout(PATIENCE)
            notify.bind(path)
            self.start("--supervised", "systemd", wrapper=("env", "NOTIFY_SOCKET=" + path))
            lines = b""
            while b"READY=1" not in lines:
                lines += notify.recv(4096)
            self.assertIn(b"STATUS=Ready to accept connections", lines)

    def test_shows_its_title(self):
        port = free_port()
        server = self.start("--port", str(port), "--bind", "127.0.0.1", "--proc-title-template",
                            "TITLE {listen-addr} {port}")
        with open("/proc/%d/cmdline" % server.process.pid, "rb") as file:
            self.assertIn(b"TITLE 127.0.0.1:%d %d" % (port, port), file.read())

    def test_few_descriptors_mean_fewer_clients(self):
        server = self.start("--maxclients", "1000", wrapper=("sh", "-c", 'ulimit -n 132; exec "$0" "$@"'))
        self.assertIn("maxclients has been reduced to 100", server.log_text())
        reply = server.connect().call("CONFIG", "GET", "maxclients")
        self.assertEqual(b"100", reply.value[1].value)

    def test_waits_when_out_of_descriptors_though_the_log_cannot_be_written(self):
        self.ours_only("the reference goes on looking")
        port = free_port()
        server = self.start("--port", str(port), "--bind", "127.0.0.1", "--io-threads", "1", "--logfile", "/dev/full")
        process = server.process.pid
        most = len(os.listdir("/proc/%d/fd" % process)) + 4
        resource.prlimit(process, resource.RLIMIT_NOFILE, (most, most))
        for _ in range(20):
            self.addCleanup(socket.create_connection(("127.0.0.1", port)).close)
        before = cpu_seconds(process)
        time.sleep(2)
        self.assertLess(cpu_seconds(process) - before, 1)

    def test_starts_small_and_quickly(self):
        self.ours_only("a promise of ours")
        self.plain_build_only("is larger")
        server = self.start("--io-threads", "1")
        with open("/proc/%d/status" % server.process.pid, encoding="ascii") as file:
            resident = next(line for line in file if line.startswith("VmRSS"))
        self.assertLessEqual(int(resident.split()[1]), 10 * 1024)
