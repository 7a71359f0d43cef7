"""Row `memory`: resident bytes per key, over load factors that no single size would show."""

import time

from .context import Context
from .process import Candidate, load

VARIANTS = (
    # title, value bytes, time to live in seconds, target
    ("16 B key + 8 B value", 8, 0, 43),
    ("16 B key + 8 B value, with TTL", 8, 1_000_000, 51),
    ("16 B key + 64 B value", 64, 0, 99),
)
SETTLE_S = 1.0


def run(context: Context) -> None:
    rows = []
    for title, value_bytes, ttl_seconds, target in VARIANTS:
        worst = {}
        for candidate in context.all:
            per_key = bytes_per_key(context, candidate, value_bytes, ttl_seconds)
            worst[candidate.name] = max(per_key)
            rows.append([title, candidate.name, *per_key])
        context.report.figure(f"bytes per key, {title}", worst[context.ours.name], "bytes", f"<= {target}",
                              f"{context.reference.name} {worst[context.reference.name]:.1f}")
    context.report.table("memory: (RSS after load - RSS empty) / keys, bytes",
                         ["data", "server", *[f"{count / 1e6:.2f} M" for count in context.arguments.counts]], rows)


def bytes_per_key(context: Context, candidate: Candidate, value_bytes: int, ttl_seconds: int) -> list[float]:
    """One figure per count; the keys of a later count are added to those of the one before."""
    server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
    server.start()
    time.sleep(SETTLE_S)
    empty_bytes = server.rss_bytes()
    result, loaded = [], 0
    for count in context.arguments.counts:
        load(server, cpus=context.client_cpus, kind="string", first=loaded, count=count - loaded,
             value_size=value_bytes, ttl=ttl_seconds)
        loaded = count
        time.sleep(SETTLE_S)
        with server.client() as client:
            if client.call("DBSIZE") != count:
                raise RuntimeError(f"{candidate.name} does not hold the {count} keys loaded")
        result.append((server.rss_bytes() - empty_bytes) / count)
    context.fleet.drop(server)
    return result
