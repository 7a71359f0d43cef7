"""Second half of row `s3`: the data set written into the store, against the same onto a local disk.

Two nodes with the same data: one keeps its snapshots in a folder of `--disk`, one in the store. Each round does all ways
once, one after the other, so that each is paired with its like next to it in time. Into the store comes first: the
growth of memory is seen on a node that never saved before.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from .context import Context
from .process import Candidate, load, process_cpu_ns
from .report import median, paired_ratio
from .saving import BGSAVE, CREATE, EXPORT, NODE_EXPORT, Saved, Saving, delete_snapshot

ALLOWED_GROWTH_MIB = 128
# Title -> node and way, in the order of a round.
WAYS = {
    "NODE EXPORT": ("folder", NODE_EXPORT),
    "BGSAVE onto disk": ("folder", BGSAVE),
    "SNAPSHOT CREATE onto disk": ("folder", CREATE),
    "SNAPSHOT EXPORT": ("folder", EXPORT),
    "SNAPSHOT CREATE into S3": ("bucket", CREATE),
    "BGSAVE into memory": ("bucket", BGSAVE),
}
# Into the store -> onto the disk.
PAIRS = {
    "NODE EXPORT": "BGSAVE onto disk",
    "SNAPSHOT EXPORT": "SNAPSHOT CREATE onto disk",
    "SNAPSHOT CREATE into S3": "SNAPSHOT CREATE onto disk",
}


def run(context: Context, directives: list[str], store_pid: int, size_bytes: int) -> None:
    """`size_bytes` is that of the file; every way writes the same."""
    done: dict[str, list[Saved]] = {title: [] for title in WAYS}
    store_s: dict[str, list[float]] = {title: [] for title in WAYS}
    with two_nodes(context, directives) as nodes:
        for turn in range(context.arguments.rounds):
            for title, (node, way) in WAYS.items():
                before_ns = process_cpu_ns(store_pid)
                done[title].append(Saving(nodes[node], way, f"round-{turn}").wait())
                store_s[title].append((process_cpu_ns(store_pid) - before_ns) / 1e9)
            for node in nodes.values():
                with node.client() as client:
                    delete_snapshot(client, f"round-{turn}")
    report(context, done, store_s, size_bytes)


@contextmanager
def two_nodes(context: Context, directives: list[str]):
    candidate = Candidate("export", (*context.ours.command, *directives))
    with tempfile.TemporaryDirectory(prefix="cachenode-bench-", dir=context.arguments.disk) as disk:
        nodes = {"folder": context.fleet.make(candidate, dir=disk),
                 "bucket": context.fleet.make(candidate, snapshot_dir="s3://bucket/snapshots")}
        try:
            for node in nodes.values():
                node.start()
                load(node, kind="string", count=context.arguments.keys, value_size=64)
            yield nodes
        finally:
            for node in nodes.values():
                context.fleet.drop(node)


def report(context: Context, done: dict[str, list[Saved]], store_s: dict[str, list[float]], size_bytes: int) -> None:
    growth_mib = {title: max(saved.growth_bytes for saved in of) / 2**20 for title, of in done.items()}
    rows = []
    for title, of in done.items():
        seconds = median([saved.seconds for saved in of])
        rows.append([title, seconds, size_bytes / seconds / 1e6, median([saved.cpu_s for saved in of]),
                     median(store_s[title]), growth_mib[title]])
    context.report.table(f"s3: {context.arguments.keys:,} keys leave a node, {size_bytes / 1e6:.0f} MB; the disk is "
                         f"{Path(context.arguments.disk).resolve()}",
                         ["how", "s", "MB/s", "CPU s", "store CPU s", "RSS growth MiB"], rows)
    for title, local in PAIRS.items():
        of = {name: [saved.seconds for saved in done[name]] for name in (title, local)}
        context.report.figure(f"{title}: speed against {local}", paired_ratio(of[local], of[title]), "x", ">= 0.8",
                              f"{size_bytes / median(of[local]) / 1e6:.0f} MB/s")
    for title in PAIRS:
        context.report.figure(f"{title}: RSS growth", growth_mib[title], "MiB", f"<= {ALLOWED_GROWTH_MIB}")
