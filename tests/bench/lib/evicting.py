"""Row `evicting`: CPU of a SET that has to make room first, under each policy, ours against the others."""

from .context import Context
from .load import Workload
from .process import load
from .report import median
from .speed import cpu_ratio, measure

LIMIT_BYTES = 100 * 2**20
FILL_KEYS = 2_000_000   # More than there is room for, and a fifth of what is written: nearly every SET evicts.
VALUE_BYTES = 64
POLICIES = ("allkeys-lru", "allkeys-lfu", "allkeys-random")
OWN_POLICIES = ("allkeys-s3fifo",)  # Against the reference's LRU.
REFERENCE_POLICY = "allkeys-lru"
TARGET = "<= 0.6"
RANDOM_TARGET = "<= 0.8"  # The reference draws less evenly, and looks at one key as ours does.


def run(context: Context) -> None:
    workload = Workload("set", pipeline=16, value_bytes=VALUE_BYTES, key_count=context.arguments.keys)
    rows = []
    for policy in (*POLICIES, *OWN_POLICIES):
        servers = []
        for candidate in context.all:
            is_known = policy not in OWN_POLICIES or candidate is context.ours
            server = context.fleet.make(candidate, context.server_cpus, io_threads="1", maxmemory=str(LIMIT_BYTES),
                                        maxmemory_policy=policy if is_known else REFERENCE_POLICY)
            server.start()
            load(server, cpus=context.client_cpus, kind="string", count=FILL_KEYS, value_size=VALUE_BYTES)
            server.pause()
            servers.append(server)
        samples = measure(context.bench(), servers, workload, context.arguments.rounds)
        for server in servers:
            context.fleet.drop(server)
        for name, of in samples.items():
            rows.append([policy, name, median([s.requests_per_s for s in of]), median([s.cpu_us for s in of]),
                         cpu_ratio(samples, name, context.reference.name)])
        context.report.figure(f"SET that evicts, {policy}, -P 16: CPU",
                              cpu_ratio(samples, context.ours.name, context.reference.name), "x",
                              RANDOM_TARGET if policy == "allkeys-random" else TARGET)
    context.report.table(f"evicting: SET of {VALUE_BYTES} bytes at maxmemory {LIMIT_BYTES >> 20} MB, -P 16",
                         ["policy", "server", "requests/s", "CPU us/req", "ratio"], rows)
