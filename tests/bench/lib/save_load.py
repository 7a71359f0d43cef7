"""Row `save-load`: SAVE and an idle BGSAVE of a data set, its size on disk, and starting from it again."""

import time

from .context import Context
from .process import Candidate, load
from .report import median
from .snapshot import save_idle

SAVES = 3
MIXED_BYTES_PER_KEY = 100  # With --kind mixed --keys stands for so many bytes each.
# Kind -> times faster than the reference: SAVE, BGSAVE, load; None is shown only.
TARGETS = {"string": (3.5, None, 3), "smallhash": (None, None, None), "mixed": (3, 2.5, 2.5)}


def run(context: Context) -> None:
    results = {candidate.name: measure(context, candidate) for candidate in context.all}
    context.report.table(f"save-load: {context.arguments.keys:,} keys of kind {context.arguments.kind}, two cores",
                         ["server", "SAVE s", "BGSAVE s", "load s", "RDB MiB"],
                         [[name, *values] for name, values in results.items()])
    ours, theirs = results[context.ours.name], results[context.reference.name]
    for at, what in enumerate(("SAVE", "idle BGSAVE", "load")):
        target = TARGETS[context.arguments.kind][at]
        context.report.figure(f"{what}: speed against the reference", theirs[at] / ours[at], "x",
                              f">= {target}" if target else "")
    context.report.figure("RDB: size against the reference", abs(ours[3] / theirs[3] - 1) * 100, "% apart", "<= 2")


def measure(context: Context, candidate: Candidate) -> tuple[float, float, float, float]:
    """Median seconds of SAVE and of an idle BGSAVE, seconds from spawn to the first PONG with the data, and the file's size in MiB."""
    server = context.fleet.make(candidate, io_threads=str(context.arguments.io_threads))
    server.start()
    if context.arguments.kind == "mixed":
        load(server, kind="mixed", bytes=MIXED_BYTES_PER_KEY * context.arguments.keys)
    else:
        load(server, kind=context.arguments.kind, count=context.arguments.keys, value_size=64)
    seconds = []
    with server.client() as client:
        keys = client.call("DBSIZE")
        for _ in range(SAVES):
            started = time.monotonic()
            client.call("SAVE")
            seconds.append(time.monotonic() - started)
    background = [save_idle(server) for _ in range(SAVES)]
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
    return median(seconds), median(background), median(loads), size_mib
