"""Row `hit-ratio`: how many reads of a small cache find their key, under each policy, against redis-server's LRU."""

import subprocess

from .context import Context
from .process import Candidate, Server
from .tools import built_tool

SIZES = (10_000, 100_000)
# Of our policies, points above the reference's allkeys-lru at each size.
TARGETS = {"allkeys-lru": {10_000: ">= -0.5", 100_000: ">= -0.5"}, "allkeys-s3fifo": {10_000: ">= 6", 100_000: ">= 2"}}
REFERENCE_POLICY = "allkeys-lru"
READS_PER_S = 50_000   # The reference counts recency in seconds: all servers must see as many of them.
SETTLE_READS = 300_000
SETTLE_ROUNDS = 4
TOLERANCE = 0.01       # Of DBSIZE.


def reads(context: Context, server: Server, count: int, seed: int, **options: int) -> float:
    """Per cent of the reads that found their key."""
    words = [built_tool("hit_ratio"), "--port", server.port, "--reads", count, "--keys", context.arguments.keys, "--seed", seed]
    words += [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
    total, hits = map(int, done.stdout.split())
    return 100 * hits / total


def settle(context: Context, server: Server, policy: str, size: int) -> int:
    """Finds the maxmemory at which DBSIZE stays at `size`, and returns DBSIZE."""
    with server.client() as client:
        empty = int(client.info("memory")["used_memory"])
        limit = empty + size * 250
        client.call("CONFIG", "SET", "maxmemory-policy", policy)
        for seed in range(1, SETTLE_ROUNDS + 1):
            client.call("CONFIG", "SET", "maxmemory", limit)
            reads(context, server, max(SETTLE_READS, 5 * size), 1000 + seed)
            keys = client.call("DBSIZE")
            if abs(keys - size) <= TOLERANCE * size:
                break
            # The client's buffers and the like do not grow with the keys.
            limit = empty + (limit - empty) * size // keys
        return keys


def measure(context: Context, candidate: Candidate, policy: str, size: int) -> tuple[float, int]:
    server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
    server.start()
    settle(context, server, policy, size)
    share = reads(context, server, context.arguments.reads, 7, rate=READS_PER_S)
    with server.client() as client:
        keys = client.call("DBSIZE")
    context.fleet.drop(server)
    return share, keys


def run(context: Context) -> None:
    rows = []
    for size in SIZES:
        base, keys = measure(context, context.reference, REFERENCE_POLICY, size)
        rows.append([size, context.reference.name, REFERENCE_POLICY, keys, base, 0.0])
        for policy, targets in TARGETS.items():
            share, keys = measure(context, context.ours, policy, size)
            rows.append([size, context.ours.name, policy, keys, share, share - base])
            context.report.figure(f"{policy}, {size:,} keys: points from {context.reference.name}'s LRU", share - base, "",
                                  targets[size], f"{share:.2f} % against {base:.2f} %")
    context.report.table(f"hit ratio: Zipf 0.99 over {context.arguments.keys:,} keys, "
                         f"{context.arguments.reads:,} reads", ["room for", "server", "policy", "keys", "hits, %", "points"],
                         rows)
