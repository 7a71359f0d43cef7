"""Rows `snapshot` and `snapshot-large`: what a BGSAVE costs the clients and the machine while writes go on."""

import subprocess
import threading
import time
from dataclasses import dataclass

from .context import Context
from .load import Bench, Sample, Workload
from .process import Server, load
from .resp import Client
from .report import median
from .types import ELEMENTS, VALUES, fill

VALUE_BYTES = 64
POLL_S = 0.02
MEMORY_POLL_S = 0.05
SAVE_LIMIT_S = 600
# Row snapshot-large: the values of row `types`, one of each, and what changes them all the while.
LARGE_VALUES = {"zset": "sorted set, 20 B members", "hash": "hash, 20 B fields, 8 B values", "list": "list, 8 B elements"}
LARGE_WRITES = (("ZADD", "large:zset", "__rand_int__", "element:__rand_int__"),
                ("HSET", "large:hash", "element:__rand_int__", "changed"),
                ("LMOVE", "large:list", "large:list", "LEFT", "RIGHT"))
LARGE_CONNECTIONS = 5
ENDLESS_REQUESTS = 1_000_000_000


@dataclass
class Round:
    """One quiet phase and one BGSAVE under the same load."""

    quiet: list[Sample]
    busy: list[Sample]
    idle_s: float            # A BGSAVE without load.
    duration_s: float        # The BGSAVE under load.
    extra_bytes: int         # Peak memory during it over memory just before.
    data_bytes: int          # Memory just before.
    loop_ms: float | None    # Longest loop iteration in CPU time, where the server reports it.
    quiet_loop_ms: float | None  # The same of the quiet runs: a machine without a steal clock counts others' time too.

    def kept(self) -> float:
        return median([s.requests_per_s for s in self.busy]) / median([s.requests_per_s for s in self.quiet])

    def p99(self) -> float:
        return median([s.p99_ms for s in self.busy]) / median([s.p99_ms for s in self.quiet])

    def maximum(self) -> float:
        return max(s.maximum_ms for s in self.busy)

    def quiet_maximum(self) -> float:
        """Over as many runs as the busy phase had, or the longer phase would see more outliers."""
        return max(s.maximum_ms for s in self.quiet[:len(self.busy)])


class MemoryWatch:
    """Samples the memory of a server and its children on a thread of its own; `stop` returns the peak."""

    def __init__(self, server: Server):
        self._server = server
        self._peak = server.memory_bytes()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(MEMORY_POLL_S):
            self._peak = max(self._peak, self._server.memory_bytes())

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        return self._peak


def wait_save(server: Server, started: float) -> float:
    """Seconds from `started` until no BGSAVE runs; raises if it failed."""
    with server.client() as client:
        while time.monotonic() - started < SAVE_LIMIT_S:
            info = client.info("persistence")
            if info["rdb_bgsave_in_progress"] == "0":
                if info["rdb_last_bgsave_status"] != "ok":
                    raise RuntimeError(f"BGSAVE of {server.name} failed:\n{server.log_tail()}")
                return time.monotonic() - started
            time.sleep(POLL_S)
    raise RuntimeError(f"BGSAVE of {server.name} takes more than {SAVE_LIMIT_S} s")


def save_idle(server: Server) -> float:
    started = time.monotonic()
    with server.client() as client:
        client.call("BGSAVE")
    return wait_save(server, started)


def save_under_load(server: Server, bench: Bench, workload: Workload) -> tuple[list[Sample], float]:
    """Runs of load, back to back, from the start of a BGSAVE to its end; the last one may outlast it."""
    finished: list[float] = []
    started = time.monotonic()
    with server.client() as client:
        client.call("BGSAVE")
    waiter = threading.Thread(target=lambda: finished.append(wait_save(server, started)))
    waiter.start()
    samples, inside = [], 0
    while waiter.is_alive():
        samples.append(bench.run(server, workload))
        inside += waiter.is_alive()
    waiter.join()
    if not finished:
        raise RuntimeError(f"BGSAVE of {server.name} under load did not end well")
    return samples[:max(1, inside)], finished[0]


def measure(server: Server, bench: Bench, workload: Workload) -> Round:
    server.resume()
    idle_s = save_idle(server)
    bench.run(server, workload)
    quiet = [bench.run(server, workload)]
    with server.client() as client:
        client.call("CONFIG", "RESETSTAT")
        before = server.memory_bytes()
        watch = MemoryWatch(server)
        try:
            busy, duration_s = save_under_load(server, bench, workload)
        finally:
            peak = watch.stop()
        loop_ms = longest_loop_ms(client)
        client.call("CONFIG", "RESETSTAT")
    while len(quiet) <= len(busy):  # One more than is used: the first came before the clock of the longest loop.
        quiet.append(bench.run(server, workload))
    with server.client() as client:
        quiet_loop_ms = longest_loop_ms(client)
    server.pause()
    return Round(quiet, busy, idle_s, duration_s, peak - before, before, loop_ms, quiet_loop_ms)


