"""A private copy of the suite's tree with our server in the place of src/redis-server, and one run in it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .lists import START_FAILURE

TOOLS = ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb")
EXTERNAL_OPTIONS = ["--save", "", "--enable-debug-command", "yes", "--enable-protected-configs", "yes",
                    "--enable-module-command", "yes"]
# The harness reports an error outside every test, or of a server that a test started, without a test's name.
SET_UP = "(set-up outside a test)"
EVENT = re.compile(r"\[(ok|err|skip|ignore|exception|TIMEOUT)\]: ?(.*)")

# The suite starts `src/redis-server CONF [ARGS...]` and kills the pid it got, hence exec. Our options go behind the
# configuration file, which must stay first, but not between words of an option that the suite left open.
WRAPPER = """#!/bin/bash
here=$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)
server=$here/bin/redis-server
ours=({options})
case "${{1-}}" in
    -v|--version|-h|--help|--test-memory) exec "$server" "$@" ;;
    ""|--*) exec "$server" "${{ours[@]}}" "$@" ;;
esac
case "${{2---}}" in
    --*) exec "$server" "$1" "${{ours[@]}}" "${{@:2}}" ;;
    *) exec "$server" "$@" "${{ours[@]}}" ;;
esac
"""

# The harness waits two minutes for a server that has already exited; a dead one need not be waited for. One that
# came as far as its banner counts as started, and one whose port is taken gets another, as without the change. Nor is
# a dead one pinged for five seconds.
WAIT_LOOP = "        incr maxiter -1\n        if {$maxiter == 0} {"
WAIT_LOOP_ALIVE = ("        incr maxiter -1\n        if {[catch {exec kill -0 $pid}] &&\n"
                   "            ![regexp -- \" PID: $pid|Failed listening on port\" [exec cat $stdout]]} {set maxiter 0}\n"
                   "        if {$maxiter == 0} {")
PING_LOOP = "set retrynum 1000} else {set retrynum 100}"
PING_LOOP_ALIVE = "set retrynum 1000} elseif {[catch {exec kill -0 $pid}]} {set retrynum 1} else {set retrynum 100}"


class Stopped(Exception):
    """The run was told to end."""


class Sessions:
    """The processes that run now, whatever thread started them, so that one call ends them all for good."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._stopped = False

    def start(self, command: list[str], **how) -> subprocess.Popen:
        with self._lock:
            if self._stopped:
                raise Stopped
            process = subprocess.Popen(command, start_new_session=True, **how)
            self._running.add(process)
            return process

    def kill(self, process: subprocess.Popen) -> None:
        """Ends whatever is left of the session that `process` leads, stopped servers included."""
        with self._lock:
            self._running.discard(process)
        kill_session(process)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            kill_session(process)


SESSIONS = Sessions()


@dataclass
class Outcome:
    """What one run of a file reported."""

    events: list[tuple[str, str]] = field(default_factory=list)  # (status, test name), in order
    details: dict[str, str] = field(default_factory=dict)        # test name -> first lines of its failure
    completed: bool = False                                      # the file was run to its end
    ending: str = ""                                             # why not, if it was not


