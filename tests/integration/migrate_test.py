"""MIGRATE between processes: to ours, to the distribution's server and from it, with writers in the way."""

import os
import socket
import threading
import time

from case import Closed, Connection, ServerCase
from network_test import free_port


class Migrate(ServerCase):
    def pair(self, *directives):
        """A source with its connection, and a target that listens on a port, with its connection."""
        self.port = free_port()
        source = self.start("--enable-debug-command", "yes", *directives)
        target = self.target(["--port", str(self.port), "--bind", "127.0.0.1"])
        return source.connect(), target.connect()

    def target(self, directives):
        folder = os.path.join(self.folder, "target")
        os.makedirs(folder, exist_ok=True)
        server = self.server(*directives)
        server.kept_folder = folder
        server.start()
        self.addCleanup(self.finish, server)
        return server

    def migrate(self, client, *words, timeout="10000"):
        return repr(client.call("MIGRATE", "127.0.0.1", self.port, words[0], "0", timeout, *words[1:]))

    def fill(self, client):
        client.call("SET", "string", "value", "EX", "1000")
        client.call("RPUSH", "list", *range(500))
        client.call("HSET", "hash", "field", "value")
        client.call("ZADD", "zset", "1", "a", "2", "b")
        client.call("XADD", "stream", "1-1", "field", "value")

    def test_keys_of_every_type_move_with_their_deadlines(self):
        source, target = self.pair("--io-threads", "4")
        self.fill(source)
        self.assertEqual("+OK", self.migrate(source, "string"))
        self.assertEqual("+OK", self.migrate(source, "", "KEYS", "list", "hash", "zset", "stream", "none"))
        self.assertEqual(":0", repr(source.call("DBSIZE")))
        self.assertEqual(":5", repr(target.call("DBSIZE")))
        self.assertEqual(":500", repr(target.call("LLEN", "list")))
        self.assertGreater(self.value(target.call("TTL", "string")), 900)
        self.assertEqual(":-1", repr(target.call("TTL", "list")))

    def test_to_and_from_the_reference(self):
        self.ours_only("it is compared with itself otherwise")
        self.port = free_port()
        folder = os.path.join(self.folder, "reference")
        os.makedirs(folder)
        reference = self.reference("--port", str(self.port), "--bind", "127.0.0.1", folder=folder)
        reference.start()
        self.addCleanup(self.finish, reference)
        ours_port = free_port()
        ours = self.start("--port", str(ours_port), "--bind", "127.0.0.1", "--io-threads", "2").connect()
        theirs = reference.connect()
        self.fill(ours)
        names = ["string", "list", "hash", "zset", "stream"]
        before = [repr(ours.call("DEBUG", "DIGEST-VALUE", name)) for name in names]
        self.assertEqual("+OK", self.migrate(ours, "", "KEYS", *names))
        self.assertEqual(":5", repr(theirs.call("DBSIZE")))
        self.assertEqual(":0", repr(ours.call("DBSIZE")))
        self.port = ours_port
        self.assertEqual("+OK", self.migrate(theirs, "", "KEYS", *names))
        self.assertEqual(":5", repr(ours.call("DBSIZE")))
        self.assertEqual(before, [repr(ours.call("DEBUG", "DIGEST-VALUE", name)) for name in names])

    def test_copy_replace_and_what_the_target_says(self):
        source, target = self.pair()
        source.call("SET", "key", "mine")
        target.call("SET", "key", "theirs")
        self.assertEqual("-ERR Target instance replied with error: BUSYKEY Target key name already exists.",
                         self.migrate(source, "key"))
        self.assertEqual(b"mine", self.value(source.call("GET", "key")))
        self.assertEqual("+OK", self.migrate(source, "key", "COPY", "REPLACE"))
        self.assertEqual(b"mine", self.value(source.call("GET", "key")))
        self.assertEqual(b"mine", self.value(target.call("GET", "key")))
        self.assertEqual("+OK", self.migrate(source, "key", "REPLACE"))
        self.assertEqual("+NOKEY", self.migrate(source, "key"))
        source.call("SET", "key", "value")
        target.call("CONFIG", "SET", "requirepass", "secret")
        self.assertIn("Target instance replied with error: ", self.migrate(source, "key", "AUTH", "wrong", "REPLACE"))
        self.assertEqual(":1", repr(source.call("EXISTS", "key")))
        self.assertEqual("+OK", self.migrate(source, "key", "AUTH", "secret", "REPLACE"))
        source.call("SET", "key", "value")
        self.assertEqual("+OK", self.migrate(source, "key", "AUTH2", "default", "secret", "REPLACE"))

    def test_errors_of_the_request(self):
        source, _ = self.pair()
        source.call("SET", "key", "value")
        for words, reply in (
                (["127.0.0.1", "1", "key", "0", "10"], "-IOERR error or timeout writing to target instance"),
                (["127.0.0.1", "abc", "key", "0", "10"], "-IOERR error or timeout writing to target instance"),
                (["127.0.0.1", "1", "key", "0", "10", "KEYS", "key"],
                 "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"),
                (["127.0.0.1", "1", "", "0", "10", "FOO"], "-ERR syntax error"),
                (["127.0.0.1", "1", "key", "0", "10", "AUTH"], "-ERR syntax error"),
                (["127.0.0.1", "1", "key", "x", "10"], "-ERR value is not an integer or out of range"),
                (["127.0.0.1", "1", "key", "0", "x"], "-ERR value is not an integer or out of range"),
                (["127.0.0.1", "1", "none", "0", "10"], "+NOKEY")):
            self.assertEqual(reply, repr(source.call("MIGRATE", *words)), words)
        self.assertEqual(":1", repr(source.call("EXISTS", "key")))

    def silent_target(self):
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        self.addCleanup(listening.close)
        self.port = listening.getsockname()[1]
        return listening

    def begin_migrate(self, mover, listening):
        """MIGRATE of `key`, up to the moment when the target has all of it and has not answered; the target's end."""
        mover.send([b"MIGRATE", b"127.0.0.1", str(self.port).encode(), b"key", b"0", b"30000"])
        peer, _ = listening.accept()
        peer.settimeout(20)
        request = b""
        while not request.endswith(b"\r\n") or b"RESTORE" not in request:
            request += peer.recv(4096)
        return peer

    def test_writers_wait_for_the_target_and_readers_do_not(self):
        self.ours_only("redis-server serves nobody meanwhile")
        listening = self.silent_target()
        server = self.start("--io-threads", "4")
        mover, reader = server.connect(timeout=60), server.connect()
        mover.call("SET", "key", "1")
        mover.call("SET", "other", "1")
        peer = self.begin_migrate(mover, listening)
        writers = [server.connect(timeout=60) for _ in range(8)]
        for writer in writers:
            writer.send([b"INCR", b"key"])
        flusher = server.connect(timeout=60)
        flusher.send([b"FLUSHALL"])
        for _ in range(50):
            self.assertEqual(b"1", self.value(reader.call("GET", "key")))
            self.assertEqual("+OK", repr(reader.call("SET", "other", "2")))
        peer.sendall(b"+OK\r\n+OK\r\n")
        self.assertEqual("+OK", repr(mover.read()))
        # The key went with its old value; the writers found it gone, in whichever order they came.
        self.assertTrue(all(1 <= int(writer.read().value) <= 8 for writer in writers))
        self.assertEqual("+OK", repr(flusher.read()))
        peer.close()

    def test_writers_from_another_database_wait_too(self):
        self.ours_only("redis-server serves nobody meanwhile")
        listening = self.silent_target()
        server = self.start("--io-threads", "4")
        mover = server.connect(timeout=60)
        mover.call("SET", "key", "1")
        writers = [server.connect(timeout=60) for _ in range(3)]
        for writer in writers:
            writer.call("SELECT", "1")
        self.assertEqual("+OK", repr(writers[0].call("SET", "other", "2")))
        peer = self.begin_migrate(mover, listening)
        # Another key of the same name.
        self.assertEqual("+OK", repr(writers[0].call("SET", "key", "3")))
        for words in (["MULTI"], ["SELECT", "0"], ["APPEND", "key", "4"]):
            writers[0].call(*words)
        writers[0].send([b"EXEC"])
        writers[1].send([b"COPY", b"other", b"key", b"DB", b"0", b"REPLACE"])
        writers[2].send([b"EVAL", b"redis.call('select', 0) return redis.call('append', KEYS[1], '5')", b"1", b"key"])
        reader = server.connect()
        for _ in range(50):
            self.assertEqual(b"1", self.value(reader.call("GET", "key")))
        peer.sendall(b"+OK\r\n+OK\r\n")
        self.assertEqual("+OK", repr(mover.read()))
        for writer in writers:
            self.assertFalse(repr(writer.read()).startswith("-"))
        self.assertNotIn(b"1", self.value(mover.call("GET", "key")))
        peer.close()

    def test_a_target_that_is_silent_costs_nothing_but_time(self):
        listening = self.silent_target()
        server = self.start("--io-threads", "2")
        mover = server.connect(timeout=60)
        mover.call("SET", "key", "value")
        begun = time.monotonic()
        self.assertEqual("-IOERR error or timeout reading from target instance",
                         repr(mover.call("MIGRATE", "127.0.0.1", self.port, "key", "0", "200")))
        self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual(b"value", self.value(mover.call("GET", "key")))
        self.assertEqual("+OK", repr(mover.call("SET", "key", "again")))
        listening.close()

    def test_a_client_that_goes_leaves_no_fence(self):
        self.ours_only("redis-server serves nobody meanwhile")
        listening = self.silent_target()
        server = self.start("--io-threads", "2")
        mover = server.connect()
        mover.call("SET", "key", "value")
        mover.send([b"MIGRATE", b"127.0.0.1", str(self.port).encode(), b"key", b"0", b"500"])
        listening.accept()  # Under way.
        mover.close()
        self.assertEqual("+OK", repr(server.connect(timeout=30).call("SET", "key", "again")))

    def test_what_the_target_took_goes_though_the_client_went(self):
        self.ours_only("redis-server serves nobody meanwhile")
        for command, renames in (("MIGRATE", []), ("MOVE-AWAY", ["--rename-command", "MIGRATE", "MOVE-AWAY"])):
            listening = self.silent_target()
            server = self.start("--io-threads", "4", *renames)
            mover, other = server.connect(), server.connect(timeout=60)
            mover.call("SELECT", "3")
            other.call("SELECT", "3")
            other.call("MSET", "key", "1", "kept", "2")
            mover.send([command.encode(), b"127.0.0.1", str(self.port).encode(), b"", b"0", b"30000", b"KEYS", b"key",
                        b"kept"])
            peer, _ = listening.accept()
            peer.settimeout(20)
            request = b""
            while request.count(b"RESTORE") < 2:
                request += peer.recv(4096)
            mover.close()
            self.assertEqual(b"1", self.value(other.call("GET", "key")))
            other.send([b"APPEND", b"key", b"x"])  # Waits for the target, and then for the key to go.
            peer.sendall(b"+OK\r\n+OK\r\n-ERR no room\r\n")
            self.assertEqual(":1", repr(other.read()))
            self.assertEqual(b"x", self.value(other.call("GET", "key")))
            self.assertEqual(b"2", self.value(other.call("GET", "kept")))
            self.assertEqual("+OK", repr(other.call("SET", "kept", "3")))
            peer.close()
            listening.close()
            server.stop()

    def test_a_shutdown_does_not_wait_for_a_target(self):
        self.ours_only("redis-server serves nobody meanwhile")
        listening = self.silent_target()
        server = self.start()
        mover = server.connect()
        mover.call("SET", "key", "value")
        mover.send([b"MIGRATE", b"127.0.0.1", str(self.port).encode(), b"key", b"0", b"600000"])
        listening.accept()
        begun = time.monotonic()
        with self.assertRaises(Closed):
            server.connect().call("SHUTDOWN", "NOSAVE")
        self.assertEqual(0, server.wait(30))
        self.assertLess(time.monotonic() - begun, 20)

    def test_nothing_is_lost_or_doubled_while_writers_go_on(self):
        source, target = self.pair("--io-threads", "4")
        names = ["counter:%d" % number for number in range(20)]
        increments = 300
        failures = []

        def write(path):
            client = Connection(path, timeout=60)
            try:
                for _ in range(increments):
                    for name in names[:4]:
                        client.call("INCR", name)
            except Closed as closed:
                failures.append(str(closed))
        socket_path = source.socket.getpeername()
        writers = [threading.Thread(target=write, args=(socket_path,)) for _ in range(4)]
        for writer in writers:
            writer.start()
        moved = dict.fromkeys(names[:4], 0)
        while any(writer.is_alive() for writer in writers):
            for name in names[:4]:
                if self.migrate(source, name) == "+OK":
                    moved[name] += int(self.value(target.call("GETDEL", name)))
        for writer in writers:
            writer.join()
        self.assertEqual([], failures)
        for name in names[:4]:
            left = source.call("GET", name).value
            self.assertEqual(4 * increments, moved[name] + int(left or 0), name)
