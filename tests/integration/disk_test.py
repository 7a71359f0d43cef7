"""Disks that are full, read-only or gone while SAVE, BGSAVE and SNAPSHOT CREATE want to write: the last good files stay,
writes stop as Redis stops them, the log says why, and everything goes on once the disk is there again."""

import contextlib
import os
import subprocess

from snapshot_test import SnapshotCase

MISCONF = ("-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands "
           "that may modify the data set are disabled, because this instance is configured to report errors during "
           "writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for "
           "details about the RDB error.")
PAGE = 4096


class DiskCase(SnapshotCase):
    """A node whose data directory is `disk`, below the test's folder."""

    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.folder, "disk")
        os.mkdir(self.disk)

    def mount(self, *options):
        """Makes `disk` a small file system of its own."""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", self.disk], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            self.skipTest("no right to mount a small disk: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)

    def remount(self, mode):
        subprocess.run(["mount", "-o", "remount," + mode, self.disk], check=True)

    def node(self, *more):
        return self.start("--save", "3600 1000000", "--dir", self.disk, *more)

    def files(self):
        """Everything on the disk but the catalogue's lock, by path. What goes meanwhile is not there."""
        found = {}
        for folder, _, names in os.walk(self.disk):
            for name in names:
                if name not in (".lock", "ballast"):
                    path = os.path.join(folder, name)
                    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                        found[os.path.relpath(path, self.disk)] = file.read()
        return found

    def bgsave(self, connection):
        """Whether it went well."""
        self.assertEqual("+Background saving started", repr(connection.call("BGSAVE")))
        self.wait_until(lambda: b"rdb_bgsave_in_progress:0" in connection.call("INFO", "persistence").value)
        return b"rdb_last_bgsave_status:ok" in connection.call("INFO", "persistence").value

    def snapshot(self, connection, name):
        """Whether it is there afterwards."""
        self.create(connection, name)
        return name in self.names(connection)

    def check_file(self, path):
        """The tool, which parses all of it, takes the file for a snapshot."""
        place = os.path.join(self.folder, "check")
        os.makedirs(place, exist_ok=True)
        status, output = self.run_once(
            "snapshot", "create", "probe", "--dir", os.path.dirname(path), "--dbfilename", os.path.basename(path),
            "--snapshot-dir", place)
        for name in os.listdir(place):
            os.remove(os.path.join(place, name))
        self.assertEqual(0, status, output)

    def everything_fails(self, server, connection, reason):
        """Three saves that must fail, each with its reason in the log, and leave the disk as it was."""
        before = self.files()
        self.assertEqual("-ERR", repr(connection.call("SAVE")))
        self.assertRegex(server.log_text(), "Error saving DB on disk: .*" + reason)
        self.assertEqual("+OK", repr(connection.call("SET", "still", "writable")), "SAVE does not stop writes")
        self.assertFalse(self.snapshot(connection, "bad"))
        self.assertIn(reason, self.describe_error(connection))
        self.assertEqual("+OK", repr(connection.call("SET", "still", "writable")), "nor does a named snapshot")
        self.assertFalse(self.bgsave(connection))
        self.assertRegex(server.log_text(), "Background saving error: .*" + reason)
        self.assertEqual(MISCONF, repr(connection.call("SET", "k", "v")))
        self.assertEqual(MISCONF, repr(connection.call("DEL", "generation")))
        self.assertEqual(b"writable", connection.call("GET", "still").value)
        self.assertEqual(before, self.files())

    def describe_error(self, connection):
        text = connection.call("INFO", "snapshots").value.decode()
        return text.split("snapshot_last_error:")[1].split("\r\n")[0]

    def everything_works(self, connection, name):
        self.assertTrue(self.bgsave(connection))
        self.assertEqual("+OK", repr(connection.call("SET", "k", "v")))
        self.assertEqual("+OK", repr(connection.call("SAVE")))
        self.assertTrue(self.snapshot(connection, name))
        self.check_file(os.path.join(self.disk, "dump.rdb"))


