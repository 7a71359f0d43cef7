"""The two lists of the runner: which files to run, and which of their tests are excluded."""

import re
from dataclasses import dataclass
from pathlib import Path

# Stands for every start_server block whose server does not come up: such a block has no test name of its own.
START_FAILURE = "Can't start the Redis server"
TAG = re.compile(r"test|fork|upstream|later:\S+|decision:\S+")


@dataclass(frozen=True)
class Exclusion:
    """One test that is expected to fail, and why."""

    name: str
    tag: str
    reason: str
    apart: bool


def entries(path: Path):
    """Yields (line number, text) of the lines that are neither empty nor comments."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def load_files(path: Path) -> dict[str, dict[str, int]]:
    """File -> {mode: tests that the real server runs to an end}."""
    files = {}
    for number, line in entries(path):
        words = line.split()
        if len(words) != 3:
            raise SystemExit(f"{path}:{number}: expected `file own external`")
        files[words[0]] = {"own": int(words[1]), "external": int(words[2])}
    return files


def load_exclusions(path: Path) -> dict[str, dict[str, Exclusion]]:
    """File -> {test name: exclusion}. A malformed, untagged or doubled line stops the run."""
    exclusions: dict[str, dict[str, Exclusion]] = {}
    for number, line in entries(path):
        words = [word.strip() for word in line.split(" | ")]
        if len(words) not in (4, 5) or not TAG.fullmatch(words[2]) or words[4:] not in ([], ["apart"]):
            raise SystemExit(f"{path}:{number}: expected `file | test name | tag | reason [| apart]`")
        of_file = exclusions.setdefault(words[0], {})
        if words[1] in of_file:
            raise SystemExit(f"{path}:{number}: excluded twice")
        of_file[words[1]] = Exclusion(words[1], words[2], words[3], len(words) == 5)
    return exclusions
