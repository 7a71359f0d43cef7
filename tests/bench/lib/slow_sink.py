"""Places that take a snapshot more slowly than clients write: a disk and a store, for the row `slow-disk`."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .context import Context
from .resp import Client
from .saving import BGSAVE, CREATE, Way
from .store import DIRECTIVES, PORT_OFFSET, STUB, running_store, words_of

THROTTLE = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")
SNAPSHOT = "slow"
STORE_ALLOWED_MIB = 128  # What an export may: parts on their way come to the snapshot's own buffers.
IMAGE_SLACK = 2  # Of the image over what a snapshot takes; an old one stays until the new one is whole.
RECORD_BYTES = 200  # More than a key takes in a file.


class Unavailable(Exception):
    """The place cannot be had on this machine; the text says why."""


@dataclass(frozen=True)
class Sink:
    """How a snapshot gets there, and how a node starts from it. Reading from it is as fast as ever."""

    way: Way
    directives: dict[str, str]
    starting: dict[str, str]  # More of them, to start from the snapshot.
    size_bytes: Callable[[Client], int]
    allowed_mib: Callable[[float], float]  # Extra memory, by the data's.


@contextmanager
def slow_disk(context: Context):
    """A file system of its own on a loop device that the kernel slows down."""
    rate = context.arguments.disk_rate
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cachenode-bench-", dir="/dev/shm")))
        image, mount = folder / "image", folder / "disk"
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(IMAGE_SLACK * RECORD_BYTES * context.arguments.keys + 2**26)
        command("mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image))
        command("mount", "-o", "loop,noatime", str(image), str(mount))
        stack.callback(command, "umount", str(mount))
        device = os.stat(mount).st_dev
        throttle(device, rate)
        stack.callback(throttle, device, 0)
        yield Sink(BGSAVE, {"dir": str(mount)}, {}, lambda _: (mount / "dump.rdb").stat().st_size,
                   lambda data_mib: 64 + 0.02 * data_mib)


@contextmanager
def slow_store(context: Context):
    """The tests' S3 store, which takes bodies out of its sockets at a rate."""
    port = context.arguments.baseport + PORT_OFFSET
    with running_store([*words_of(STUB, port=port), "--receive-rate", str(context.arguments.disk_rate)], port):
        words = words_of(DIRECTIVES, port=port)
        names = [word.lstrip("-") for word in words[::2]]
        directives = {"snapshot-dir": "s3://bucket/slow", **dict(zip(names, words[1::2]))}
        yield Sink(CREATE, directives, {"restore-snapshot": SNAPSHOT}, described_bytes,
                   lambda _: STORE_ALLOWED_MIB)


def described_bytes(client: Client) -> int:
    fields = client.call("SNAPSHOT", "DESCRIBE", SNAPSHOT)
    return int(fields[fields.index("size-bytes") + 1])


def throttle(device: int, rate: int) -> None:
    """For every process, as the root group's limit; 0 lifts it. Writes to nothing but this device wait."""
    try:
        THROTTLE.write_text(f"{os.major(device)}:{os.minor(device)} {rate}")
    except OSError as error:
        raise Unavailable(f"no blkio cgroup (version 1) to slow a disk with: {error.strerror}") from None


def command(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"{words[0]}: {getattr(error, 'stderr', '') or error}".strip()) from None
