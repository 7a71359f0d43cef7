"""Row `allocators`: builds of our server that differ in their allocator only."""

from .context import Context
from .load import Workload
from .process import Candidate, Server, load
from .report import median
from .snapshot import MemoryWatch, save_idle
from .speed import measure

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
