"""Turns what a file reported into a verdict, running excluded tests apart where they spoil the rest."""

from dataclasses import dataclass, field

from .lists import START_FAILURE, Exclusion
from .workspace import Outcome, Workspace


@dataclass
class Verdict:
    """One row of the result."""

    passed: int = 0
    excluded: int = 0
    perfect: int = 0
    failed: list[str] = field(default_factory=list)    # each a name, with details
    xpassed: list[str] = field(default_factory=list)   # excluded tests that passed
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.failed and not self.xpassed


def unexpected(outcome: Outcome, excluded: dict[str, Exclusion]) -> list[str]:
    return [name for status, name in outcome.events if status == "err" and name not in excluded]


def passes_of(outcome: Outcome, name: str) -> list[bool]:
    """Whether each occurrence of the test passed; empty if it was not reached."""
    return [status == "ok" for status, of in outcome.events if of == name and status in ("ok", "err")]


class Judge:
    """Judges files of one mode in one workspace."""

    def __init__(self, workspace: Workspace, mode: str, timeout_s: int):
        self._workspace = workspace
        self._mode = mode
        self._timeout_s = timeout_s

    def judge(self, file: str, excluded: dict[str, Exclusion], perfect: int) -> Verdict:
        verdict = Verdict(perfect=perfect)
        apart = [name for name, exclusion in excluded.items() if exclusion.apart]
        together = self._run(file, skip=apart)
        rest = together
        named = [name for name in excluded if name != START_FAILURE]
        if excluded and (not together.completed or unexpected(together, excluded)):
            # An excluded test may have ended the file or spoiled a neighbour: judge the others without them.
            rest = self._run(file, skip=named)
            if rest.completed:
                verdict.notes.append(f"judged without its excluded tests: {together.ending or 'neighbours failed'}")
        self._judge_rest(verdict, rest, excluded)
        for name in named:
            self._judge_excluded(verdict, file, name, [] if name in apart else passes_of(together, name))
        self._judge_start(verdict, rest, excluded)
        reached = verdict.passed + verdict.excluded + len(verdict.failed) + len(verdict.xpassed)
        if verdict.good and reached < perfect:
            verdict.failed.append(f"only {reached} of {perfect} tests were reached")
        return verdict

    def _run(self, file: str, **selection) -> Outcome:
        return self._workspace.run(file, self._mode, self._timeout_s, **selection)

    @staticmethod
    def _judge_rest(verdict: Verdict, outcome: Outcome, excluded: dict[str, Exclusion]) -> None:
        verdict.passed = sum(status == "ok" and name not in excluded for status, name in outcome.events)
        for name in unexpected(outcome, excluded):
            verdict.failed.append(f"{name}\n      {outcome.details.get(name, '')}")
        if not outcome.completed:
            verdict.failed.append(f"the file was not run to its end: {outcome.ending}")

    def _judge_excluded(self, verdict: Verdict, file: str, name: str, passes: list[bool]) -> None:
        if not passes:
            passes = passes_of(self._run(file, only=[name]), name)
        if passes and all(passes):
            verdict.xpassed.append(name)
        elif passes or self._mode == "own":
            verdict.excluded += max(1, len(passes))

    @staticmethod
    def _judge_start(verdict: Verdict, outcome: Outcome, excluded: dict[str, Exclusion]) -> None:
        starts_failed = any(name == START_FAILURE for _, name in outcome.events)
        if START_FAILURE in excluded and outcome.completed and not starts_failed:
            verdict.xpassed.append(START_FAILURE)
