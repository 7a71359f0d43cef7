"""Servers under test: starting, pinning, pausing and measuring them through /proc."""

import os
import resource
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .resp import Client, ReplyError

REPOSITORY = Path(__file__).resolve().parents[3]
COMMON_OPTIONS = {"bind": "127.0.0.1", "save": "", "appendonly": "no", "daemonize": "no", "rdbcompression": "yes",
                  "rdbchecksum": "yes", "protected-mode": "no"}
START_LIMIT_S = 600
FIFO_PRIORITY = 10
CPU_CLOCK = 2  # Low bits of a Linux clock id: run time as the scheduler counts it.


@dataclass(frozen=True)
class Candidate:
    """A server that can be started: its name in the tables and its command line.

    `{directory}` in the command line stands for the data directory of each server started from it.
    """

    name: str
    command: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> "Candidate":
        """From `NAME=COMMAND LINE`, or a command line alone, whose file name is the name."""
        name, mark, rest = text.partition("=")
        if mark and "/" not in name and " " not in name:
            return Candidate(name, tuple(shlex.split(rest)))
        words = shlex.split(text)
        return Candidate(Path(words[0]).name, tuple(words))


@dataclass
class Server:
    """A running server. Owns its process and its data directory, which lies in a tmpfs."""

    candidate: Candidate
    port: int
    directory: Path
    process: subprocess.Popen | None = None
    cpus: set[int] | None = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.candidate.name

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self, wait: bool = True, address_space_bytes: int = 0, cgroup: Path | None = None) -> float:
        """Starts it and returns the seconds until the first PONG (until it was spawned when `wait` is false)."""
        options = {**COMMON_OPTIONS, "port": str(self.port), "dir": str(self.directory), **self.options}
        words = [word for name, value in options.items() for word in (f"--{name}", *(value.split() or [""]))]

        def prepare():
            if self.cpus:
                os.sched_setaffinity(0, self.cpus)
            if address_space_bytes:
                resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes, address_space_bytes))
            if cgroup:
                (cgroup / "cgroup.procs").write_text(str(os.getpid()))

        command = [word.replace("{directory}", str(self.directory)) for word in self.candidate.command]
        log = (self.directory / "log").open("ab")
        started = time.monotonic()
        self.process = subprocess.Popen([*command, *words], stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL, preexec_fn=prepare)
        log.close()
        if wait:
            self.wait_ready()
        return time.monotonic() - started

    def wait_ready(self) -> None:
        """Returns when PING is answered with PONG, that is, when loading is over too."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at its start:\n{self.log_tail()}")
            try:
                with Client(self.port) as client:
                    while True:
                        try:
                            client.call("PING")
                            client.call("EXISTS", "-")  # Refused while loading, also where PING is not.
                            return
                        except ReplyError as error:
                            if not str(error).startswith("LOADING"):
                                raise
                            time.sleep(0.002)
            except OSError:
                time.sleep(0.001)
        raise RuntimeError(f"{self.name} is not ready after {START_LIMIT_S} s")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def alive(self) -> bool:
        return self.process.poll() is None

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def client(self) -> Client:
        return Client(self.port)

    def log_tail(self) -> str:
        return "\n".join((self.directory / "log").read_text(errors="replace").splitlines()[-15:])

    def threads(self) -> list[int]:
        return [int(name) for name in os.listdir(f"/proc/{self.pid}/task")]

    def cpu_ns(self) -> int:
        """CPU time of the process so far, user and kernel, all threads, ended ones too, in ns.

        The kernel's clock of the process: the sum of what /proc/PID/task/*/schedstat shows.
        """
        return process_cpu_ns(self.pid)

    def children(self) -> list[int]:
        found = []
        for tid in self.threads():
            with suppress(FileNotFoundError):  # A thread that ended meanwhile.
                found += Path(f"/proc/{self.pid}/task/{tid}/children").read_text().split()
        return [int(pid) for pid in found]

    def rss_bytes(self) -> int:
        return status_kib(self.pid, "VmRSS") * 1024

    def forget_peak(self) -> None:
        """`peak_bytes` begins anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        """The largest resident memory since the start or `forget_peak`, by the kernel's count: no peak is missed."""
        return status_kib(self.pid, "VmHWM") * 1024

    def memory_bytes(self) -> int:
        """What the server and its forked children hold together, pages they share counted once."""
        children = self.children()
        if not children:
            return self.rss_bytes()
        return sum(proportional_kib(pid) for pid in [self.pid, *children]) * 1024

    @contextmanager
    def realtime(self, enabled: bool):
        """Runs all its threads under SCHED_FIFO inside the block, so that other work hardly runs in between."""
        if enabled:
            self._schedule(os.SCHED_FIFO, FIFO_PRIORITY)
        try:
            yield
        finally:
            if enabled:
                self._schedule(os.SCHED_OTHER, 0)

    def _schedule(self, policy: int, priority: int) -> None:
        for tid in self.threads():
            os.sched_setscheduler(tid, policy, os.sched_param(priority))


def process_cpu_ns(pid: int) -> int:
    return time.clock_gettime_ns((~pid << 3) | CPU_CLOCK)


def status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def proportional_kib(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:  # A child that ended meanwhile.
        pass
    return 0


class Fleet:
    """Makes servers with ports and tmpfs directories of their own, and ends all of them on leaving the block."""

    def __init__(self, baseport: int):
        self._next_port = baseport
        self._root = Path(tempfile.mkdtemp(prefix="cachenode-bench-", dir="/dev/shm"))
        self._servers: list[Server] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self._servers:
            server.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    def make(self, candidate: Candidate, cpus: set[int] | None = None, **options: str) -> Server:
        """A server that is not started yet. Options are directives, `_` for `-`."""
        directory = self._root / f"{candidate.name}-{self._next_port}"
        directory.mkdir()
        named = {name.replace("_", "-"): value for name, value in options.items()}
        server = Server(candidate, self._next_port, directory, cpus=cpus, options=named)
        self._next_port += 1
        self._servers.append(server)
        return server

    def drop(self, server: Server) -> None:
        """Stops it and frees its port and data."""
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)
        self._servers.remove(server)
        self._next_port = min(self._next_port, server.port) if not self._servers else self._next_port


def dataset_tool() -> str:
    """Path of the data-set writer, built on first use."""
    built = REPOSITORY / "build" / "release" / "bin" / "dataset"
    sources = sorted((REPOSITORY / "tests" / "bench" / "dataset").glob("*.[ch]*"))
    if not built.is_file() or built.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        built.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CXX", "c++")
        parts = [str(source) for source in sources if source.suffix == ".cc"]
        subprocess.run([compiler, "-std=c++20", "-O2", "-pthread", f"-I{REPOSITORY}", *parts, "-o", str(built)],
                       check=True)
    return str(built)


def load(server: Server, check: bool = True, cpus: set[int] | None = None, **options) -> str:
    """Loads a data set; options are those of the tool. Returns its error text (empty when `check`)."""
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    done = subprocess.run([dataset_tool(), "load", "--port", str(server.port), *words], capture_output=True, text=True,
                          preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    if check and done.returncode != 0:
        raise RuntimeError(f"loading {server.name} failed: {done.stderr}\n{server.log_tail()}")
    return done.stderr
