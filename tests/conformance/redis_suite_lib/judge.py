"""Turns what a file reported into a verdict, running excluded tests apart where they spoil the rest."""

from dataclasses import dataclass, field

from .lists import START_FAILURE, Exclusion
from .workspace import SET_UP, Outcome, Workspace

# Of the run of a file's races, which take a second when they are taken the right way round.
RACE_LIMIT_S = 20


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


def settle(outcome: Outcome, excluded: dict[str, Exclusion]) -> Outcome:
    """Assigns errors without a name to the excluded test that is reported next.

    With --durable the harness swallows an error inside a server that a test itself starts, and then calls the test ok.
    """
    events = outcome.events
    for index in range(len(events) - 1, 0, -1):
        status, name = events[index]
        if events[index - 1] == ("err", SET_UP) and name in excluded:
            events[index - 1:index + 1] = [("err", name)]
    return outcome


def unexpected(outcome: Outcome, excluded: dict[str, Exclusion]) -> list[str]:
    return [name for status, name in outcome.events if status == "err" and name not in excluded]


def passes_of(outcome: Outcome, name: str) -> list[bool]:
    """Whether each occurrence of the test passed; empty if it was not reached."""
    return [status == "ok" for status, of in outcome.events if of == name and status in ("ok", "err")]


def better_of(together: Outcome, rest: Outcome) -> Outcome:
    """The whole run, with the tests that fail in it only because an excluded one ran before them.

    A test that fails only when the excluded ones are left out built on what those leave behind: it passes.
    """
    failing = {name for status, name in rest.events if status == "err"}
    events = [("ok" if status == "err" and name not in failing else status, name) for status, name in together.events]
    return Outcome(events, together.details, True)


class Judge:
    """Judges files of one mode in one workspace."""

    def __init__(self, workspace: Workspace, mode: str, timeout_s: int, skip_slow: bool = False):
        self._workspace = workspace
        self._skip_slow = skip_slow
        self._mode = mode
        self._timeout_s = timeout_s

    def judge(self, file: str, excluded: dict[str, Exclusion], perfect: int) -> Verdict:
        verdict = Verdict(perfect=perfect)
        races = [name for name, exclusion in excluded.items() if exclusion.race or exclusion.chance]
        apart = races + [name for name, exclusion in excluded.items() if exclusion.apart and name not in races]
        left_out = [name for name, exclusion in excluded.items() if exclusion.slow and self._skip_slow]
        together = settle(self._run(file, skip=apart + left_out), excluded)
        rest = together
        named = [name for name in excluded if name != START_FAILURE]
        if excluded and (not together.completed or unexpected(together, excluded)):
            # An excluded test may have ended the file or spoiled a neighbour: judge the others without them.
            rest = settle(self._run(file, skip=named), excluded)
            if together.completed and rest.completed:
                rest = better_of(together, rest)
            elif rest.completed:
                verdict.notes.append(f"judged without its excluded tests: {together.ending}")
        self._judge_rest(verdict, rest, excluded)
        verdict.excluded += sum(status == "skip" and name in left_out for status, name in together.events)
        if races:
            self._run_races(verdict, file, [excluded[name] for name in races])
        for name in (name for name in named if name not in left_out and name not in races):
            passes = passes_of(together, name)
            if not passes and (name in apart or not together.completed):
                passes = self._passes_alone(file, name)
            self._judge_excluded(verdict, excluded[name], passes)
        if self._mode != "external":
            self._judge_start(verdict, rest, excluded)
        reached = verdict.passed + verdict.excluded + len(verdict.failed) + len(verdict.xpassed)
        if verdict.good and reached < perfect:
            verdict.failed.append(f"only {reached} of {perfect} tests were reached")
        return verdict

    def _run(self, file: str, **selection) -> Outcome:
        return self._workspace.run(file, self._mode, self._timeout_s, **selection)

    def _run_races(self, verdict: Verdict, file: str, races: list[Exclusion]) -> None:
        """Runs them for what they may break, under a short limit: taken the wrong way round, some wait for ever."""
        outcome = self._workspace.run(file, self._mode, min(RACE_LIMIT_S, self._timeout_s),
                                      only=[race.name for race in races])
        verdict.excluded += sum(max(race.copies, len(passes_of(outcome, race.name))) for race in races)
        if not outcome.completed:
            verdict.notes.append(f"races: {outcome.ending}")

    @staticmethod
    def _judge_rest(verdict: Verdict, outcome: Outcome, excluded: dict[str, Exclusion]) -> None:
        verdict.passed = sum(status == "ok" and name not in excluded for status, name in outcome.events)
        for name in unexpected(outcome, excluded):
            verdict.failed.append(f"{name}\n      {outcome.details.get(name, '')}")
        if not outcome.completed:
            verdict.failed.append(f"the file was not run to its end: {outcome.ending}")

    def _passes_alone(self, file: str, name: str) -> list[bool]:
        alone = self._run(file, only=[name])
        return [passed and alone.completed and not unexpected(alone, {}) for passed in passes_of(alone, name)]

    def _judge_excluded(self, verdict: Verdict, exclusion: Exclusion, passes: list[bool]) -> None:
        """A test that was not reached lies behind a server that does not start, or is not for external servers."""
        if passes and all(passes):
            verdict.xpassed.append(exclusion.name)
        elif passes or self._mode != "external":
            verdict.excluded += max(exclusion.copies, len(passes))

    @staticmethod
    def _judge_start(verdict: Verdict, outcome: Outcome, excluded: dict[str, Exclusion]) -> None:
        starts_failed = any(name == START_FAILURE for _, name in outcome.events)
        if START_FAILURE in excluded and outcome.completed and not starts_failed:
            verdict.xpassed.append(START_FAILURE)
