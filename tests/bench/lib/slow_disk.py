"""Row `slow-disk`: a snapshot onto something slower than the clients write.

The disk is one the kernel slows down, the store one that takes uploads slowly, both at `--disk-rate`. Buffers are full
nearly all the time then, so memory must not grow, writers have to wait, and readers must not. What was in the file
afterwards is compared with the data set at its beginning, and what was answered to writers with the data set at the end.
"""

import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

from .context import Context
from .load import Bench, Sample, Workload
from .process import Server, load
from .report import median
from .resp import Client
from .saving import Saved, Saving
from .slow_sink import SNAPSHOT, Sink, Unavailable, slow_disk, slow_store
from .snapshot import ENDLESS_REQUESTS, stop_writer

RATE = 10_000_000  # Bytes a second; writers at full speed change more.
SINKS = {"disk": slow_disk, "store": slow_store}
VALUE_BYTES = 64
QUIET_RUNS = 3
COUNTERS = 10_000
COUNTER_BATCH = 16


@dataclass(frozen=True)
class Round:
    """One snapshot. Rates are per second."""

    alone: list[Sample]    # Readers without anybody else.
    quiet: list[Sample]    # Beside writers.
    busy: list[Sample]     # Beside writers, while the snapshot is made.
    quiet_writes: float
    busy_writes: float
    seconds: float
    size_bytes: int
    extra_bytes: int       # Peak of the resident memory over that just before.
    data_bytes: int        # Resident just before.
    longest_wait_s: float  # Of one more writer, for a batch.
    same_file: bool        # What a node has that started from it is what was there at its beginning.
    same_counters: bool    # Every write that was answered is there afterwards, none twice.

    def kept(self, of: list[Sample]) -> float:
        return median([s.requests_per_s for s in self.busy]) / median([s.requests_per_s for s in of])

    def p99(self) -> float:
        return median([s.p99_ms for s in self.busy]) / median([s.p99_ms for s in self.quiet])


class Counter:
    """One more writer, which knows what was answered: increments counters in batches, one after the other."""

    def __init__(self, server: Server):
        self._client = server.client()
        self._answered = [0] * COUNTERS
        self._stop = threading.Event()
        self._longest_s = 0.0
        for first in range(0, COUNTERS, COUNTER_BATCH):
            self._client.call("MSET", *(word for number in range(first, min(first + COUNTER_BATCH, COUNTERS))
                                        for word in (f"counter:{number}", 0)))
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        batch = 0
        while not self._stop.is_set():
            numbers = [(batch * COUNTER_BATCH + at) % COUNTERS for at in range(COUNTER_BATCH)]
            started = time.monotonic()
            for number, value in zip(numbers, self._client.pipeline([("INCR", f"counter:{n}") for n in numbers])):
                self._answered[number] = value
            self._longest_s = max(self._longest_s, time.monotonic() - started)
            batch += 1

    def finish(self) -> tuple[bool, float]:
        """Whether the server has what it answered, and the longest wait."""
        self._stop.set()
        self._thread.join()
        held = [int(value) for value in self._client.call("MGET", *(f"counter:{n}" for n in range(COUNTERS)))]
        self._client.close()
        return held == self._answered and sum(held) > 0, self._longest_s


@contextmanager
def writers(server: Server, bench: Bench, keys: int):
    """Clients that overwrite keys as fast as they may."""
    workload = Workload("set", pipeline=16, value_bytes=VALUE_BYTES, key_count=keys)
    process: subprocess.Popen = bench.spawn(workload.arguments(server.port, ENDLESS_REQUESTS))
    try:
        yield
    finally:
        stop_writer(process)


def writes_so_far(client: Client) -> int:
    fields = client.info("commandstats").get("cmdstat_set", "calls=0")
    return int(fields.split(",")[0].partition("=")[2])


def measure(context: Context, sink: Sink) -> Round:
    server = context.fleet.make(context.ours, **sink.directives, enable_debug_command="local")
    try:
        server.start()
        load(server, kind="string", count=context.arguments.keys, value_size=VALUE_BYTES)
        with server.client() as client:
            return measure_on(context, sink, server, client)
    finally:
        context.fleet.drop(server)


def measure_on(context: Context, sink: Sink, server: Server, client: Client) -> Round:
    keys = context.arguments.keys
    readers = Workload("get", value_bytes=VALUE_BYTES, key_count=keys)
    # Never under SCHED_FIFO: it would starve the threads that save.
    bench = Bench(context.client_cpus, fifo=False, seconds=context.arguments.seconds)
    alone = [bench.run(server, readers) for _ in range(QUIET_RUNS)]
    with writers(server, bench, keys):
        writes, started = writes_so_far(client), time.monotonic()
        quiet = [bench.run(server, readers) for _ in range(QUIET_RUNS)]
        quiet_writes = (writes_so_far(client) - writes) / (time.monotonic() - started)
    counter = Counter(server)
    digest = client.call("DEBUG", "DIGEST")
    data_bytes = server.rss_bytes()
    saving = Saving(server, sink.way, SNAPSHOT)
    with writers(server, bench, keys):
        counter.start()
        busy, saved, busy_writes = read_while_saving(server, client, bench, readers, saving)
    same_counters, longest_wait_s = counter.finish()
    size_bytes = sink.size_bytes(client)
    server.stop()
    return Round(alone, quiet, busy, quiet_writes, busy_writes / saved.seconds, saved.seconds, size_bytes,
                 saved.growth_bytes, data_bytes, longest_wait_s, restored_digest(context, sink) == digest,
                 same_counters)


