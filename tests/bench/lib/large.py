"""Row `large`: what getting rid of one huge set costs the loop and the other clients, however it goes."""

import threading
import time

from .context import Context
from .process import Server
from .resp import Client
from .types import fill, member

MEMBERS = 5_000_000
WATCH_S = 3.0  # From the command on; freeing goes on behind it.
ALLOWED_LOOP_MS = 5
ALLOWED_CLIENT_MS = 10

# How the set under `large` goes -> the commands before the clock starts, and the one that does it.
WAYS = {
    "deleted": ((), ("DEL", "large")),
    "replaced": ((), ("SET", "large", "small")),
    "expired": ((), ("PEXPIRE", "large", "1")),
    "renamed over": ((("SET", "other", "small"),), ("RENAME", "other", "large")),
}


class Probe:
    """Another client: sends one command after the other and keeps the longest wait."""

    def __init__(self, server: Server):
        self._server = server
        self._stop = threading.Event()
        self._longest_s = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._server.client() as client:
            while not self._stop.is_set():
                started = time.monotonic()
                client.call("SET", "probe", "value")
                self._longest_s = max(self._longest_s, time.monotonic() - started)

    def finish_ms(self) -> float:
        self._stop.set()
        self._thread.join()
        return self._longest_s * 1000


def watch_ms(server: Server, client: Client, command: tuple[str, ...]) -> float:
    """The longest wait of another client while `command`, if any, runs and WATCH_S after it."""
    probe = Probe(server)
    if command:
        client.call(*command)
    time.sleep(WATCH_S)
    return probe.finish_ms()


def run(context: Context) -> None:
    rows = []
    for candidate in context.all:
        server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
        server.start()
        is_ours = candidate.name == context.ours.name
        with server.client() as client:
            fill(client, "SADD", "source", ((member(number),) for number in range(MEMBERS)))
            for way, (before, command) in WAYS.items():
                # Members of its own, not those of the source.
                client.call("SUNIONSTORE", "large", "source")
                for words in before:
                    client.call(*words)
                quiet_ms = watch_ms(server, client, ())
                client.call("CONFIG", "RESETSTAT")
                longest_ms = watch_ms(server, client, command)
                loop = client.info().get("loop_cpu_usec_max")
                loop_ms = float(loop) / 1000 if loop else None
                rows.append([way, candidate.name, "-" if loop_ms is None else loop_ms, longest_ms, quiet_ms])
                if is_ours:
                    report_figures(context, way, loop_ms, longest_ms, quiet_ms)
        context.fleet.drop(server)
    context.report.table(f"large: a set of {MEMBERS:,} members goes",
                         ["how", "server", "loop ms CPU", "client max ms", "quiet max ms"], rows)


def report_figures(context: Context, way: str, loop_ms: float | None, longest_ms: float, quiet_ms: float) -> None:
    what = f"a set of {MEMBERS:,} is {way}"
    if loop_ms is None:
        context.report.skip(what, "the server has no INFO field loop_cpu_usec_max")
    else:
        context.report.figure(f"{what}: longest loop iteration", loop_ms, "ms CPU", f"<= {ALLOWED_LOOP_MS}")
    allowed_ms = max(ALLOWED_CLIENT_MS, 1.5 * quiet_ms)
    context.report.figure(f"{what}: other clients' maximum", longest_ms, "ms", f"<= {allowed_ms:.1f}",
                          f"quiet {quiet_ms:.1f} ms")
