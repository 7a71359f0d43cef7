"""Row `limits`: little address space, a small memory cgroup, and what an empty node takes."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from .context import Context
from .process import Candidate, load
from .report import median

ADDRESS_SPACE_BYTES = 2 * 2**30
CGROUP_BYTES = 512 * 2**20
STARTS = 11
FLOOD_KEYS = 40_000_000


def run(context: Context) -> None:
    rows = []
    for candidate in context.all:
        rss_mib, pong_ms = empty_node(context, candidate)
        address_space = survives(context, candidate, address_space_bytes=ADDRESS_SPACE_BYTES)
        in_cgroup = survives_cgroup(context, candidate)
        rows.append([candidate.name, rss_mib, pong_ms, address_space, in_cgroup])
        if candidate == context.ours:
            context.report.figure("empty node: RSS", rss_mib, "MiB", "<= 10")
            context.report.figure("empty node: start to first PONG", pong_ms, "ms", "<= 50")
            context.report.figure("ulimit -v 2 GB: serves and answers OOM", float(address_space == "OOM"), "", ">= 1",
                                  address_space)
            if in_cgroup.startswith("skipped"):
                context.report.skip("512 MB memory cgroup", in_cgroup)
            else:
                context.report.figure("512 MB memory cgroup: serves and answers OOM", float(in_cgroup == "OOM"), "",
                                      ">= 1", in_cgroup)
    context.report.table("limits: empty node, and writing until it refuses",
                         ["server", "RSS MiB", "first PONG ms", "ulimit -v 2 GB", "512 MB cgroup"], rows)


def empty_node(context: Context, candidate: Candidate) -> tuple[float, float]:
    rss, pong = [], []
    for _ in range(STARTS):
        server = context.fleet.make(candidate, io_threads="1")
        pong.append(server.start() * 1000)
        time.sleep(0.1)
        rss.append(server.rss_bytes() / 2**20)
        context.fleet.drop(server)
    return median(rss), median(pong)


def survives(context: Context, candidate: Candidate, **limit) -> str:
    """Fills the server until it refuses: "OOM" when it answered so and still serves, else what happened."""
    server = context.fleet.make(candidate, io_threads="1")
    try:
        server.start(**limit)
        error = load(server, check=False, kind="string", count=FLOOD_KEYS, value_size=1000)
        if not server.alive():
            return "died"
        with server.client() as client:
            if client.call("PING") != "PONG" or client.call("GET", "-") is not None:
                return "serves no longer"
        return "OOM" if "-OOM " in error else f"no OOM: {error.strip() or 'took everything'}"
    except RuntimeError as failure:
        return str(failure).splitlines()[0]
    except OSError as failure:
        return f"serves no longer: {failure}"
    finally:
        context.fleet.drop(server)


def survives_cgroup(context: Context, candidate: Candidate) -> str:
    try:
        with memory_cgroup(CGROUP_BYTES) as cgroup:
            return survives(context, candidate, cgroup=cgroup)
    except OSError as error:
        return f"skipped, no memory cgroup here: {error.strerror}"


@contextmanager
def memory_cgroup(limit_bytes: int):
    """A memory cgroup of our own, version 1 or 2, removed on leaving the block."""
    first = Path("/sys/fs/cgroup/memory")
    root, limit = (first, "memory.limit_in_bytes") if first.is_dir() else (Path("/sys/fs/cgroup"), "memory.max")
    group = root / f"cachenode-bench-{os.getpid()}"
    group.mkdir()
    try:
        (group / limit).write_text(str(limit_bytes))
        yield group
    finally:
        for _ in range(50):
            if subprocess.run(["rmdir", str(group)], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
