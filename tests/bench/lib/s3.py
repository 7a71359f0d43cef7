"""Row `s3`: restores from and exports to an S3 store against the same data on a local disk.

`--stub` starts a store that serves one file from memory; in it `{file}` and `{port}` are replaced. `--restore` has the
directives that make our server restore from it, `--export` those that let it write there, both with the same `{port}`.
The defaults are the tests' own store, which verifies signatures.
"""

import time
from dataclasses import dataclass

from . import s3_export
from .context import Context
from .process import Candidate, Server, load
from .report import median, paired_ratio
from .store import DIRECTIVES, PORT_OFFSET, STUB, running_store, words_of

DEFAULT_STUB = STUB + " bucket/dump.rdb={file}"
DEFAULT_RESTORE = "--s3-snapshot-location s3://bucket/dump.rdb " + DIRECTIVES
DEFAULT_EXPORT = DIRECTIVES
ALLOWED_GROWTH_MIB = 128
SETTLE_S = 0.3  # After which buffers of a load are given back.


@dataclass(frozen=True)
class Start:
    wall_s: float
    cpu_s: float
    peak_bytes: int
    settled_bytes: int


def run(context: Context) -> None:
    arguments = context.arguments
    source = context.fleet.make(context.ours)
    source.start()
    load(source, kind="string", count=arguments.keys, value_size=64)
    with source.client() as client:
        client.call("SAVE")
    source.stop()
    file = source.directory / "dump.rdb"
    port = arguments.baseport + PORT_OFFSET
    with running_store(words_of(arguments.stub, file=file, port=port), port) as store:
        report_restores(context, *restores(context, source, port))
        s3_export.run(context, words_of(arguments.export, port=port), store.pid, file.stat().st_size)


def restores(context: Context, source: Server, port: int) -> tuple[list[Start], list[Start]]:
    remote = Candidate("s3", (*context.ours.command, *words_of(context.arguments.restore, port=port)))
    disk, over_s3 = [], []
    for _ in range(context.arguments.rounds):
        disk.append(timed_start(source, context.arguments.keys))
        server = context.fleet.make(remote)
        over_s3.append(timed_start(server, context.arguments.keys))
        context.fleet.drop(server)
    return disk, over_s3


def timed_start(server: Server, keys: int) -> Start:
    wall_s = server.start()
    cpu_s = server.cpu_ns() / 1e9
    peak_bytes = server.peak_bytes()
    with server.client() as client:
        if client.call("DBSIZE") != keys:
            raise RuntimeError("the restored data set is not the saved one")
    time.sleep(SETTLE_S)
    settled_bytes = server.rss_bytes()
    server.stop()
    return Start(wall_s, cpu_s, peak_bytes, settled_bytes)


def report_restores(context: Context, disk: list[Start], over_s3: list[Start]) -> None:
    data_bytes = min(start.settled_bytes for start in disk + over_s3)
    growth_mib = {name: max(start.peak_bytes - data_bytes for start in of) / 2**20
                  for name, of in (("disk", disk), ("s3", over_s3))}
    rows = [[name, median([start.wall_s for start in of]), median([start.cpu_s for start in of]), growth_mib[name]]
            for name, of in (("disk", disk), ("s3", over_s3))]
    context.report.table(f"s3: start with {context.arguments.keys:,} keys until the first PONG",
                         ["from", "wall s", "CPU s", "peak over the data MiB"], rows)
    figure = context.report.figure
    figure("restore over S3: our CPU against disk", rows[1][2] / rows[0][2], "x", "<= 1.2")
    figure("restore over S3: wall against disk", rows[1][1] / rows[0][1], "x", "<= 1.3")
    figure("restore over S3: speed against disk",
           paired_ratio([start.wall_s for start in disk], [start.wall_s for start in over_s3]), "x", ">= 0.8")
    figure("restore over S3: RSS growth", growth_mib["s3"], "MiB", f"<= {ALLOWED_GROWTH_MIB}",
           f"disk {growth_mib['disk']:.0f} MiB")
