"""Encrypted connections: the node as a process, with the distribution's client and Python's."""

import os
import socket
import ssl
import subprocess
import time

from case import ServerCase, StartFailed
from network_test import free_port

PATIENCE = 20.0


class Tls(ServerCase):
    def setUp(self):
        super().setUp()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                     "-out", "ca.crt", "-subj", "/CN=authority", "-days", "2")
        for name in ("node", "client"):
            self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
                         "-out", name + ".csr", "-subj", "/CN=" + name)
            self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                         "-out", name + ".crt", "-days", "2")
        self.port = free_port()
        self.options = ["--tls-port", str(self.port), "--tls-cert-file", self.path("node.crt"), "--tls-key-file",
                        self.path("node.key"), "--tls-ca-cert-file", self.path("ca.crt"), "--bind", "127.0.0.1"]

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def cli(self, *words, port=None, stdin=None):
        done = subprocess.run(
            ["redis-cli", "-p", str(port or self.port), "--tls", "--cacert", self.path("ca.crt"), "--cert",
             self.path("client.crt"), "--key", self.path("client.key"), *words],
            capture_output=True, timeout=60, input=stdin)
        return done.stdout.decode(errors="replace").strip()

    def secured(self, certificate=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.path("ca.crt"))
        if certificate:
            context.load_cert_chain(self.path("client.crt"), self.path("client.key"))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), PATIENCE))

    def test_redis_cli_talks_to_it(self):
        server = self.start(*self.options)
        self.assertEqual("PONG", self.cli("PING"))
        self.assertEqual("OK", self.cli("-x", "SET", "key", stdin=b"v" * 3_000_000))
        self.assertEqual("3000000", self.cli("STRLEN", "key"))
        self.assertEqual("v" * 3_000_000, self.cli("GET", "key"))
        self.assertIn("tcp_port:%d" % self.port, self.cli("INFO", "server"))
        self.assertEqual(b"v", self.value(server.connect().call("GETRANGE", "key", "0", "0")))

    def test_the_benchmark_runs_with_many_clients_and_pipelines(self):
        self.start(*self.options, "--io-threads", "4")
        done = subprocess.run(
            ["redis-benchmark", "--tls", "--cacert", self.path("ca.crt"), "--cert", self.path("client.crt"), "--key",
             self.path("client.key"), "-p", str(self.port), "-t", "set,get,lpush", "-n", "20000", "-P", "16", "-c", "50",
             "-d", "2000", "--csv"], capture_output=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("20000", self.cli("LLEN", "mylist"))

    def test_a_client_without_a_certificate_is_refused_until_none_is_asked_for(self):
        server = self.start(*self.options)
        with self.assertRaises((ssl.SSLError, ConnectionError, EOFError)):
            client = self.secured(certificate=False)
            client.sendall(b"PING\r\n")
            if not client.recv(16):
                raise EOFError
        self.assertEqual("+OK", repr(server.connect().call("CONFIG", "SET", "tls-auth-clients", "no")))
        client = self.secured(certificate=False)
        client.sendall(b"PING\r\n")
        self.assertEqual(b"+PONG\r\n", client.recv(16))

    def test_a_bad_file_stops_the_start_and_names_the_option(self):
        self.ours_only("the texts of the log are compared")
        for options, line in (
                (["--tls-cert-file", self.path("none")], "Failed to load certificate: " + self.path("none")),
                (["--tls-key-file", self.path("client.key")], "Failed to load private key: "),
                (["--tls-ca-cert-file", ""], "Either tls-ca-cert-file or tls-ca-cert-dir must be specified"),
                (["--tls-ciphers", "nonsense"], "Failed to configure ciphers: nonsense")):
            with self.assertRaises(StartFailed) as failed:
                self.start(*self.options, *options)
            self.assertIn(line, str(failed.exception))
            self.assertIn("Failed to configure TLS. Check logs for more info.", str(failed.exception))

    def test_files_are_read_again_by_config_set_and_a_bad_one_changes_nothing(self):
        server = self.start(*self.options)
        before = self.secured()
        control = server.connect()
        self.assertEqual(
            "-ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - "
            "Unable to update TLS configuration. Check server logs.",
            repr(control.call("CONFIG", "SET", "tls-cert-file", self.path("none"))))
        self.assertEqual(b"node", self.subject(self.secured()))
        self.assertEqual("+OK", repr(control.call(
            "CONFIG", "SET", "tls-cert-file", self.path("client.crt"), "tls-key-file", self.path("client.key"))))
        self.assertEqual(b"client", self.subject(self.secured()))
        before.sendall(b"PING\r\n")
        self.assertEqual(b"+PONG\r\n", before.recv(16))

    def subject(self, connection):
        name = dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]
        return name.encode()

    def test_ports_change_hands(self):
        server = self.start(*self.options)
        control = server.connect()
        self.assertEqual("+OK", repr(control.call("CONFIG", "SET", "tls-port", "0", "port", self.port)))
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        plain.sendall(b"PING\r\n")
        self.assertEqual(b"+PONG\r\n", plain.recv(16))
        self.assertEqual("+OK", repr(control.call("CONFIG", "SET", "port", "0", "tls-port", self.port)))
        self.assertEqual("PONG", self.cli("PING"))

    def test_peers_that_never_finish_their_handshake_leave_others_alone(self):
        server = self.start(*self.options)
        silent = [socket.create_connection(("127.0.0.1", self.port), PATIENCE) for _ in range(200)]
        for number, peer in enumerate(silent):
            peer.sendall((b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n", b"")[number % 3])
        begun = time.monotonic()
        self.assertEqual("PONG", self.cli("PING"))
        self.assertLess(time.monotonic() - begun, 10)
        for peer in silent:
            peer.close()
        info = server.connect()
        self.wait_until(lambda: b"connected_clients:1\r\n" in info.call("INFO", "clients").value)
