"""What is on disk after a save, a stop and a crash, and who can read it."""

import glob
import os
import random
import signal
import time
import unittest

from case import ServerCase, StartFailed

CRASH_ROUNDS = int(os.environ.get("CACHENODE_TEST_SCALE", "1")) * 5


def fill(connection, seed, count):
    """Writes keys whose values take every string form of an RDB file; returns {key: (value, ttl in ms or -1)}."""
    generator = random.Random(seed)
    model = {}
    for index in range(count):
        key = b"key:%d:" % index + generator.randbytes(generator.randrange(12))
        form = index % 5
        if form == 0:
            value = b"%d" % generator.choice([0, -1, 127, 128, -32769, 2**31, -2**63, generator.getrandbits(62)])
        elif form == 1:
            value = generator.randbytes(generator.choice([0, 1, 63, 64, 16383, 16384, 70000]))
        elif form == 2:
            value = b"compressible " * generator.randrange(1, 500)
        elif form == 3:
            value = b"0%d" % generator.getrandbits(30)
        else:
            value = generator.randbytes(20)
        ttl = 10_000_000 + generator.randrange(1_000_000) if generator.randrange(3) == 0 else -1
        arguments = ["SET", key, value] + (["PX", str(ttl)] if ttl > 0 else [])
        assert connection.call(*arguments).kind == "+"
        model[key] = (value, ttl)
    return model


class SaveCase(ServerCase):
    def holds(self, server, model):
        connection = server.connect(timeout=60.0)
        self.assertEqual(len(model), self.value(connection.call("DBSIZE")))
        for key, (value, ttl) in model.items():
            self.assertEqual(value, connection.call("GET", key).value, key)
            left = self.value(connection.call("PTTL", key))
            if ttl < 0:
                self.assertEqual(-1, left, key)
            else:
                self.assertTrue(ttl - 120_000 < left <= ttl, "%r: %d ms of %d left" % (key, left, ttl))
        connection.close()

    def wait_for_bgsave(self, connection):
        deadline = time.monotonic() + 60
        while b"rdb_bgsave_in_progress:1" in connection.call("INFO", "persistence").value:
            self.assertLess(time.monotonic(), deadline, "BGSAVE does not end")
            time.sleep(0.01)


class Restart(SaveCase):
    def test_shutdown_save_keeps_everything(self):
        server = self.start()
        connection = server.connect()
        model = fill(connection, 1, 500)
        connection.send([b"SHUTDOWN", b"SAVE"])
        self.assertEqual(0, server.wait())
        self.holds(self.start(), model)

    def test_sigterm_saves_when_there_are_save_points(self):
        server = self.start("--save", "3600 1")
        model = fill(server.connect(), 2, 100)
        server.stop()
        self.assertIsNone(server.failure)
        self.holds(self.start(), model)

    def test_shutdown_nosave_keeps_the_last_file(self):
        server = self.start("--save", "3600 1")
        connection = server.connect()
        model = fill(connection, 3, 50)
        self.assertEqual("+OK", repr(connection.call("SAVE")))
        connection.call("SET", "later", "v")
        connection.send([b"SHUTDOWN", b"NOSAVE"])
        self.assertEqual(0, server.wait())
        self.holds(self.start(), model)

    def test_what_no_key_shows_counts_as_a_change(self):
        connection = self.start().connect()
        code = "#!lua name=%s\nredis.register_function('%s', function() return 1 end)"
        self.value(connection.call("FUNCTION", "LOAD", code % ("kept", "f")))
        payload = self.value(connection.call("FUNCTION", "DUMP"))
        self.value(connection.call("SAVE"))
        requests = [["SWAPDB", "1", "2"], ["SWAPDB", "3", "3"], ["FUNCTION", "LOAD", code % ("other", "g")],
                    ["FUNCTION", "DELETE", "other"], ["FUNCTION", "RESTORE", payload, "REPLACE"], ["FUNCTION", "FLUSH"]]
        for count, words in enumerate(requests, 1):
            self.value(connection.call(*words))
            self.assertIn(b"rdb_changes_since_last_save:%d\r\n" % count, connection.call("INFO", "persistence").value,
                          words)
        for words in (["FUNCTION", "DELETE", "none"], ["FUNCTION", "RESTORE", "damaged"], ["SWAPDB", "0", "99"]):
            self.assertEqual("-", connection.call(*words).kind)
        self.assertIn(b"rdb_changes_since_last_save:6\r\n", connection.call("INFO", "persistence").value)

    def test_every_database_comes_back(self):
        server = self.start()
        connection = server.connect()
        for database in (0, 1, 15):
            connection.call("SELECT", database)
            connection.call("SET", "k", database)
        connection.call("SAVE")
        server.kill()
        connection = self.start().connect()
        for database in (0, 1, 15):
            connection.call("SELECT", database)
            self.assertEqual(b"%d" % database, connection.call("GET", "k").value)

    def test_expired_keys_do_not_come_back(self):
        server = self.start()
        connection = server.connect()
        connection.call("SET", "gone", "v", "PX", "200")
        connection.call("SET", "stays", "v")
        connection.call("SAVE")
        server.kill()
        time.sleep(0.25)
        connection = self.start().connect()
        self.assertEqual(0, self.value(connection.call("EXISTS", "gone")))
        self.assertEqual(1, self.value(connection.call("EXISTS", "stays")))


