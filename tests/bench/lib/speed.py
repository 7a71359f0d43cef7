"""Row `speed`: throughput, latency and CPU per request of single commands, ours against the others."""

from .context import Context
from .load import Bench, Sample, Workload
from .process import Server, load
from .report import geomean, median, paired_ratio

# -P -> (CPU geomean, CPU of any cell, throughput geomean); None is shown only.
TARGETS = {1: (0.85, 0.95, 0.97), 16: (0.45, None, None), 64: (0.28, None, None)}
GATED_TESTS = {"get", "set"}
# Every default test of redis-benchmark; the targets of -P 16 are for 1 M random keys.
ALL_TESTS = ("ping_inline", "ping_mbulk", "set", "get", "incr", "lpush", "rpush", "lpop", "rpop", "sadd", "hset", "spop",
             "zadd", "zpopmin", "lrange_100", "lrange_300", "lrange_500", "lrange_600", "mset")
# By command: the tool's own tests fill the list first, which would be timed too.
LRANGE_PREFIX = "lrange_"
LRANGE_LIST = "bench:list"
LRANGE_ELEMENTS = 1000
ALL_TARGETS = {1: (0.87, 0.97, 0.97), 16: (0.5, 0.6, None)}


def run_all_tests(context: Context) -> None:
    """Row `all-tests`: the same over every default test of redis-benchmark."""
    context.arguments.tests = list(ALL_TESTS)
    context.arguments.pipelines = [depth for depth in context.arguments.pipelines if depth in ALL_TARGETS]
    context.arguments.sizes = context.arguments.sizes[:1]
    run(context, set(ALL_TESTS), ALL_TARGETS, "all tests")


def run(context: Context, gated_tests=frozenset(GATED_TESTS), targets=None, title: str = "GET and SET") -> None:
    arguments = context.arguments
    cells: dict[Workload, dict[str, list[Sample]]] = {}
    for value_bytes in arguments.sizes:
        for _ in range(arguments.starts):
            servers = start_all(context, value_bytes)
            for pipeline in arguments.pipelines:
                for test in arguments.tests:
                    workload = workload_of(test, pipeline, value_bytes, arguments.keys)
                    rounds = measure(context.bench(), servers, workload, arguments.rounds // arguments.starts)
                    for name, samples in rounds.items():
                        cells.setdefault(workload, {}).setdefault(name, []).extend(samples)
            for server in servers:
                context.fleet.drop(server)
    report_cells(context, cells)
    report_geomeans(context, cells, gated_tests, targets or TARGETS, title)


def workload_of(test: str, pipeline: int, value_bytes: int, key_count: int) -> Workload:
    common = {"pipeline": pipeline, "value_bytes": value_bytes, "key_count": key_count}
    if not test.startswith(LRANGE_PREFIX):
        return Workload(test, **common)
    last = int(test.removeprefix(LRANGE_PREFIX)) - 1
    return Workload(command=("LRANGE", LRANGE_LIST, "0", str(last)), title=test.upper(), **common)


def start_all(context: Context, value_bytes: int) -> list[Server]:
    """Fresh servers with every key of the workloads in place, all but none running: the idle ones are stopped."""
    servers = []
    for candidate in context.all:
        server = context.fleet.make(candidate, context.server_cpus, io_threads="1")
        server.start()
        load(server, cpus=context.client_cpus, kind="string", count=context.arguments.keys, value_size=value_bytes)
        if any(test.startswith(LRANGE_PREFIX) for test in context.arguments.tests):
            with server.client() as client:
                client.call("RPUSH", LRANGE_LIST, *["x" * value_bytes] * LRANGE_ELEMENTS)
        server.pause()
        servers.append(server)
    return servers


def measure(bench: Bench, servers: list[Server], workload: Workload, rounds: int) -> dict[str, list[Sample]]:
    """Rounds of one run per server, the order rotated, so that paired runs stand next to each other in time."""
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for turn in range(rounds + 1):
        for server in servers[turn % len(servers):] + servers[:turn % len(servers)]:
            server.resume()
            sample = bench.run(server, workload)
            server.pause()
            if turn > 0:  # The first round only warms up and finds the rate.
                samples[server.name].append(sample)
    return samples


def cpu_ratio(samples: dict[str, list[Sample]], name: str, base: str) -> float:
    return paired_ratio([s.cpu_us for s in samples[name]], [s.cpu_us for s in samples[base]])


def rate_ratio(samples: dict[str, list[Sample]], name: str, base: str) -> float:
    return paired_ratio([s.requests_per_s for s in samples[name]], [s.requests_per_s for s in samples[base]])


def report_cells(context: Context, cells: dict) -> None:
    base = context.reference.name
    rows = []
    for workload, samples in cells.items():
        for candidate in context.all:
            of = samples[candidate.name]
            rows.append([f"{workload.name} d{workload.value_bytes} P{workload.pipeline}", candidate.name,
                         median([s.requests_per_s for s in of]), rate_ratio(samples, candidate.name, base),
                         median([s.cpu_us for s in of]), cpu_ratio(samples, candidate.name, base),
                         median([s.p50_ms for s in of]), median([s.p99_ms for s in of])])
    context.report.table(f"speed: medians of {context.arguments.rounds} runs, ratios paired with {base}",
                         ["workload", "server", "requests/s", "ratio", "CPU us/req", "ratio", "p50 ms", "p99 ms"], rows)


def report_geomeans(context: Context, cells: dict, gated_tests, targets: dict, title: str) -> None:
    base, ours = context.reference.name, context.ours.name
    rows = []
    for pipeline in context.arguments.pipelines:
        of_depth = {w: s for w, s in cells.items() if w.pipeline == pipeline}
        for candidate in context.all:
            rows.append([f"P{pipeline}", candidate.name,
                         geomean([rate_ratio(s, candidate.name, base) for s in of_depth.values()]),
                         geomean([cpu_ratio(s, candidate.name, base) for s in of_depth.values()])])
        gated = [s for w, s in of_depth.items() if w.name.lower() in gated_tests]
        if pipeline in targets and gated:
            cpu, cell, rate = targets[pipeline]
            ratios = [cpu_ratio(s, ours, base) for s in gated]
            context.report.figure(f"{title} -P {pipeline}: CPU geomean", geomean(ratios), "x", f"<= {cpu}")
            if cell:
                context.report.figure(f"{title} -P {pipeline}: worst CPU cell", max(ratios), "x", f"<= {cell}")
            if rate:
                context.report.figure(f"{title} -P {pipeline}: throughput geomean",
                                      geomean([rate_ratio(s, ours, base) for s in gated]), "x", f">= {rate}")
    context.report.table(f"speed: geomean of ratios to {base}", ["depth", "server", "throughput", "CPU"], rows)
