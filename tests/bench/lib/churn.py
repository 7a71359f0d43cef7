"""Row `churn`: how much more memory the process takes than maxmemory says, under a load that never rests."""

import time

from .context import Context
from .hit_ratio import reads
from .process import Candidate

LIMIT_BYTES = 2**30
POLICY = "allkeys-lru"
ROUNDS = 12
READS_PER_ROUND = 250_000
SIZES = {"value_size": 16, "value_size_max": 16_384}


def measure(context: Context, candidate: Candidate) -> tuple[float, float]:
    """The largest and the last (resident - resident when empty) / maxmemory, looked at after each round."""
    server = context.fleet.make(candidate, context.server_cpus, io_threads="1", maxmemory=str(LIMIT_BYTES),
                                maxmemory_policy=POLICY)
    server.start()
    shares = []
    for seed in range(1, ROUNDS + 1):
        reads(context, server, READS_PER_ROUND, seed, **SIZES)
        shares.append(server.rss_bytes() / LIMIT_BYTES)
    time.sleep(1)
    shares.append(server.rss_bytes() / LIMIT_BYTES)
    context.fleet.drop(server)
    return max(shares), shares[-1]


def run(context: Context) -> None:
    rows = []
    for candidate in context.all:
        largest, last = measure(context, candidate)
        rows.append([candidate.name, largest, last])
        if candidate is context.ours:
            context.report.figure("resident memory under churn", largest, "x maxmemory", "<= 1.1")
    context.report.table(f"churn: values of 16 B to 16 KB, maxmemory {LIMIT_BYTES >> 30} GB",
                         ["server", "largest, x", "last, x"], rows)
