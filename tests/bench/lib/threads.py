"""Row `threads`: two of our workers against one, unpinned, with two client processes."""

import os

from .context import Context
from .load import Bench, Sample, Workload
from .process import Candidate, Server, load
from .report import median
from .speed import cpu_ratio, measure, rate_ratio

BIG_VALUE_BYTES = 64 * 1024
BIG_KEYS = 100
MGET_KEYS = 1000
SET_MEMBERS = 1000
HASH_FIELDS = 500
CLIENT_PROCESSES = 2
CORES = len(os.sched_getaffinity(0))
SECONDS_MIN = 0.6  # A process takes some 20 ms to begin.
HEAVY_PIPELINE = 16


def workloads(key_count: int) -> list[tuple[Workload, bool]]:
    """Workloads, and whether the server is the heavy side of them.

    redis-benchmark makes an object of every element of a reply: with two cores for all it would be the limit of the
    heavy ones, so these are sent by `lean_client`, which only counts bytes.
    """
    small = [(Workload(test, pipeline=pipeline, key_count=key_count, connections=25), False)
             for pipeline in (1, 16) for test in ("get", "set")]
    mget = ("MGET", *["key:__rand_int__"] * MGET_KEYS)
    heavy = [("BITCOUNT", "big:__rand_int__"), ("ZRANGE", "zset:__rand_int__", "0", "999"),
             ("SUNION", "set:__rand_int__", "set:__rand_int__"), ("HGETALL", "hash:__rand_int__")]
    lean = {"connections": 25, "pipeline": HEAVY_PIPELINE, "lean": True}
    return [*small,
            *[(Workload(command=command, key_count=BIG_KEYS, **lean), True) for command in heavy],
            (Workload(command=mget, key_count=key_count, **lean), True)]


def start(context: Context, name: str, threads: int) -> Server:
    server = context.fleet.make(Candidate(name, context.ours.command), io_threads=str(threads))
    server.start()
    load(server, kind="string", count=context.arguments.keys, value_size=3)
    with server.client() as client:
        for number in range(BIG_KEYS):
            client.call("SET", f"big:{number:012d}", "x" * BIG_VALUE_BYTES)
            members = [f"member:{number + 10 * i}" for i in range(SET_MEMBERS)]
            client.call("SADD", f"set:{number:012d}", *members)
            client.call("ZADD", f"zset:{number:012d}", *[word for i, name in enumerate(members) for word in (i, name)])
            client.call("HSET", f"hash:{number:012d}",
                        *[word for name in members[:HASH_FIELDS] for word in (name, "value")])
    server.pause()
    return server


class TwoProcesses:
    """A bench whose runs use two client processes, unpinned."""

    def __init__(self, seconds: float):
        self._bench = Bench(fifo=False, seconds=max(seconds, SECONDS_MIN))

    def run(self, server: Server, workload: Workload) -> Sample:
        return self._bench.run(server, workload, processes=CLIENT_PROCESSES)


def run(context: Context) -> None:
    one, two = start(context, "one", 1), start(context, "two", 2)
    bench = TwoProcesses(context.arguments.seconds)
    rows = []
    for workload, heavy in workloads(context.arguments.keys):
        measured = measure(bench, [one, two], workload, context.arguments.rounds)
        rate, cpu = rate_ratio(measured, "two", "one"), cpu_ratio(measured, "two", "one")
        name = f"{workload.name} P{workload.pipeline}"
        one_us, two_us = (median([s.cpu_us for s in measured[server]]) for server in ("one", "two"))
        client_us = median([s.client_cpu_us for s in measured["two"]])
        rows.append([name, median([s.requests_per_s for s in measured["one"]]),
                     median([s.requests_per_s for s in measured["two"]]), rate,
                     CORES * one_us / (two_us + client_us), one_us, two_us, cpu, client_us])
        context.report.figure(f"two workers, {name}: throughput", rate, "x", ">= 1.7" if heavy else ">= 0.95")
        if not heavy:
            context.report.figure(f"two workers, {name}: CPU per request", cpu, "x", "<= 1.15")
    context.report.table("threads: two workers against one, two client processes, unpinned",
                         ["workload", "1: req/s", "2: req/s", "ratio", "limit", "1: CPU us", "2: CPU us", "ratio",
                          "client us"], rows)
    context.fleet.drop(one)
    context.fleet.drop(two)


