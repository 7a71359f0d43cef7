"""Row `s3`: a restore over S3 against loading the same file from disk.

`--stub` starts a store that serves one file from memory; in it `{file}` and `{port}` are replaced. `--restore` has the
directives that make our server restore from it, with the same `{port}`. The defaults are the tests' own store, which
verifies signatures.
"""

import os
import shlex
import socket
import subprocess
import time

from .context import Context
from .process import REPOSITORY, Candidate, Server, load
from .report import median

DEFAULT_STUB = (f"python3 {REPOSITORY}/tests/support/py/s3_stub.py --port {{port}} --key bench:bench-secret "
                "bucket/dump.rdb={file}")
DEFAULT_RESTORE = ("--s3-snapshot-location s3://bucket/dump.rdb --s3-endpoint http://127.0.0.1:{port} "
                   "--s3-region us-east-1")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret"}
STUB_LIMIT_S = 60
STUB_PORT_OFFSET = 50


def run(context: Context) -> None:
    arguments = context.arguments
    source = context.fleet.make(context.ours)
    source.start()
    load(source, kind="string", count=arguments.keys, value_size=64)
    with source.client() as client:
        client.call("SAVE")
    source.stop()
    file = source.directory / "dump.rdb"
    port = arguments.baseport + STUB_PORT_OFFSET
    stub = subprocess.Popen([word.format(file=file, port=port) for word in shlex.split(arguments.stub)],
                            stdout=subprocess.DEVNULL)
    try:
        wait_port(port)
        os.environ.update({name: value for name, value in CREDENTIALS.items() if name not in os.environ})
        directives = [word.format(port=port) for word in shlex.split(arguments.restore)]
        remote = Candidate("s3", (*context.ours.command, *directives))
        disk, over_s3 = [], []
        for _ in range(arguments.rounds):
            disk.append(timed_start(source, arguments.keys))
            server = context.fleet.make(remote)
            over_s3.append(timed_start(server, arguments.keys))
            context.fleet.drop(server)
    finally:
        stub.terminate()
        stub.wait()
    rows = [[name, median([wall for wall, _ in of]), median([cpu for _, cpu in of])]
            for name, of in (("disk", disk), ("s3", over_s3))]
    context.report.table(f"s3: start with {arguments.keys:,} keys until the first PONG", ["from", "wall s", "CPU s"], rows)
    context.report.figure("restore over S3: our CPU against disk", rows[1][2] / rows[0][2], "x", "<= 1.2")
    context.report.figure("restore over S3: wall against disk", rows[1][1] / rows[0][1], "x", "<= 1.3")


def timed_start(server: Server, keys: int) -> tuple[float, float]:
    wall_s = server.start()
    cpu_s = server.cpu_ns() / 1e9
    with server.client() as client:
        if client.call("DBSIZE") != keys:
            raise RuntimeError("the restored data set is not the saved one")
    server.stop()
    return wall_s, cpu_s


def wait_port(port: int) -> None:
    deadline = time.monotonic() + STUB_LIMIT_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the S3 stub does not listen on port {port}")
