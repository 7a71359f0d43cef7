"""Load from redis-benchmark: one timed run against one server, with the server's own CPU time."""

import csv
import io
import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass

from .process import FIFO_PRIORITY, Server
from .tools import built_tool


@dataclass(frozen=True)
class Workload:
    """What redis-benchmark sends: one of its own tests by name, or a command of our own."""

    test: str = ""
    command: tuple[str, ...] = ()
    pipeline: int = 1
    value_bytes: int = 3
    key_count: int = 1_000_000
    connections: int = 50
    title: str = ""
    lean: bool = False  # Sent by lean_client: only commands that read, as often as one likes, the same answers.

    @property
    def name(self) -> str:
        if self.title:
            return self.title
        return self.test.upper() if self.test else " ".join(self.command[:1]).upper()

    def arguments(self, port: int, requests: int) -> list[str]:
        if self.lean:
            return [built_tool("lean_client"), "--port", str(port), "--connections", str(self.connections),
                    "--requests", str(requests), "--pipeline", str(self.pipeline), "--keys", str(self.key_count),
                    "--", *self.command]
        words = ["redis-benchmark", "-p", str(port), "-c", str(self.connections), "-n", str(requests),
                 "-P", str(self.pipeline), "-d", str(self.value_bytes), "-r", str(self.key_count),
                 "--csv", "--precision", "3"]
        return [*words, *(["-t", self.test] if self.test else self.command)]


@dataclass(frozen=True)
class Sample:
    """One timed run."""

    requests_per_s: float
    cpu_us: float          # The server's CPU time per request, all threads.
    client_cpu_us: float   # The same of the clients.
    p50_ms: float
    p99_ms: float
    maximum_ms: float


class Bench:
    """Runs workloads with a pinned client. `fifo` puts server and client under SCHED_FIFO while they run."""

    def __init__(self, client_cpus: set[int] | None = None, fifo: bool = False, seconds: float = 0.3):
        self._client_cpus = client_cpus
        self._fifo = fifo
        self.seconds = seconds
        self._rates: dict[tuple[str, Workload], float] = {}

    def run(self, server: Server, workload: Workload, processes: int = 1, seconds: float | None = None) -> Sample:
        """A run of about `seconds`; the number of requests follows from the last run of that pair."""
        key = (server.name, workload)
        if key not in self._rates:
            self._rates[key] = self._timed(server, workload, processes, 2000 * workload.pipeline).requests_per_s
        requests = max(1000, int(self._rates[key] * (seconds or self.seconds)))
        sample = self._timed(server, workload, processes, requests)
        self._rates[key] = sample.requests_per_s
        return sample

    def _timed(self, server: Server, workload: Workload, processes: int, requests: int) -> Sample:
        each = requests // processes
        with server.realtime(self._fifo):
            before_ns = server.cpu_ns()
            client_before_s = children_cpu_s()
            running = [self.spawn(workload.arguments(server.port, each)) for _ in range(processes)]
            rows, ends = outputs(running)
            used_ns = server.cpu_ns() - before_ns
            client_used_s = children_cpu_s() - client_before_s
        return Sample(
            requests_per_s=rate_together(each, [float(row["rps"]) for row in rows], ends),
            cpu_us=used_ns / 1000 / (each * processes),
            client_cpu_us=client_used_s * 1e6 / (each * processes),
            p50_ms=max(float(row["p50_latency_ms"]) for row in rows),
            p99_ms=max(float(row["p99_latency_ms"]) for row in rows),
            maximum_ms=max(float(row["max_latency_ms"]) for row in rows))

    def spawn(self, words: list[str]) -> subprocess.Popen:
        def prepare():
            if self._client_cpus:
                os.sched_setaffinity(0, self._client_cpus)
            if self._fifo:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))

        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                preexec_fn=prepare)


def outputs(running: list[subprocess.Popen]) -> tuple[list[dict[str, str]], list[float]]:
    """What each process printed, and when it ended."""
    rows: list = [None] * len(running)
    ends = [0.0] * len(running)

    def wait_for(index: int) -> None:
        text = running[index].communicate()[0]
        ends[index] = time.monotonic()
        rows[index] = text

    waiting = [threading.Thread(target=wait_for, args=(index,)) for index in range(len(running))]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    return [parse_csv(text) for text in rows], ends


def rate_together(each: int, rates: list[float], ends: list[float]) -> float:
    """Requests a second of processes that sent `each` at their own `rates`: all of them over the time from the first
    one's beginning to the last one's end. The sum of the rates would count what a process got while it was alone."""
    if len(rates) == 1:
        return rates[0]
    begin = min(end - each / rate for end, rate in zip(ends, rates))
    return each * len(rates) / (max(ends) - begin)


def children_cpu_s() -> float:
    """CPU time of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def parse_csv(text: str) -> dict[str, str]:
    """The single row of redis-benchmark's CSV, or lean_client's."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    if len(rows) != 1:
        raise RuntimeError(f"the client answered:\n{text}")
    return rows[0]
