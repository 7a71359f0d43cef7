"""Row `scripts`: server CPU of scripts and transactions beside the reference's, and what four workers are to scripts
that name no keys."""

import random
import selectors
import socket

from .context import Context
from .load import Sample, Workload
from .process import Candidate, Server
from .report import median
from .speed import cpu_ratio, measure, rate_ratio, start_all
from .threads import TwoProcesses

READ = "return redis.call('get', KEYS[1])"
# The name of the key is made in the script: nobody can tell beforehand what it will reach.
READ_UNDECLARED = "return redis.call('get', 'key:' .. ARGV[1])"
WRITE_UNDECLARED = "return redis.call('set', 'key:' .. ARGV[1], ARGV[1])"
KEY = "key:__rand_int__"
PIPELINE = 16
SCRIPT_ALLOWED_RATIO = 0.8
WORKERS = 4
WORKERS_WANTED_RATIO = 0.9

SETS = 10
DEPTHS = (1, 16)  # Transactions in one write.
TRANSACTIONS = 16_000  # Of a run.
CONNECTIONS = 50
WRITES = 200  # Different ones, sent in turn.
TRANSACTION_ALLOWED_RATIO = 0.6
ANSWER = b"+OK\r\n" + b"+QUEUED\r\n" * SETS + b"*%d\r\n" % SETS + b"+OK\r\n" * SETS


def run(context: Context) -> None:
    servers = start_all(context, value_bytes=3)
    cpu_of_scripts(context, servers)
    cpu_of_transactions(context, servers)
    for server in servers:
        context.fleet.drop(server)
    throughput_of_workers(context)


def report_cpu(context: Context, rows: list, title: str, samples: dict, allowed: float) -> None:
    base = context.reference.name
    for candidate in context.all:
        of = samples[candidate.name]
        rows.append([title, candidate.name, median([s.requests_per_s for s in of]),
                     rate_ratio(samples, candidate.name, base), median([s.cpu_us for s in of]),
                     cpu_ratio(samples, candidate.name, base)])
    context.report.figure(f"{title}: CPU", cpu_ratio(samples, context.ours.name, base), "x", f"<= {allowed}")


def cpu_of_scripts(context: Context, servers: list[Server]) -> None:
    rows: list = []
    for title, words in (("EVAL of a GET", ("EVAL", READ)), ("EVALSHA of it", ("EVALSHA", digest_of(servers)))):
        workload = Workload(command=(*words, "1", KEY), pipeline=PIPELINE, key_count=context.arguments.keys)
        samples = measure(context.bench(), servers, workload, context.arguments.rounds)
        report_cpu(context, rows, title, samples, SCRIPT_ALLOWED_RATIO)
    context.report.table(f"scripts: {READ}, -P {PIPELINE}",
                         ["command", "server", "requests/s", "ratio", "CPU us/req", "ratio"], rows)


def digest_of(servers: list[Server]) -> str:
    """Loads the script everywhere; its name is the same on all."""
    names = set()
    for server in servers:
        server.resume()
        with server.client() as client:
            names.add(client.call("SCRIPT", "LOAD", READ))
        server.pause()
    if len(names) != 1:
        raise RuntimeError(f"the servers name a script differently: {names}")
    return names.pop()


# --- Transactions ----------------------------------------------------------------------------------------------------


