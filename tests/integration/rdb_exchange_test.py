"""Data of all types goes from redis-server to us and back, by file and by DUMP, and its digest stays the same."""

import os
import subprocess
import shutil

from all_types import Generator, content, fill, plain
from case import ServerCase

SCALE = int(os.environ.get("CACHENODE_TEST_SCALE", "1"))
SEED = int(os.environ.get("CACHENODE_SEED", "20261122"))
KEYS = 240
DEBUG = ("--enable-debug-command", "yes")


class Exchange(ServerCase):
    def setUp(self):
        super().setUp()
        self.theirs_folder = os.path.join(self.folder, "theirs")
        os.mkdir(self.theirs_folder)

    def theirs(self, *directives):
        return self.reference(*DEBUG, "--save", "", *directives, folder=self.theirs_folder)

    def ours(self, *directives):
        return self.start("--engine-version", "7.0", "--save", "", *DEBUG, *directives)

    def digest(self, connection):
        return connection.call("DEBUG", "DIGEST").value

    def move_file(self, source, target):
        shutil.copy(os.path.join(source, "dump.rdb"), os.path.join(target, "dump.rdb"))

    def check_file(self, folder):
        program = shutil.which("redis-check-rdb")
        if program is None:
            return
        done = subprocess.run([program, os.path.join(folder, "dump.rdb")], capture_output=True, timeout=60, check=False)
        self.assertEqual(0, done.returncode, done.stdout.decode(errors="replace"))

    def round_trip(self, seed, limits, save):
        with self.theirs(*limits) as theirs:
            connection = theirs.connect(timeout=60.0)
            connection.call("FLUSHALL")  # It loaded what an earlier round left.
            fill(connection, seed, KEYS)
            connection.call("SELECT", 9)
            fill(connection, seed + 1, KEYS // 8)
            connection.call("SELECT", 0)
            expected, held = self.digest(connection), content(connection)
            self.assertEqual("+OK", repr(connection.call("SAVE")))
        self.move_file(self.theirs_folder, self.folder)
        ours = self.ours(*limits)
        connection = ours.connect(timeout=60.0)
        self.same(held, content(connection))
        self.assertEqual(expected, self.digest(connection), "our digest of their data")
        save(connection)
        self.assertEqual(expected, self.digest(connection))
        ours.kill()
        self.check_file(self.folder)
        self.move_file(self.folder, self.theirs_folder)
        with self.theirs(*limits) as theirs:
            connection = theirs.connect(timeout=60.0)
            self.assertEqual(expected, self.digest(connection), "their digest of our file")
            self.same(held, content(connection))

    def same(self, want, got):
        """Says which key differs instead of printing both data sets."""
        self.assertEqual(sorted(want), sorted(got))
        for key, expected in want.items():
            self.assertEqual(expected, got[key], key)

    def save(self, connection):
        self.assertEqual("+OK", repr(connection.call("SAVE")))

    def bgsave(self, connection):
        self.assertEqual("+", connection.call("BGSAVE").kind)
        while b"rdb_bgsave_in_progress:1" in connection.call("INFO", "persistence").value:
            pass
        self.assertIn(b"rdb_last_bgsave_status:ok", connection.call("INFO", "persistence").value)

    def test_by_file_with_the_usual_limits(self):
        for round_number in range(SCALE):
            self.round_trip(SEED + round_number, (), self.save)

    def test_by_file_written_in_the_background(self):
        self.round_trip(SEED + 100, ("--rdbcompression", "no"), self.bgsave)

    def test_by_file_with_small_limits(self):
        limits = ("--hash-max-listpack-entries", "4", "--zset-max-listpack-entries", "4", "--set-max-intset-entries", "4",
                  "--list-max-listpack-size", "3", "--stream-node-max-entries", "5")
        self.round_trip(SEED + 200, limits, self.bgsave)

    def test_by_old_versions_of_the_file(self):
        """What version 9 cannot hold (counters of streams) the reference fills in; the digest does not cover it."""
        with self.theirs() as theirs:
            connection = theirs.connect(timeout=60.0)
            fill(connection, SEED + 300, KEYS)
            expected = self.digest(connection)
            connection.call("SAVE")
        self.move_file(self.theirs_folder, self.folder)
        ours = self.ours("--rdb-version", "9")
        self.save(ours.connect(timeout=60.0))
        ours.kill()
        with open(os.path.join(self.folder, "dump.rdb"), "rb") as file:
            self.assertEqual(b"REDIS0009", file.read(9))
        self.move_file(self.folder, self.theirs_folder)
        with self.theirs() as theirs:
            self.assertEqual(expected, self.digest(theirs.connect(timeout=60.0)))

    def test_by_dump_and_restore(self):
        with self.theirs() as theirs:
            there, here = theirs.connect(timeout=60.0), self.ours().connect(timeout=60.0)
            fill(there, SEED + 400, KEYS)
            keys = sorted(plain(there.call("KEYS", "*")))
            digests = {key: there.call("DEBUG", "DIGEST-VALUE", key).value for key in keys}
            for key in keys:
                deadline = max(0, self.value(there.call("PEXPIRETIME", key)))
                payload = there.call("DUMP", key).value
                self.assertEqual("+OK", repr(here.call("RESTORE", key, deadline, payload, "ABSTTL")), key)
                self.assertEqual(plain(there.call("DEBUG", "DIGEST-VALUE", key)),
                                 plain(here.call("DEBUG", "DIGEST-VALUE", key)), key)
                back = here.call("DUMP", key).value
                self.assertEqual("+OK", repr(there.call("RESTORE", key, deadline, back, "ABSTTL", "REPLACE")), key)
            for key, digest in digests.items():
                self.assertEqual([item.value for item in digest],
                                 plain(there.call("DEBUG", "DIGEST-VALUE", key)), key)

    def test_the_same_commands_give_the_same_digest(self):
        with self.theirs() as theirs:
            there, here = theirs.connect(timeout=60.0), self.ours().connect(timeout=60.0)
            for seed in range(3):
                for connection in (there, here):
                    fill(connection, SEED + 500 + seed, KEYS // 4)
            for key in sorted(plain(there.call("KEYS", "*"))):
                # Streams hold when a group was read; all else is alike.
                self.assertEqual(plain(there.call("DEBUG", "DIGEST-VALUE", key)),
                                 plain(here.call("DEBUG", "DIGEST-VALUE", key)), key)
            self.assertEqual(self.digest(there), self.digest(here))

    def test_hostile_payloads_are_refused_or_harmless(self):
        """Payloads with a few bytes changed and a right checksum are restored or refused, and the node stays well."""
        here = self.ours().connect(timeout=60.0)
        here.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1)
        generator = Generator(SEED + 600)
        fill(here, SEED + 600, 60)
        payloads = [here.call("DUMP", key).value for key in sorted(plain(here.call("KEYS", "*")))]
        for payload in payloads:
            for _ in range(20 * SCALE):
                damaged = bytearray(payload)
                for _ in range(generator.random.randrange(1, 4)):
                    damaged[generator.random.randrange(len(damaged) - 10)] = generator.random.getrandbits(8)
                reply = here.call("RESTORE", "victim", 0, bytes(damaged), "REPLACE")
                if reply.kind == "-":
                    self.assertIn(reply.value, (b"ERR Bad data format",
                                                b"ERR DUMP payload version or checksum are wrong"))
                    continue
                self.assertEqual("+OK", repr(reply))
                kind = here.call("TYPE", "victim").value
                self.assertIn(kind, (b"string", b"list", b"set", b"hash", b"zset", b"stream"))
                here.call("DUMP", "victim")
                here.call("DEBUG", "DIGEST-VALUE", "victim")
                here.call("DEL", "victim")
        self.assertEqual("+PONG", repr(here.call("PING")))
