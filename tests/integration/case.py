"""The base of tests with real processes. SERVER says which server they drive; tests/integration/run sets it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support", "py"))

from resp import Closed, Connection  # noqa: E402,F401
from server_process import ROOT, ServerProcess, StartFailed, find_reference  # noqa: E402,F401

END_SECONDS = 30.0


class Settings:
    """What is driven: `command` starts it, `program` is the file to execute when that is another."""

    command = []
    program = None
    directives = []  # For every server that is ours.
    is_reference = False
    is_sanitized = False  # The server is linked with a sanitizer's library.


def works_in(process, folder):
    """Whether the process lives and its working directory is `folder` or lies below it."""
    try:
        place = os.readlink("/proc/%d/cwd" % process)
    except OSError:  # It ended, or waits for its parent to notice that.
        return False
    return place == folder or place.startswith(folder + os.sep)


def end_processes_in(folder):
    """Ends every process that works in `folder`, whoever its parent is, and waits until it is gone."""
    left = [int(name) for name in os.listdir("/proc") if name.isdigit() and works_in(int(name), folder)]
    for process in left:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    deadline = time.monotonic() + END_SECONDS
    while any(works_in(process, folder) for process in left) and time.monotonic() < deadline:
        time.sleep(0.01)


class ServerCase(unittest.TestCase):
    """Whatever a test starts works in its folder, and is ended with it: a daemon or a server that refuses to stop,
    too, and also when the test fails half way."""

    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="cachenode-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(end_processes_in, self.folder)

    def ours_only(self, reason):
        if Settings.is_reference:
            self.skipTest(reason)

    def plain_build_only(self, reason):
        if Settings.is_sanitized:
            self.skipTest("a sanitizer build " + reason)

    def wait_until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, "waited in vain")
            time.sleep(0.01)

    def server(self, *directives, conf=None, wrapper=()):
        """A server in this test's folder, not started yet. `conf` is the text of its configuration file."""
        command = list(wrapper) + Settings.command
        program = None if wrapper else Settings.program
        if wrapper and Settings.program:
            command = list(wrapper) + [Settings.program]
        if conf is not None:
            path = os.path.join(self.folder, "node.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(conf)
            command = command + [path]
        return ServerProcess(command, Settings.directives + list(directives), program, self.folder)

    def start(self, *directives, **options):
        server = self.server(*directives, **options)
        server.start()
        self.addCleanup(self.finish, server)
        return server

    def finish(self, server):
        if server.process.poll() is None:
            server.kill()

    def run_once(self, *arguments, stdin=None, seconds=30):
        """Runs the binary with these arguments to its end: (status, output of both kinds)."""
        done = subprocess.run(
            Settings.command + list(arguments), executable=Settings.program, input=stdin, capture_output=True,
            timeout=seconds, cwd=self.folder)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def reference(self, *directives, folder=None):
        """The distribution's server on the same folder, to read what ours wrote, or the other way round."""
        program = find_reference()
        if program is None:
            self.skipTest("redis-server is not installed (Debian's redis-tools has it)")
        return ServerProcess(["redis-server"], directives, program, folder or self.folder)

    def value(self, reply):
        """The bytes or integer of a scalar reply; fails on an error."""
        self.assertNotEqual("-", reply.kind, reply)
        return int(reply.value) if reply.kind == ":" else reply.value
