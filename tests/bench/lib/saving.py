"""Every way a data set leaves our server for a disk or a store: begun, waited for and measured."""

import time
from dataclasses import dataclass

from .process import Server
from .resp import Client

LIMIT_S = 600
POLL_S = 0.005


@dataclass(frozen=True)
class Way:
    """What begins it and what INFO tells of it; `{name}` in the command is a new name each time."""

    title: str
    command: str
    running: str  # Empty or 0 when it is over.
    good: str     # Counts those that went well.

    def words(self, name: str) -> list[str]:
        return [word.format(name=name) for word in self.command.split()]


@dataclass(frozen=True)
class Saved:
    seconds: float
    growth_bytes: int  # Peak of the resident memory while it ran over that just before.
    cpu_s: float


BGSAVE = Way("BGSAVE", "BGSAVE", "rdb_bgsave_in_progress", "rdb_saves")
CREATE = Way("SNAPSHOT CREATE", "SNAPSHOT CREATE {name}", "snapshot_in_progress", "snapshots_created")
EXPORT = Way("SNAPSHOT EXPORT", "SNAPSHOT EXPORT {name} s3://bucket/exports", "snapshot_export_in_progress",
             "snapshot_exports_completed")
NODE_EXPORT = Way("NODE EXPORT", "NODE EXPORT {name} s3://bucket/running", "s3_export_in_progress", "s3_exports_completed")


class Saving:
    """One that runs: begun by the constructor."""

    def __init__(self, server: Server, way: Way, name: str = ""):
        self._server = server
        self._way = way
        self._client = server.client()
        self._good_before = self._count(self._info())
        self._before_bytes = server.rss_bytes()
        server.forget_peak()
        self._cpu_before_ns = server.cpu_ns()
        self._started = time.monotonic()
        self._client.call(*way.words(name))

    def is_over(self) -> bool:
        return self._info()[self._way.running] in ("", "0")

    def wait(self) -> Saved:
        """Returns when it is over; raises when it failed."""
        while not self.is_over():
            if time.monotonic() - self._started > LIMIT_S:
                raise RuntimeError(f"{self._way.title} takes more than {LIMIT_S} s")
            time.sleep(POLL_S)
        seconds = time.monotonic() - self._started
        cpu_s = (self._server.cpu_ns() - self._cpu_before_ns) / 1e9
        growth_bytes = self._server.peak_bytes() - self._before_bytes
        good = self._count(self._info())
        self._client.close()
        if good != self._good_before + 1:
            raise RuntimeError(f"{self._way.title} failed:\n{self._server.log_tail()}")
        return Saved(seconds, growth_bytes, cpu_s)

    def _count(self, info: dict[str, str]) -> int:
        return int(info[self._way.good])

    def _info(self) -> dict[str, str]:
        return {**self._client.info("persistence"), **self._client.info("snapshots")}


def delete_snapshot(client: Client, name: str) -> None:
    """Returns when it is gone, file or object and all."""
    client.call("SNAPSHOT", "DELETE", name)
    deadline = time.monotonic() + LIMIT_S
    while any(name in entry for entry in client.call("SNAPSHOT", "LIST")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"snapshot {name} does not go")
        time.sleep(POLL_S)
