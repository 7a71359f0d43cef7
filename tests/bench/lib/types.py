"""Row `types`: memory of one large value and of many small ones, and CPU of sorted sets, against redis-server."""

import time

from .context import Context
from .load import Sample, Workload
from .process import Candidate, Server, load
from .resp import Client
from .speed import cpu_ratio, measure, rate_ratio
from .report import median

ELEMENTS = 1_000_000
ARGUMENTS_PER_COMMAND = 1000
SMALL_HASHES = 200_000
WARM_UP_ELEMENTS = 1000
SETTLE_S = 1.0


def member(number: int) -> str:
    """20 bytes, in no order: what redis-benchmark's __rand_int__ can hit is `number` in 12 digits."""
    return f"element:{number:012d}"


def pairs(elements: int):
    return ((str(number * 7919 % elements), member(number)) for number in range(elements))


# What is loaded -> (command, an iterable of argument tuples, bytes per element).
VALUES = {
    "sorted set, 20 B members": ("ZADD", pairs, 60),
    "hash, 20 B fields, 8 B values": ("HSET", lambda n: ((member(i), f"v{i:07d}") for i in range(n)), 48),
    "set, 20 B members": ("SADD", lambda n: ((member(i),) for i in range(n)), 38),
    "list, 8 B elements": ("RPUSH", lambda n: ((f"e{i:07d}",) for i in range(n)), 10.5),
}


def run(context: Context) -> None:
    memory_of_large_values(context)
    memory_of_small_hashes(context)
    cpu_of_sorted_sets(context)


def fill(client: Client, command: str, key: str, elements) -> None:
    words: list[str] = []
    for arguments in elements:
        words.extend(arguments)
        if len(words) >= ARGUMENTS_PER_COMMAND:
            client.call(command, key, *words)
            words = []
    if words:
        client.call(command, key, *words)


def start(context: Context, candidate: Candidate) -> Server:
    server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
    server.start()
    time.sleep(SETTLE_S)
    return server


def warm_up(server: Server, cpus: set[int]) -> None:
    """What the first requests make resident, the program's own pages above all, is no memory of the values."""
    load(server, cpus=cpus, kind="smallhash", count=WARM_UP_ELEMENTS)
    with server.client() as client:
        for command, elements, _ in VALUES.values():
            fill(client, command, command, elements(WARM_UP_ELEMENTS))
        client.call("FLUSHALL", "SYNC")
    time.sleep(SETTLE_S)


def bytes_per_element(context: Context, candidate: Candidate, title: str) -> float:
    """Of one value of ELEMENTS elements in a fresh server."""
    command, elements, _ = VALUES[title]
    server = start(context, candidate)
    warm_up(server, context.client_cpus)
    empty_bytes = server.rss_bytes()
    with server.client() as client:
        fill(client, command, "large", elements(ELEMENTS))
    time.sleep(SETTLE_S)
    grown_bytes = server.rss_bytes() - empty_bytes
    context.fleet.drop(server)
    return grown_bytes / ELEMENTS


def memory_of_large_values(context: Context) -> None:
    rows = []
    for title, (_, _, target) in VALUES.items():
        bytes_each = {candidate.name: bytes_per_element(context, candidate, title) for candidate in context.all}
        rows += [[title, name, bytes_of_one] for name, bytes_of_one in bytes_each.items()]
        context.report.figure(f"bytes per element, {title}", bytes_each[context.ours.name], "bytes", f"<= {target}",
                              f"{context.reference.name} {bytes_each[context.reference.name]:.1f}")
    context.report.table(f"types: one value of {ELEMENTS:,} elements, (RSS after - before) / elements",
                         ["value", "server", "bytes"], rows)


def memory_of_small_hashes(context: Context) -> None:
    bytes_each = {}
    for candidate in context.all:
        server = start(context, candidate)
        warm_up(server, context.client_cpus)
        empty_bytes = server.rss_bytes()
        load(server, cpus=context.client_cpus, kind="smallhash", count=SMALL_HASHES)
        time.sleep(SETTLE_S)
        bytes_each[candidate.name] = (server.rss_bytes() - empty_bytes) / SMALL_HASHES
        context.fleet.drop(server)
    ours, theirs = bytes_each[context.ours.name], bytes_each[context.reference.name]
    context.report.figure(f"{SMALL_HASHES:,} hashes of 5 small fields: memory", ours / theirs, "x", "<= 0.65",
                          f"{ours:.0f} B against {theirs:.0f} B")


# Title, command, ceiling of the CPU ratio. Ranks and scores are drawn from all of the set.
SORTED_SET_COMMANDS = (
    ("ZADD of a member that is there", ("ZADD", "large", "__rand_int__", "element:__rand_int__"), 0.5),
    ("ZRANGE of 100", ("ZRANGE", "large", "500000", "500099"), 0.6),
    ("ZRANK", ("ZRANK", "large", "element:__rand_int__"), 0.5),
)


def cpu_of_sorted_sets(context: Context) -> None:
    servers = []
    for candidate in context.all:
        server = start(context, candidate)
        with server.client() as client:
            fill(client, "ZADD", "large", pairs(ELEMENTS))
        server.pause()
        servers.append(server)
    rows = []
    base = context.reference.name
    for title, command, target in SORTED_SET_COMMANDS:
        workload = Workload(command=command, pipeline=16, key_count=ELEMENTS)
        samples: dict[str, list[Sample]] = measure(context.bench(), servers, workload, context.arguments.rounds)
        for candidate in context.all:
            of = samples[candidate.name]
            rows.append([title, candidate.name, median([s.requests_per_s for s in of]),
                         rate_ratio(samples, candidate.name, base), median([s.cpu_us for s in of]),
                         cpu_ratio(samples, candidate.name, base)])
        context.report.figure(f"{title}: CPU", cpu_ratio(samples, context.ours.name, base), "x", f"<= {target}")
    context.report.table(f"types: a sorted set of {ELEMENTS:,} members, -P 16",
                         ["command", "server", "requests/s", "ratio", "CPU us/req", "ratio"], rows)
    for server in servers:
        context.fleet.drop(server)
