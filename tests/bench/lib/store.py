"""The S3 store of the rows `s3` and `slow-disk`: a program that keeps objects in memory, ours or another one."""

import os
import shlex
import socket
import subprocess
import time
from contextlib import contextmanager

from .process import REPOSITORY

# Bodies are not hashed: in Python that took five times as long as all else, on a processor the server could have used.
# Requests and their signatures are verified. Old uploads go: memory that a virtual machine never touched before cost
# the store four times as much as all else.
STUB = (f"python3 {REPOSITORY}/tests/support/py/s3_stub.py --port {{port}} --key bench:bench-secret --trust-bodies "
        "--keep-uploads 1 bucket")
DIRECTIVES = "--s3-endpoint http://127.0.0.1:{port} --s3-region us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret"}
START_LIMIT_S = 60
PORT_OFFSET = 50  # From the first port of the row.


def words_of(text: str, **values) -> list[str]:
    """A command line's words with what stands in braces replaced."""
    return [word.format(**values) for word in shlex.split(text)]


@contextmanager
def running_store(command: list[str], port: int):
    """The store takes requests inside the block, and servers started there have its keys. Yields its process."""
    os.environ.update({name: value for name, value in CREDENTIALS.items() if name not in os.environ})
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_port(port)
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_port(port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the store does not listen on port {port}")