def request(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Transactions:
    """A bench whose runs are MULTI, SETs and EXEC, `workload.pipeline` such transactions in each write.

    Latencies are not taken: they are 0.
    """

    def __init__(self, key_count: int):
        self._random = random.Random(1)
        self._key_count = key_count
        self._writes: dict[int, list[bytes]] = {}

    def run(self, server: Server, workload: Workload) -> Sample:
        depth = workload.pipeline
        if depth not in self._writes:
            self._writes[depth] = [b"".join(self._transaction() for _ in range(depth)) for _ in range(WRITES)]
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CONNECTIONS)]
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before_ns = server.cpu_ns()
        send_all(connections, self._writes[depth], TRANSACTIONS // depth, ANSWER * depth)
        used_us = (server.cpu_ns() - before_ns) / 1000
        for connection in connections:
            connection.close()
        # The sender is a script itself: what it reaches says nothing about the server.
        return Sample(requests_per_s=1e6 * TRANSACTIONS / used_us, cpu_us=used_us / TRANSACTIONS, client_cpu_us=0, p50_ms=0,
                      p99_ms=0, maximum_ms=0)

    def _transaction(self) -> bytes:
        keys = [b"key:%012d" % self._random.randrange(self._key_count) for _ in range(SETS)]
        return request(b"MULTI") + b"".join(request(b"SET", key, b"xxx") for key in keys) + request(b"EXEC")


def send_all(connections: list[socket.socket], writes: list[bytes], count: int, answer: bytes) -> None:
    """Sends `count` of the writes, one at a time on each connection, and checks every answer."""
    sent = 0
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ, bytearray())
            connection.sendall(writes[sent % len(writes)])
            sent += 1
        while selector.get_map():
            for key, _ in selector.select(60):
                got: bytearray = key.data
                got += key.fileobj.recv(1 << 16)
                if got and len(got) < len(answer) and answer.startswith(got):
                    continue
                if got != answer:
                    raise RuntimeError(f"a transaction was answered in another way: {bytes(got[:200])!r}")
                got.clear()
                if sent < count:
                    key.fileobj.sendall(writes[sent % len(writes)])
                    sent += 1
                else:
                    selector.unregister(key.fileobj)


def cpu_of_transactions(context: Context, servers: list[Server]) -> None:
    rows: list = []
    bench = Transactions(context.arguments.keys)
    for depth in DEPTHS:
        title = f"MULTI, {SETS} SETs, EXEC, {depth} in a write"
        samples = measure(bench, servers, Workload(title=title, pipeline=depth), context.arguments.rounds)
        report_cpu(context, rows, title, samples, TRANSACTION_ALLOWED_RATIO)
    context.report.table("scripts: transactions; rates are those of the CPU time",
                         ["what", "server", "a second", "ratio", "CPU us each", "ratio"], rows)


# --- Workers ---------------------------------------------------------------------------------------------------------


def throughput_of_workers(context: Context) -> None:
    one, many = (start_alone(context, name, workers) for name, workers in (("one", 1), ("many", WORKERS)))
    bench = TwoProcesses(context.arguments.seconds)
    rows = []
    for title, script in (("GET", READ_UNDECLARED), ("SET", WRITE_UNDECLARED)):
        for pipeline in (1, PIPELINE):
            workload = Workload(command=("EVAL", script, "0", "__rand_int__"), pipeline=pipeline, connections=25,
                                key_count=context.arguments.keys, title=f"undeclared {title}")
            samples = measure(bench, [one, many], workload, context.arguments.rounds)
            ratio = rate_ratio(samples, "many", "one")
            rows.append([f"{workload.name}, -P {pipeline}", median([s.requests_per_s for s in samples["one"]]),
                         median([s.requests_per_s for s in samples["many"]]), ratio,
                         median([s.cpu_us for s in samples["one"]]), median([s.cpu_us for s in samples["many"]])])
            context.report.figure(f"{WORKERS} workers, {workload.name}, -P {pipeline}: throughput", ratio, "x",
                                  f">= {WORKERS_WANTED_RATIO}")
    context.report.table(f"scripts: EVAL without keys, {WORKERS} workers against one, two client processes, unpinned",
                         ["workload", "1: req/s", f"{WORKERS}: req/s", "ratio", "1: CPU us", f"{WORKERS}: CPU us"],
                         rows)
    for server in (one, many):
        context.fleet.drop(server)


def start_alone(context: Context, name: str, workers: int) -> Server:
    server = context.fleet.make(Candidate(name, context.ours.command), io_threads=str(workers))
    server.start()
    server.pause()
    return server
