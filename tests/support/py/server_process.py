"""Starts and stops servers for tests: ours, and the distribution's redis-server as the reference."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from resp import Closed, Connection

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
START_SECONDS = 30.0
STOP_SECONDS = 30.0


def find_reference():
    """The reference server's program, or None. Debian's redis-tools has it as redis-check-rdb: what it does
    depends on the name it is started under."""
    return shutil.which("redis-server") or shutil.which("redis-check-rdb")


def is_sanitized(binary):
    """Whether the server is linked with a sanitizer's library."""
    with open(binary, "rb") as file:
        content = file.read()
    return b"libasan.so" in content or b"libtsan.so" in content


def directive_arguments(texts):
    """Directives as in redis.conf ("io-threads 4") as arguments of a server."""
    lines = [shlex.split(text) for text in texts]
    return [word for name, *values in lines for word in ["--" + name] + values]


class StartFailed(Exception):
    pass


class ServerProcess:
    """A server on a Unix socket. Use as a context manager, or start() and stop().

    `command` is the argument list before our directives (a configuration file belongs there), `program` the file to
    execute when it differs from command[0]. `folder` is where it works and saves: given, it is kept, so that a second
    server can go on with it; otherwise it is a temporary one. A server that ends with a status other than 0 shows in
    `failure`.
    """

    def __init__(self, command, directives=(), program=None, folder=None):
        self.command = list(command)
        self.directives = list(directives)
        self.program = program
        self.failure = None
        self.kept_folder = folder
        self.folder = None
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.launch()
        try:
            self.wait_until_ready()
        except StartFailed:
            self.stop()
            raise

    def launch(self):
        """Starts the process and does not wait for it."""
        self.folder = self.kept_folder or tempfile.mkdtemp(prefix="cachenode-test-")
        self.socket = os.path.join(self.folder, "socket")
        self.log = os.path.join(self.folder, "log")
        arguments = ["--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", ""]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command + arguments + self.directives, executable=self.program, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.folder)

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StartFailed("ended with status %d at start:\n%s" % (self.process.returncode, self.log_text()))
            try:
                connection = Connection(self.socket, timeout=START_SECONDS)
                ready = connection.call("PING").kind == "+"
                connection.close()
                if ready:
                    return
            except (OSError, Closed):
                pass
            time.sleep(0.01)
        raise StartFailed("not ready within %.0f s:\n%s" % (START_SECONDS, self.log_text()))

    def log_text(self):
        """The last lines of its log."""
        with open(self.log, "r", errors="replace") as log:
            return "".join(log.readlines()[-60:])

    def connect(self, timeout=10.0):
        return Connection(self.socket, timeout)

    def wait(self, seconds=STOP_SECONDS):
        """The exit status of a server that is ending."""
        return self.process.wait(seconds)

    def kill(self):
        """Ends it at once, as a power failure would."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                self.failure = "did not stop within %.0f s of SIGTERM" % STOP_SECONDS
        if self.process.returncode != 0 and self.failure is None:
            self.failure = "ended with status %d:\n%s" % (self.process.returncode, self.log_text())
        if not self.kept_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