class Disk(DiskCase):
    def test_a_folder_that_is_gone(self):
        server = self.node()
        connection = server.connect()
        self.fill(connection, 1)
        self.everything_works(connection, "good")
        before = self.files()
        os.rename(self.disk, self.disk + ".away")
        self.assertEqual("-ERR", repr(connection.call("SAVE")))
        self.assertRegex(server.log_text(), "Error saving DB on disk: .*No such file or directory")
        self.assertFalse(self.bgsave(connection))
        self.assertEqual(MISCONF, repr(connection.call("SET", "k", "v")))
        self.create(connection, "bad")
        self.assertIn("No such file or directory", self.describe_error(connection))
        os.rename(self.disk + ".away", self.disk)
        self.assertEqual(before, self.files())
        self.assertEqual("+OK", repr(connection.call("SAVE")))
        self.assertEqual("+OK", repr(connection.call("SET", "k", "v")), "a save that went well ends it at once")
        self.everything_works(connection, "again")
        self.wait_until(lambda: self.names(connection) == ["again", "good"])

    def test_a_folder_that_becomes_read_only(self):
        self.mount("size=8m")
        server = self.node()
        connection = server.connect()
        self.fill(connection, 1)
        self.everything_works(connection, "good")
        self.remount("ro")
        self.everything_fails(server, connection, "Read-only file system")
        self.assertEqual(["good"], self.names(connection))
        self.remount("rw")
        self.everything_works(connection, "again")

    def test_no_room_for_another_file(self):
        self.mount("size=8m", "nr_inodes=8")
        server = self.node()
        connection = server.connect()
        self.fill(connection, 1)
        self.everything_works(connection, "good")
        for number in range(8):
            try:
                os.mknod(os.path.join(self.disk, "ballast%d" % number))
            except OSError:
                break
        self.everything_fails(server, connection, "No space left on device")
        for name in os.listdir(self.disk):
            if name.startswith("ballast"):
                os.remove(os.path.join(self.disk, name))
        self.everything_works(connection, "again")

    def test_a_disk_that_is_full(self):
        self.mount("size=4m")
        server = self.node()
        connection = server.connect()
        self.fill(connection, 1)
        self.everything_works(connection, "good")
        connection.call("SET", "large", os.urandom(6 << 20))
        self.everything_fails(server, connection, "No space left on device")
        self.assertEqual(b"ok", self.checked(connection, "good"))
        connection.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        connection.call("DEL", "large")
        self.everything_works(connection, "again")
        server.kill()
        self.assertEqual(b"1", self.node().connect().call("GET", "generation").value)

    def checked(self, connection, name):
        reply = connection.call("SNAPSHOT", "RESTORE-CHECK", name)
        self.assertNotEqual("-", reply.kind, reply)
        return reply.value[3].value

    def test_a_disk_that_fills_up_at_every_stage(self):
        """Each number of free pages, from none to more than all three need together."""
        self.mount("size=1m")
        connection = self.node("--stop-writes-on-bgsave-error", "no", "--snapshot-manual-limit", "0").connect()
        self.fill(connection, 1, count=200, size=100)
        self.everything_works(connection, "good")
        size = os.path.getsize(os.path.join(self.disk, "dump.rdb"))
        outcomes = set()
        for pages in range(size // PAGE + 6):
            connection.call("SET", "round", pages)
            outcomes.add(self.saves_with(connection, pages, size))
        self.assertIn((False, False, False), outcomes)
        self.assertIn((True, True, True), outcomes)

    def saves_with(self, connection, pages, size):
        path = os.path.join(self.disk, "ballast")
        statistics = os.statvfs(self.disk)
        with open(path, "wb") as file:
            file.write(b"x" * max(statistics.f_bavail - pages, 0) * PAGE)
        dump = os.path.join(self.disk, "dump.rdb")
        outcome = []
        for save in (lambda: repr(connection.call("SAVE")) == "+OK", lambda: self.bgsave(connection),
                     lambda: self.snapshot(connection, "new")):
            before = self.files()
            outcome.append(save())
            after = self.files()
            if not outcome[-1]:
                self.assertEqual(before, after, "%d free pages" % pages)
            self.assertEqual({"dump.rdb", "snapshots/good.rdb", "snapshots/good.json"},
                             {name for name in after if "new." not in name})
            self.assertTrue(after["dump.rdb"][:5] == b"REDIS" and abs(len(after["dump.rdb"]) - size) < PAGE)
        os.remove(path)
        self.check_file(dump)
        if outcome[2]:
            self.assertEqual("+OK", repr(connection.call("SNAPSHOT", "DELETE", "new")))
            self.wait_until(lambda: "snapshots/new.rdb" not in self.files() and self.names(connection) == ["good"])
        return tuple(outcome)
