"""Row `expiry`: one key with a time to live among millions without one."""

import time

from .context import Context
from .process import Candidate, Server, load
from .resp import ReplyError

VOLATILE_KEY = "volatile"
VOLATILE_BYTES = 4 * 2**20
PAIRS = 20


def run(context: Context) -> None:
    results = {candidate.name: measure(context, candidate) for candidate in context.all}
    context.report.table(f"expiry: {context.arguments.keys:,} keys, one with a TTL",
                         ["server", "expired after, s", "evicted after, ms"],
                         [[name, *values] for name, values in results.items()])
    expired_s, evicted_ms = results[context.ours.name]
    context.report.figure("one TTL: expired after its time", expired_s, "s", "<= 1")
    context.report.figure("one TTL: evicted under volatile-lru", evicted_ms, "ms", "<= 1")


def measure(context: Context, candidate: Candidate) -> tuple[float, float]:
    server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
    server.start()
    load(server, kind="string", count=context.arguments.keys, value_size=8)
    result = expired_after(server), evicted_after(server)
    context.fleet.drop(server)
    return result


def expired_after(server: Server) -> float:
    """Seconds from the key's time until the server has removed it by itself; nobody asks for the key."""
    with server.client() as client:
        before = int(client.info("stats")["expired_keys"])
        client.call("SET", VOLATILE_KEY, "x", "PX", 200)
        due = time.monotonic() + 0.2
        while int(client.info("stats")["expired_keys"]) == before:
            if time.monotonic() - due > 60:
                return float("inf")
            time.sleep(0.005)
        return time.monotonic() - due


def evicted_after(server: Server) -> float:
    """Milliseconds that a write needs more when it must first evict the only volatile key.

    The volatile value is large enough that evicting it alone makes room.
    """
    with server.client() as client:
        client.call("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
        quiet_ms = min(write_ms(server, client, room=True) for _ in range(PAIRS))
        before = int(client.info("stats")["evicted_keys"])
        full_ms = min(write_ms(server, client, room=False) for _ in range(PAIRS))
        if int(client.info("stats")["evicted_keys"]) - before != PAIRS:
            raise RuntimeError(f"{server.name} did not evict the volatile key each time")
        client.call("CONFIG", "SET", "maxmemory", 0)
    return max(0.0, full_ms - quiet_ms)


def write_ms(server: Server, client, room: bool) -> float:
    """One CONFIG SET maxmemory and one write, timed together: some servers evict in the one, some in the other."""
    client.call("CONFIG", "SET", "maxmemory", 0)
    client.call("SET", VOLATILE_KEY, "x" * VOLATILE_BYTES, "EX", 1000)
    used = int(client.info("memory")["used_memory"])
    limit = used + VOLATILE_BYTES if room else used - VOLATILE_BYTES // 2
    started = time.perf_counter()
    client.call("CONFIG", "SET", "maxmemory", limit)
    try:
        client.call("SET", "probe", "x")
    except ReplyError as error:
        raise RuntimeError(f"{server.name} refuses the write: {error}") from error
    return (time.perf_counter() - started) * 1000
