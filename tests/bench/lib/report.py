"""Medians, paired ratios and plain tables with the target beside what was measured."""

import json
import math
import platform
import statistics
import sys
from dataclasses import asdict, dataclass, field


def median(values) -> float:
    return statistics.median(values)


def paired_ratio(ours, theirs) -> float:
    """Median of the ratios of runs that stood next to each other in time."""
    return median([a / b for a, b in zip(ours, theirs) if b])


def geomean(values) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


@dataclass
class Figure:
    """One line of the figure table. `target` is `<= x` or `>= x`, or empty when the figure is only shown."""

    what: str
    measured: float
    unit: str = ""
    target: str = ""
    beside: str = ""   # For example what the reference measured.

    @property
    def verdict(self) -> str:
        if not self.target:
            return ""
        sign, limit = self.target.split()[:2]
        good = self.measured <= float(limit) if sign == "<=" else self.measured >= float(limit)
        return "ok" if good else "MISSED"


@dataclass
class Report:
    """Collects the tables of one run; prints them as they come and can leave all of it as JSON."""

    title: str
    tables: list[dict] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def table(self, title: str, columns: list[str], rows: list[list]) -> None:
        self.tables.append({"title": title, "columns": columns, "rows": rows})
        print(f"\n{title}")
        print_columns(columns, [[show(cell) for cell in row] for row in rows])
        sys.stdout.flush()

    def figure(self, what: str, measured: float, unit: str = "", target: str = "", beside: str = "") -> None:
        self.figures.append(Figure(what, measured, unit, target, beside))

    def skip(self, what: str, reason: str) -> None:
        self.skipped.append(f"{what}: {reason}")
        print(f"SKIP {what}: {reason}", flush=True)

    def finish(self, json_path: str | None) -> int:
        """Prints the figure table and returns the exit code: 1 when a target was missed."""
        print(f"\n{self.title}: figures")
        print_columns(["what", "measured", "target", "verdict", "beside"],
                      [[f.what, f"{show(f.measured)} {f.unit}".strip(), f.target, f.verdict, f.beside]
                       for f in self.figures])
        if json_path:
            content = asdict(self) | {"machine": platform.platform(), "python": platform.python_version()}
            with open(json_path, "w") as file:
                json.dump(content, file, indent=1)
        missed = sum(f.verdict == "MISSED" for f in self.figures)
        good = sum(f.verdict == "ok" for f in self.figures)
        print(f"{good} passed, {missed} failed, {len(self.skipped)} skipped")
        return 1 if missed else 0


def show(cell) -> str:
    if not isinstance(cell, float):
        return str(cell)
    if cell == 0 or abs(cell) >= 1000:
        return f"{cell:,.0f}"
    return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}"


def print_columns(columns: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    for row in [columns, *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
