"""Row `blocking`: how long a waiting client waits for what was pushed, and what a million waits in vain leave behind."""

import os
import selectors
import socket
import time

from .context import Context
from .process import Candidate, Server
from .report import median

HAND_OFFS = 4000
SETTLE_S = 0.0003  # For the waiting request to arrive before the push leaves.
CONNECTIONS = 1000
WAITS_PER_WRITE = 50
KEYS = 100
LOOKS = 10
NOTHING = b"*-1\r\n"


def run(context: Context) -> None:
    apart = all_hand_offs(context, pinned=True)
    loose = all_hand_offs(context, pinned=False)
    rows = [[name, placed, median(us), percentile(us, 99)]
            for placed, latencies in (("pinned apart", apart), ("not pinned", loose)) for name, us in latencies.items()]
    context.report.table("blocking: BLPOP to LPUSH between two connections, our server with 2 workers",
                         ["server", "server and client", "median us", "p99 us"], rows)
    for placed, latencies, targets in (("", apart, ("<= 1.2", "<= 2")), (", not pinned", loose, ("", ""))):
        ours, theirs = latencies[context.ours.name], latencies[context.reference.name]
        context.report.figure(f"hand-off latency{placed}: median", median(ours) / median(theirs), "x", targets[0])
        context.report.figure(f"hand-off latency{placed}: p99", percentile(ours, 99) / percentile(theirs, 99), "x",
                              targets[1])

    rows = [[candidate.name, *waits_in_vain(context, candidate)] for candidate in context.all]
    context.report.table(f"blocking: {context.arguments.keys:,} BLPOPs with timeouts on {KEYS} keys; RSS is the median of five looks",
                         ["server", "RSS MiB of the first half", "RSS MiB of the second", "seconds"], rows)
    _, early, late, _ = next(row for row in rows if row[0] == context.ours.name)
    context.report.figure("waits in vain: memory growth", late - early, "MiB", "<= 2")


def percentile(values: list[float], percent: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def request(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)


def connect(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), 60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def all_hand_offs(context: Context, pinned: bool) -> dict[str, list[float]]:
    """Not pinned, a server of one thread and its client share a processor and need no wake-up across two."""
    latencies = {candidate.name: [] for candidate in context.all}
    before = os.sched_getaffinity(0)
    for _ in range(context.arguments.rounds):
        for candidate in context.all:
            if pinned:
                os.sched_setaffinity(0, context.client_cpus)
            latencies[candidate.name] += hand_offs(context, candidate, context.server_cpus if pinned else None)
            os.sched_setaffinity(0, before)
    return latencies


def hand_offs(context: Context, candidate: Candidate, server_cpus: set[int] | None) -> list[float]:
    """Microseconds from sending the push until the waiting client has the element."""
    server = context.fleet.make(candidate, server_cpus, io_threads="2")
    server.start()
    waiter, pusher = connect(server), connect(server)  # The server gives them to different workers.
    wait, push = request("BLPOP", "queue", "0"), request("LPUSH", "queue", "x")
    expected = b"*2\r\n$5\r\nqueue\r\n$1\r\nx\r\n"
    latencies = []
    for _ in range(HAND_OFFS):
        waiter.sendall(wait)
        time.sleep(SETTLE_S)
        started = time.perf_counter()
        pusher.sendall(push)
        if waiter.recv(100) != expected:
            raise RuntimeError(f"{server.name} gave something else")
        latencies.append((time.perf_counter() - started) * 1e6)
        pusher.recv(100)
    waiter.close()
    pusher.close()
    context.fleet.drop(server)
    return latencies


def waits_in_vain(context: Context, candidate: Candidate) -> tuple[float, float, float]:
    server = context.fleet.make(candidate, io_threads="2", maxclients=str(CONNECTIONS + 100))
    server.start()
    connections = [connect(server) for _ in range(CONNECTIONS)]
    started = time.monotonic()
    # Pages the allocator has not given back yet come and go, so that one look says little.
    looks = []
    for _ in range(LOOKS):
        wait_in_vain(connections, context.arguments.keys // LOOKS)
        looks.append(server.rss_bytes() / 2**20)
    early, late = median(looks[:LOOKS // 2]), median(looks[LOOKS // 2:])
    seconds = time.monotonic() - started
    for connection in connections:
        connection.close()
    context.fleet.drop(server)
    return early, late, seconds


def wait_in_vain(connections: list[socket.socket], count: int) -> None:
    """`count` BLPOPs with a timeout of a millisecond, spread over the connections, several in each write."""
    left = {connection: -(-count // len(connections)) for connection in connections}
    missing = {}  # Bytes of replies still to come.

    def send(number: int, connection: socket.socket) -> None:
        waits = min(WAITS_PER_WRITE, left[connection])
        left[connection] -= waits
        missing[connection] = waits * len(NOTHING)
        connection.sendall(b"".join(request("BLPOP", f"key{(number + i) % KEYS}", "0.001") for i in range(waits)))

    with selectors.DefaultSelector() as selector:
        for number, connection in enumerate(connections):
            selector.register(connection, selectors.EVENT_READ, number)
            send(number, connection)
        while selector.get_map():
            for key, _ in selector.select():
                missing[key.fileobj] -= len(key.fileobj.recv(65536))
                if missing[key.fileobj] > 0:
                    continue
                if left[key.fileobj] > 0:
                    send(key.data, key.fileobj)
                else:
                    selector.unregister(key.fileobj)