class Workspace:
    """Owns the copied tree and knows how to run one file in it. Not for concurrent use."""

    def __init__(self, tree: Path, directory: Path, binary: Path, options: list[str], baseport: int):
        self.directory = directory
        self._tree = tree
        self.baseport = baseport
        shutil.copytree(tree / "tests", directory / "tests", symlinks=True)
        (directory / "tests" / "tmp").mkdir(exist_ok=True)
        (directory / "src" / "bin").mkdir(parents=True)
        (directory / "src" / "bin" / "redis-server").symlink_to(binary.resolve())
        for tool in TOOLS:
            if shutil.which(tool):
                (directory / "src" / tool).symlink_to(shutil.which(tool))
        wrapper = directory / "src" / "redis-server"
        wrapper.write_text(WRAPPER.format(options=" ".join(options)))
        wrapper.chmod(0o755)
        harness = directory / "tests" / "support" / "server.tcl"
        text = harness.read_text()
        for loop, alive in ((WAIT_LOOP, WAIT_LOOP_ALIVE), (PING_LOOP, PING_LOOP_ALIVE)):
            if loop not in text:
                raise SystemExit(f"{harness}: not the harness this runner was written for")
            text = text.replace(loop, alive)
        harness.write_text(text)

    def run(self, file: str, mode: str, timeout_s: int, skip=(), only=()) -> Outcome:
        """Runs `file`, without the tests of `skip` or with those of `only` alone, and parses what it printed."""
        command = ["tclsh", "tests/test_helper.tcl", "--single", file, "--clients", "1", "--durable",
                   "--baseport", str(self.baseport + 32), "--portcount", "60", "--timeout", str(timeout_s)]
        if skip:
            list_file = self.directory / "skip.txt"
            list_file.write_text("\n".join(skip) + "\n")
            command += ["--skipfile", str(list_file)]
        for name in only:
            command += ["--only", name]
        if mode == "tls":
            self._need_certificates()
            return self._run_suite([*command, "--tls"], timeout_s)
        if mode == "own":
            return self._run_suite(command, timeout_s)
        with ExternalServer(self.directory, self.baseport + 95) as server:
            return self._run_suite([*command, "--host", "127.0.0.1", "--port", str(server.port)], timeout_s)

    def _need_certificates(self) -> None:
        """The suite's own certificates, made by its script on the first call of a machine: that takes a minute."""
        target = self.directory / "tests" / "tls"
        if target.is_dir():
            return
        kept = self._tree.parent / "suite-certificates" / "tests" / "tls"
        if not (kept / "redis.dh").is_file():
            kept.parent.parent.mkdir(exist_ok=True)
            script = self._tree / "utils" / "gen-test-certs.sh"
            subprocess.run(["bash", str(script)], cwd=kept.parent.parent, check=True, capture_output=True)
        shutil.copytree(kept, target)

    def _run_suite(self, command: list[str], timeout_s: int) -> Outcome:
        log = self.directory / "suite.log"
        with log.open("w") as output:
            process = SESSIONS.start(command, cwd=self.directory, stdout=output, stderr=subprocess.STDOUT,
                                     stdin=subprocess.DEVNULL, env=dict(os.environ, TERM="dumb"))
            try:
                process.wait(timeout_s + 15)
                ending = ""
            except subprocess.TimeoutExpired:
                ending = f"no end within {timeout_s} s"
            finally:
                SESSIONS.kill(process)
        return parse(log.read_text(errors="replace"), ending)


class ExternalServer:
    """A fresh server for one file in external mode, stopped on leaving the block."""

    def __init__(self, directory: Path, port: int):
        self.port = port
        self._directory = directory
        self._data = directory / "external"

    def __enter__(self):
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir()
        command = [str(self._directory / "src" / "redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
                   "--dir", str(self._data), *EXTERNAL_OPTIONS]
        with (self._data / "log").open("w") as log:
            self._process = SESSIONS.start(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return self
            except OSError:
                time.sleep(0.05)
        SESSIONS.kill(self._process)
        raise SystemExit(f"the external server does not start:\n{(self._data / 'log').read_text()}")

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        SESSIONS.kill(self._process)


def kill_session(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def parse(text: str, ending: str) -> Outcome:
    """Reads the suite's report; `ending` is set when the run had to be stopped."""
    outcome = Outcome(ending=ending)
    lines = text.splitlines()
    for index, line in enumerate(lines):
        found = EVENT.match(line)
        if not found:
            continue
        status, rest = found.groups()
        if status in ("exception", "TIMEOUT"):
            outcome.ending = outcome.ending or f"{status}: {' '.join(lines[index:index + 3])}"
            continue
        name = re.sub(r" \(\d+ ms\)$", "", rest) if status == "ok" else rest
        if status == "err":
            named = re.sub(r" in tests/\S+\.tcl$", "", rest).strip()
            name = named if " in tests/" in rest or rest.startswith(START_FAILURE) else SET_UP
            outcome.details[name] = "\n      ".join([*([rest] if name == SET_UP else []), *lines[index + 1:index + 5]])
        outcome.events.append((status, name))
    outcome.completed = not outcome.ending and "The End" in text
    if not outcome.completed and not outcome.ending:
        outcome.ending = "the suite stopped: " + " ".join(lines[-2:])
    return outcome
