"""Row `save-load`: SAVE of a data set, its size on disk, and starting from it again."""

import time

from .context import Context
from .process import Candidate, load
from .report import median

SAVES = 3


def run(context: Context) -> None:
    results = {candidate.name: measure(context, candidate) for candidate in context.all}
    context.report.table(f"save-load: {context.arguments.keys:,} keys of kind {context.arguments.kind}, two cores",
                         ["server", "SAVE s", "load s", "RDB MiB"],
                         [[name, *values] for name, values in results.items()])
    ours, theirs = results[context.ours.name], results[context.reference.name]
    context.report.figure("SAVE: speed against the reference", theirs[0] / ours[0], "x", ">= 3.5")
    context.report.figure("load: speed against the reference", theirs[1] / ours[1], "x", ">= 3")
    context.report.figure("RDB: size against the reference", abs(ours[2] / theirs[2] - 1) * 100, "% apart", "<= 2")


def measure(context: Context, candidate: Candidate) -> tuple[float, float, float]:
    """Median seconds of SAVE, seconds from spawn to the first PONG with the data, and the file's size in MiB."""
    server = context.fleet.make(candidate, io_threads=str(context.arguments.io_threads))
    server.start()
    if context.arguments.kind == "mixed":
        load(server, kind="mixed", bytes=100 * context.arguments.keys)
    else:
        load(server, kind=context.arguments.kind, count=context.arguments.keys, value_size=64)
    seconds = []
    with server.client() as client:
        keys = client.call("DBSIZE")
        for _ in range(SAVES):
            started = time.monotonic()
            client.call("SAVE")
            seconds.append(time.monotonic() - started)
    server.stop()
    size_mib = (server.directory / "dump.rdb").stat().st_size / 2**20
    loads = []
    for _ in range(SAVES):
        loads.append(server.start())
        with server.client() as client:
            if client.call("DBSIZE") != keys:
                raise RuntimeError(f"{candidate.name} lost keys over a restart")
        server.stop()
    context.fleet.drop(server)
    return median(seconds), median(loads), size_mib