class Crash(SaveCase):
    def test_bgsave_survives_a_kill(self):
        server = self.start()
        connection = server.connect()
        model = fill(connection, 4, 300)
        connection.call("BGSAVE")
        self.wait_for_bgsave(connection)
        server.kill()
        self.holds(self.start(), model)

    def test_a_kill_at_any_moment_of_a_save_leaves_the_old_file_or_the_new(self):
        generator = random.Random(5)
        for _ in range(CRASH_ROUNDS):
            server = self.start()
            connection = server.connect()
            before = connection.call("GET", "generation").value
            for index in range(2000):
                connection.send([b"SET", b"key:%d" % index, generator.randbytes(500)])
            for index in range(2000):
                connection.read()
            after = b"%d" % generator.getrandbits(40)
            connection.call("SET", "generation", after)
            connection.call("BGSAVE")
            time.sleep(generator.random() * 0.03)
            server.kill()
            restarted = self.start()
            connection = restarted.connect()
            self.assertIn(connection.call("GET", "generation").value, (before, after))
            restarted.kill()

    def test_a_crash_takes_the_unfinished_file_along(self):
        self.ours_only("the reference leaves it")
        for number in (signal.SIGSEGV, signal.SIGABRT):
            server = self.start("--rdb-key-save-delay", "20000")
            connection = server.connect()
            fill(connection, 3, 500)
            connection.call("BGSAVE")
            unfinished = os.path.join(self.folder, "temp-%d.rdb" % server.process.pid)
            deadline = time.monotonic() + 20
            while not os.path.exists(unfinished):
                self.assertLess(time.monotonic(), deadline, "no file while BGSAVE runs")
                time.sleep(0.01)
            server.process.send_signal(number)
            self.assertEqual(-number, server.wait())
            self.assertFalse(os.path.exists(unfinished))

    def test_a_damaged_file_stops_the_start(self):
        server = self.start()
        connection = server.connect()
        fill(connection, 6, 200)
        connection.call("SAVE")
        server.kill()
        path = os.path.join(self.folder, "dump.rdb")
        with open(path, "rb") as file:
            good = file.read()
        for damaged in (good[:len(good) // 2], good[:-4], good[:1000] + b"\x00\xff\x55" + good[1003:], b"", b"REDIS0010"):
            with open(path, "wb") as file:
                file.write(damaged)
            if not damaged:
                continue  # An empty file differs between servers: not judged here.
            with self.assertRaises(StartFailed):
                self.start()
        with open(path, "rb") as file:
            self.assertEqual(b"REDIS0010", file.read(), "a refused file must stay as it is")

    def test_a_file_that_needs_more_than_the_node_has_is_refused(self):
        self.ours_only("a promise of ours")
        server = self.start("--enable-debug-command", "yes")
        connection = server.connect()
        connection.call("SET", "k", "v")
        connection.call("SAVE")
        name, needed = b"cachenode-used-mem", b"9000000000000000"
        with open(os.path.join(self.folder, "dump.rdb"), "wb") as file:
            file.write(b"REDIS0010\xfa" + bytes([len(name)]) + name + bytes([len(needed)]) + needed + b"\xff" + bytes(8))
        error = "-ERR Error trying to load the RDB dump, check server logs."
        self.assertEqual(error, repr(connection.call("DEBUG", "RELOAD", "NOSAVE")))
        self.assertEqual(1, self.value(connection.call("DBSIZE")), "what is there is not given up for it")
        server.kill()
        with self.assertRaises(StartFailed) as failure:
            self.start()
        self.assertRegex(str(failure.exception), "the data needs 9000000000000000 bytes of memory, [0-9]+ are there")

    def test_maxmemory_does_not_limit_a_load(self):
        server = self.start()
        connection = server.connect()
        model = fill(connection, 9, 500)
        connection.call("SAVE")
        server.kill()
        self.holds(self.start("--maxmemory", "100kb"), model)


class Exchange(SaveCase):
    def test_the_reference_reads_what_we_wrote(self):
        server = self.start()
        connection = server.connect()
        model = fill(connection, 7, 1000)
        connection.call("BGSAVE")
        self.wait_for_bgsave(connection)
        server.kill()
        with self.reference() as reference:
            self.holds(reference, model)

    def test_we_read_what_the_reference_wrote(self):
        with self.reference() as reference:
            connection = reference.connect()
            model = fill(connection, 8, 1000)
            connection.call("SAVE")
        self.holds(self.start(), model)

    def test_the_reference_sees_the_same_digest_as_by_commands(self):
        """What the reference loads from our file is what it has when it gets the same commands itself."""
        other_folder = os.path.join(self.folder, "other")
        os.mkdir(other_folder)
        debug = ("--enable-debug-command", "yes")
        server = self.start()
        connection = server.connect()
        with self.reference(*debug, folder=other_folder) as by_commands:
            direct = by_commands.connect()
            for database in (0, 3):
                for target in (connection, direct):
                    target.call("SELECT", database)
                    fill(target, 9 + database, 500)
            expected = direct.call("DEBUG", "DIGEST").value
        connection.call("SAVE")
        server.kill()
        with self.reference(*debug) as by_file:
            self.assertEqual(expected, by_file.connect().call("DEBUG", "DIGEST").value)

    def test_dump_and_restore_between_servers(self):
        ours_folder = os.path.join(self.folder, "other")
        os.mkdir(ours_folder)
        with self.reference(folder=ours_folder) as reference:
            ours, theirs = self.start().connect(), reference.connect()
            for value in (b"12", b"-70000", b"hello", b"a" * 5000, b"", bytes(range(256))):
                ours.call("SET", "k", value)
                theirs.call("SET", "k", value)
                self.assertEqual("+OK", repr(theirs.call("RESTORE", "r", "0", ours.call("DUMP", "k").value, "REPLACE")))
                self.assertEqual("+OK", repr(ours.call("RESTORE", "r", "0", theirs.call("DUMP", "k").value, "REPLACE")))
                self.assertEqual(value, theirs.call("GET", "r").value)
                self.assertEqual(value, ours.call("GET", "r").value)


class Failure(SaveCase):
    def test_a_failing_bgsave_stops_writes_until_one_succeeds(self):
        server = self.start("--save", "3600 1", "--dbfilename", "dump.rdb")
        connection = server.connect()
        os.mkdir(os.path.join(self.folder, "dump.rdb"))
        connection.call("SET", "k", "v")
        connection.call("BGSAVE")
        self.wait_for_bgsave(connection)
        self.assertIn(b"rdb_last_bgsave_status:err", connection.call("INFO", "persistence").value)
        self.assertTrue(repr(connection.call("SET", "k", "w")).startswith("-MISCONF"))
        self.assertEqual(b"v", connection.call("GET", "k").value)
        os.rmdir(os.path.join(self.folder, "dump.rdb"))
        connection.call("BGSAVE")
        self.wait_for_bgsave(connection)
        self.assertEqual("+OK", repr(connection.call("SET", "k", "w")))
        self.assertEqual([], glob.glob(os.path.join(self.folder, "temp-*")))
        connection.send([b"SHUTDOWN", b"NOSAVE"])
        self.assertEqual(0, server.wait())

    def test_writes_wait_while_the_disk_is_behind_and_then_go_on(self):
        """The buffers hold 64 MB: overwriting 100 MB of unsaved values must wait for the file, in bounded memory."""
        self.ours_only("a forked child does not slow writers down")
        server = self.start("--save", "", "--rdbcompression", "no")
        connection = server.connect(timeout=60.0)
        count, size = 5000, 20000
        for index in range(count):
            connection.send([b"SET", b"k%d" % index, b"%06d" % index * (size // 6)])
        for index in range(count):
            self.assertEqual("+OK", repr(connection.read()))
        # Each of the two encoders pauses after a key: at most 40 MB a second.
        connection.call("CONFIG", "SET", "rdb-key-save-delay", "1000")
        self.assertEqual("+", connection.call("BGSAVE").kind)
        writers = [server.connect(timeout=60.0) for _ in range(4)]
        for index in range(count):
            writers[index % 4].send([b"APPEND", b"k%d" % index, b"x"])
        reader_waited, buffers = 0.0, []
        while b"rdb_bgsave_in_progress:1" in connection.call("INFO", "persistence").value:
            begin = time.monotonic()
            self.assertEqual(b"000", connection.call("GETRANGE", "k0", 0, 2).value)
            reader_waited = max(reader_waited, time.monotonic() - begin)
            memory = connection.call("INFO", "memory").value
            buffers.append(int(memory.split(b"mem_snapshot:")[1].split(b"\r\n")[0]))
            time.sleep(0.01)
        for index in range(count):
            self.assertEqual(size // 6 * 6 + 1, self.value(writers[index % 4].read()), index)
        self.assertLess(reader_waited, 1.0, "a reader waited for the writers")
        self.assertGreater(max(buffers), 34 << 20, "the writers never had to wait")  # From 36 MB on they do.
        self.assertLessEqual(max(buffers), 64 << 20)
        connection.send([b"SHUTDOWN", b"NOSAVE"])
        self.assertEqual(0, server.wait())
        again = self.start().connect(timeout=60.0)
        for index in range(0, count, 97):
            self.assertEqual(b"%06d" % index * (size // 6), again.call("GET", "k%d" % index).value)


if __name__ == "__main__":
    unittest.main()
