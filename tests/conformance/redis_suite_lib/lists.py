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
    slow: bool = False
    race: bool = False    # Chance decides it on several workers: judged on one, run and not judged on more.
    chance: bool = False  # Chance decides it: run and not judged.
    sanitizer: bool = False  # It counts only for a server built with a sanitizer: run and not judged there.
    copies: int = 1       # The file has so many tests of the name, all excluded.


@dataclass(frozen=True)
class SuiteFile:
    """One file of the suite."""

    perfect: dict[str, int]  # mode -> tests that the real server runs to an end; not run in a mode that is missing
    slow: bool
    alone: bool = False      # measures time, so that nothing else may run beside it
    jemalloc: int = 0        # of `perfect`: those the suite leaves out where mem_allocator is another

    def perfect_with(self, mode: str, allocator: str) -> int:
        return self.perfect[mode] - (0 if allocator.startswith("jemalloc") else self.jemalloc)


def entries(path: Path):
    """Yields (line number, text) of the lines that are neither empty nor comments."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def load_files(path: Path) -> dict[str, SuiteFile]:
    files = {}
    for number, line in entries(path):
        words = line.split()
        extra = words[3:]
        marks = [word for word in extra if word in ("slow", "alone")]
        counts = dict(word.split("=") for word in extra if re.fullmatch(r"(tls|jemalloc)=\d+", word))
        if len(words) < 3 or len(set(marks)) + len(counts) != len(extra):
            raise SystemExit(f"{path}:{number}: expected `file own external [tls=count] [jemalloc=count] [slow] [alone]`")
        perfect = {mode: int(word) for mode, word in zip(("own", "external"), words[1:3]) if word != "-"}
        if "tls" in counts:
            perfect["tls"] = int(counts["tls"])
        files[words[0]] = SuiteFile(perfect, "slow" in marks, "alone" in marks, int(counts.get("jemalloc", 0)))
    return files


def load_exclusions(path: Path) -> dict[str, dict[str, Exclusion]]:
    """File -> {test name: exclusion}. A malformed, untagged or doubled line stops the run."""
    exclusions: dict[str, dict[str, Exclusion]] = {}
    for number, line in entries(path):
        words = [word.strip() for word in line.split(" | ")]
        marks = words[4].split(", ") if len(words) == 5 else []
        copies = [int(mark[1:]) for mark in marks if re.fullmatch(r"x[2-9]", mark)] or [1]
        known = {"apart", "slow", "race", "chance", "sanitizer", f"x{copies[0]}"}
        if len(words) not in (4, 5) or not TAG.fullmatch(words[2]) or not set(marks) <= known:
            raise SystemExit(f"{path}:{number}: expected "
                             "`file | test name | tag | reason [| apart, slow, race, chance, sanitizer, x2]`")
        of_file = exclusions.setdefault(words[0], {})
        if words[1] in of_file:
            raise SystemExit(f"{path}:{number}: excluded twice")
        of_file[words[1]] = Exclusion(words[1], words[2], words[3], "apart" in marks, "slow" in marks,
                                      "race" in marks, not {"chance", "sanitizer"}.isdisjoint(marks),
                                      "sanitizer" in marks, copies[0])
    return exclusions
