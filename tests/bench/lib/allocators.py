"""Row `allocators`: builds of our server that differ in their allocator only."""

from .context import Context
from .load import Workload
from .process import Candidate, Server, load
from .report import median
from .snapshot import MemoryWatch, save_idle
from .speed import measure
from .types import ELEMENTS, VALUES, bytes_per_element, fill

KEYS = 5_000_000
DELETED_SHARE = 0.9
VALUE_BYTES = 64


def run(context: Context) -> None:
    builds = [Candidate.parse(text) for text in context.arguments.build]
    rows = []
    for candidate, cpu in cpu_of(context, builds).items():
        server = start(context, candidate, KEYS)
        full_mib = server.rss_bytes() / 2**20
        watch = MemoryWatch(server)
        save_idle(server)
        peak_mib = watch.stop() / 2**20
        load(server, kind="delete", count=KEYS, limit=int(KEYS * DELETED_SHARE), seed=2)
        with server.client() as client:
            client.call("MEMORY", "PURGE")
            allocator = client.info("memory")["mem_allocator"]
        rows.append([candidate.name, allocator, *cpu, full_mib, server.rss_bytes() / 2**20, peak_mib])
        context.fleet.drop(server)
    context.report.table(f"allocators: CPU us per request at -P 16, memory of {KEYS:,} keys in MiB",
                         ["build", "mem_allocator", "GET", "SET", "RSS", "RSS, 90 % deleted", "BGSAVE peak"], rows)
    run_large_values(context, builds)


# Of a member or field that is there; the arguments of a sorted set's and a hash's elements are drawn from all of them.
LARGE_COMMANDS = {
    "sorted set, 20 B members": ("ZADD", "large", "__rand_int__", "element:__rand_int__"),
    "hash, 20 B fields, 8 B values": ("HSET", "large", "element:__rand_int__", "v1234567"),
}


def run_large_values(context: Context, builds: list[Candidate]) -> None:
    rows = []
    for title, (command, elements, _) in VALUES.items():
        cpu_us = {candidate.name: "-" for candidate in builds}
        if title in LARGE_COMMANDS:
            servers = []
            for candidate in builds:
                server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
                server.start()
                with server.client() as client:
                    fill(client, command, "large", elements(ELEMENTS))
                server.pause()
                servers.append(server)
            workload = Workload(command=LARGE_COMMANDS[title], pipeline=16, key_count=ELEMENTS)
            for name, samples in measure(context.bench(), servers, workload, context.arguments.rounds).items():
                cpu_us[name] = median([s.cpu_us for s in samples])
            for server in servers:
                context.fleet.drop(server)
        rows += [[title, candidate.name, bytes_per_element(context, candidate, title), cpu_us[candidate.name]]
                 for candidate in builds]
    context.report.table(f"allocators: one value of {ELEMENTS:,} elements; ZADD or HSET of one that is there, -P 16",
                         ["value", "build", "bytes an element", "CPU us/req"], rows)


def start(context: Context, candidate: Candidate, keys: int) -> Server:
    server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
    server.start()
    load(server, kind="string", count=keys, value_size=VALUE_BYTES)
    return server


def cpu_of(context: Context, builds: list[Candidate]) -> dict[Candidate, list[float]]:
    """GET and SET, CPU us per request, the builds interleaved."""
    servers = [start(context, candidate, context.arguments.keys) for candidate in builds]
    for server in servers:
        server.pause()
    result: dict[Candidate, list[float]] = {candidate: [] for candidate in builds}
    for test in ("get", "set"):
        workload = Workload(test, pipeline=16, value_bytes=VALUE_BYTES, key_count=context.arguments.keys)
        samples = measure(context.bench(), servers, workload, context.arguments.rounds)
        for candidate in builds:
            result[candidate].append(median([s.cpu_us for s in samples[candidate.name]]))
    for server in servers:
        context.fleet.drop(server)
    return result