def read_while_saving(server: Server, client: Client, bench: Bench, readers: Workload,
                      saving: Saving) -> tuple[list[Sample], Saved, int]:
    """Runs of readers until it is over, without the one that outlasts it; how it went, and the writes meanwhile."""
    ended: list[tuple[Saved, int]] = []
    before = writes_so_far(client)
    waiter = threading.Thread(target=lambda: ended.append((saving.wait(), writes_so_far(client))))
    waiter.start()
    samples, inside = [], 0
    while waiter.is_alive():
        samples.append(bench.run(server, readers))
        inside += waiter.is_alive()
    waiter.join()
    if not ended:
        raise RuntimeError(f"the snapshot under load did not end well:\n{server.log_tail()}")
    saved, after = ended[0]
    return samples[:max(1, inside)], saved, after - before


def restored_digest(context: Context, sink: Sink) -> str:
    """Of a node that starts from the snapshot."""
    server = context.fleet.make(context.ours, **sink.directives, **sink.starting, enable_debug_command="local")
    try:
        server.start()
        with server.client() as client:
            return client.call("DEBUG", "DIGEST")
    finally:
        context.fleet.drop(server)


def run(context: Context) -> None:
    for name, make in SINKS.items():
        rounds, allowed_mib = [], 0.0
        try:
            for _ in range(context.arguments.rounds):
                with make(context) as sink:
                    rounds.append(measure(context, sink))
                    allowed_mib = sink.allowed_mib(median([r.data_bytes for r in rounds]) / 2**20)
        except Unavailable as reason:
            context.report.skip(f"slow {name}", str(reason))
            continue
        report_rounds(context, name, rounds)
        report_figures(context, name, rounds, allowed_mib)


def report_rounds(context: Context, name: str, rounds: list[Round]) -> None:
    rows = [[r.seconds, r.size_bytes / r.seconds / 1e6, r.extra_bytes / 2**20, r.quiet_writes, r.busy_writes,
             r.longest_wait_s, *(median([s.requests_per_s for s in of]) for of in (r.alone, r.quiet, r.busy)),
             *(median([s.p99_ms for s in of]) for of in (r.alone, r.quiet, r.busy))] for r in rounds]
    context.report.table(
        f"slow-disk: snapshot of {context.arguments.keys:,} keys onto a {name} of {context.arguments.disk_rate / 1e6:.0f} MB/s;"
        " readers alone, beside writers, and beside writers and the snapshot",
        ["s", "MB/s", "extra MiB", "SET/s", "SET/s then", "longest s", "GET/s alone", "beside", "then",
         "p99 ms alone", "beside", "then"], rows)


def report_figures(context: Context, name: str, rounds: list[Round], allowed_mib: float) -> None:
    rate = context.arguments.disk_rate

    def figure(what: str, measured: float, unit: str, target: str, beside: str = "") -> None:
        context.report.figure(f"slow {name}: {what}", measured, unit, target, beside)

    record_bytes = median([r.size_bytes for r in rounds]) / context.arguments.keys
    figure("writers' bytes against its rate", min(r.quiet_writes for r in rounds) * record_bytes / rate, "x", ">= 1")
    figure("extra memory", max(r.extra_bytes for r in rounds) / 2**20, "MiB", f"<= {allowed_mib:.0f}")
    figure("snapshot is the data set at its beginning", float(all(r.same_file for r in rounds)), "", ">= 1")
    figure("every answered write is there", float(all(r.same_counters for r in rounds)), "", ">= 1")
    # That they are slowed at all: else the disk was no hindrance, and the figures above proved nothing.
    figure("writers against without a snapshot", 100 * median([r.busy_writes / r.quiet_writes for r in rounds]), "%", "<= 80",
           f"longest wait {max(r.longest_wait_s for r in rounds):.1f} s")
    figure("readers' throughput kept", 100 * median([r.kept(r.quiet) for r in rounds]), "%", ">= 85",
           f"of readers alone {100 * median([r.kept(r.alone) for r in rounds]):.0f} %")
    figure("readers' p99 against without a snapshot", median([r.p99() for r in rounds]), "x", "<= 1.5")
    # A disk rests between two syncs, a store before the first part and behind the last one.
    figure("speed of the snapshot against its rate", median([r.size_bytes / r.seconds / rate for r in rounds]), "x", ">= 0.7")
