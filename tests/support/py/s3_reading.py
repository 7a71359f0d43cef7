"""Runs s3_get, the S3 client as a program, against the store of s3_stub.py: what the programs that check reading have in
common.

    with store() as stub:
        expect_data(get(stub))
    run(checks)      # The command line: which checks, and which build of s3_get.
"""

import argparse
import functools
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

from s3_stub import S3Stub

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SECRET = "secret/test+key"
BASE_ENV = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": SECRET}
PART = 65536  # The smallest part size: many parts out of little data.
DATA = random.Random(1).randbytes(10 * PART + 12345)
SECRETS = [SECRET, "metadata-secret", "metadata-token", "session-token-text", "container-auth", "identity-token"]

tool = None  # The path of s3_get; set by run().
home = tempfile.mkdtemp(prefix="s3-client-test-")


class Outcome:
    def __init__(self, process, seconds):
        self.output = process.stdout
        self.status = process.returncode
        self.seconds = seconds
        self.last = self.output.strip().split("\n")[-1]
        self.ok = self.status == 0 and self.last.startswith("ok ")
        self.fields = dict(re.findall(r"(\w+)=(\S+)", self.last))

    def __str__(self):
        return "status %s, %.2f s:\n%s" % (self.status, self.seconds, self.output)


@functools.cache
def closed_port():
    """One that refuses connections: it is taken, so that nobody else gets it, and not listened on."""
    closed_port.holder = socket.socket()
    closed_port.holder.bind(("127.0.0.1", 0))
    return closed_port.holder.getsockname()[1]


def get(stub, *arguments, location="s3://bucket/dump.rdb", env=None, endpoint=None, limit=60):
    """Runs the client; no credentials but those of `env`, no instance metadata but what `env` names."""
    world = {"PATH": os.environ["PATH"], "HOME": home,
             "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:%d" % closed_port()}
    world.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})
    world.update(BASE_ENV if env is None else env)
    command = [tool, location, "--digest", "--s3-part-size", str(PART)]
    if endpoint is not False:
        command += ["--s3-endpoint", endpoint or stub.url]
    started = time.monotonic()
    process = subprocess.run(command + [str(argument) for argument in arguments], env=world, timeout=limit,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    outcome = Outcome(process, time.monotonic() - started)
    for secret in SECRETS:
        assert secret not in outcome.output, "the secret '%s' was printed:\n%s" % (secret, outcome)
    return outcome


def expect_data(outcome, data=DATA):
    assert outcome.ok, outcome
    assert int(outcome.fields["bytes"]) == len(data), outcome
    assert outcome.fields["sha256"] == hashlib.sha256(data).hexdigest(), "other bytes: %s" % outcome


def expect_error(outcome, *texts, seconds=5.0):
    assert outcome.status == 1 and outcome.last.startswith("error "), outcome
    assert "s3://bucket/" in outcome.last, "bucket and key are not named: %s" % outcome
    for text in texts:
        assert text in outcome.last, "'%s' is not in: %s" % (text, outcome)
    assert outcome.seconds < seconds, "took too long: %s" % outcome


def store(data=DATA, **options):
    stub = S3Stub(**options)
    stub.put("bucket", "dump.rdb", data)
    return stub


def file_in_home(name, text):
    path = os.path.join(home, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def run(checks):
    global tool
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default=os.path.join(ROOT, "build/release/bin/s3_get"))
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    tool = os.path.abspath(options.tool)
    sys.exit(checks.run(options.words))