def longest_loop_ms(client: Client) -> float | None:
    longest_us = client.info().get("loop_cpu_usec_max")
    return None if longest_us is None else float(longest_us) / 1000


class WithLargeWrites:
    """A bench beside whose runs three more clients change the large values."""

    def __init__(self, bench: Bench):
        self._bench = bench

    def run(self, server: Server, workload: Workload) -> Sample:
        writers = [self._bench.spawn(Workload(command=command, pipeline=16, key_count=ELEMENTS,
                                              connections=LARGE_CONNECTIONS).arguments(server.port, ENDLESS_REQUESTS))
                   for command in LARGE_WRITES]
        try:
            return self._bench.run(server, workload)
        finally:
            for writer in writers:
                stop_writer(writer)


def stop_writer(writer: subprocess.Popen) -> None:
    ended_early = writer.poll() is not None
    writer.terminate()
    writer.communicate()
    if ended_early:
        raise RuntimeError("a writer of the large values ended by itself")


def run_large(context: Context) -> None:
    """Row `snapshot-large`: beside the small keys a large sorted set, hash and list are written all the while."""
    run(context, with_large=True)


def run(context: Context, with_large: bool = False) -> None:
    arguments = context.arguments
    workload = Workload("set", pipeline=16, value_bytes=VALUE_BYTES, key_count=arguments.keys)
    # Never under SCHED_FIFO: it would starve the very thread or child that saves.
    bench = Bench(context.client_cpus, fifo=False, seconds=arguments.seconds)
    if with_large:
        bench = WithLargeWrites(bench)
    servers = []
    for candidate in context.all:
        server = context.fleet.make(candidate, io_threads=str(arguments.io_threads))
        server.start()
        load(server, kind="string", count=arguments.keys, value_size=VALUE_BYTES)
        if with_large:
            fill_large(server)
        server.pause()
        servers.append(server)
    rounds: dict[str, list[Round]] = {server.name: [] for server in servers}
    for turn in range(arguments.rounds):
        for server in servers[turn % len(servers):] + servers[:turn % len(servers)]:
            rounds[server.name].append(measure(server, bench, workload))
    report_rounds(context, rounds)
    report_figures(context, rounds[context.ours.name], rounds[context.reference.name])


def fill_large(server: Server) -> None:
    with server.client() as client:
        for name, title in LARGE_VALUES.items():
            command, elements, _ = VALUES[title]
            fill(client, command, f"large:{name}", elements(ELEMENTS))


def report_rounds(context: Context, rounds: dict[str, list[Round]]) -> None:
    rows = []
    for name, of in rounds.items():
        for r in of:
            rows.append([name, r.extra_bytes / 2**20, 100 * r.extra_bytes / r.data_bytes, 100 * r.kept(), r.p99(),
                         r.maximum(), r.quiet_maximum(), r.duration_s, r.idle_s,
                         *("-" if ms is None else ms for ms in (r.loop_ms, r.quiet_loop_ms))])
    context.report.table(
        f"{context.report.title}: BGSAVE of {context.arguments.keys:,} keys under SET -P 16, one row a round",
        ["server", "extra MiB", "extra %", "kept %", "p99 x quiet", "max ms", "quiet max", "BGSAVE s", "idle s",
         "loop ms CPU", "quiet loop"], rows)


def report_figures(context: Context, ours: list[Round], theirs: list[Round]) -> None:
    figure = context.report.figure
    allowed_mib = 64 + 0.02 * median([r.data_bytes for r in ours]) / 2**20
    figure("BGSAVE: extra memory", max(r.extra_bytes for r in ours) / 2**20, "MiB", f"<= {allowed_mib:.0f}",
           f"{context.reference.name} {max(r.extra_bytes for r in theirs) / 2**20:.0f} MiB")
    figure("BGSAVE: throughput kept", 100 * median([r.kept() for r in ours]), "%", ">= 85",
           f"{context.reference.name} {100 * median([r.kept() for r in theirs]):.0f} %")
    figure("BGSAVE: p99 against quiet", median([r.p99() for r in ours]), "x", "<= 1.5",
           f"{context.reference.name} {median([r.p99() for r in theirs]):.2f}")
    allowed_ms = median([max(10, 1.5 * r.quiet_maximum()) for r in ours])
    figure("BGSAVE: client maximum", median([r.maximum() for r in ours]), "ms", f"<= {allowed_ms:.1f}",
           f"{context.reference.name} {median([r.maximum() for r in theirs]):.1f} ms")
    loops = [r.loop_ms for r in ours if r.loop_ms is not None]
    if loops:
        figure("BGSAVE: longest loop iteration", max(loops), "ms CPU", "<= 5",
               f"quiet {max(r.quiet_loop_ms for r in ours):.1f} ms")
    else:
        context.report.skip("longest loop iteration", "the server has no INFO field loop_cpu_usec_max")
    duration = median([r.duration_s for r in ours])
    figure("BGSAVE: duration against the reference", duration / median([r.duration_s for r in theirs]), "x", "<= 1")
    figure("BGSAVE: duration against idle", duration / median([r.idle_s for r in ours]), "x", "<= 4")
