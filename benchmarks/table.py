"""What a benchmark is asked and what it answers: settings in, rows of one table out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from serbench.records.environment import cpu_name
from serbench.records.machine import usable_cores

__all__ = ["Row", "Settings", "as_json", "as_table", "machine"]


@dataclass(frozen=True)
class Settings:
    """How benchmarks run.

    Attributes:
        scratch: an empty folder that goes away afterwards.
        corpus: name of the corpus that real trials are fitted on.
        data: where it lies; None for where it usually does.
        quick: small sizes, to see that everything works; the figures say little.
    """

    scratch: Path
    corpus: str = "demo"
    data: Path | None = None
    quick: bool = False

    def folder(self, name: str) -> Path:
        """A new folder."""
        path = self.scratch / name
        path.mkdir(parents=True)
        return path


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: is measured.
        value: the figure.
        unit: its unit.
        limit: what keeps it from being better.
        goal: what it should come to; None where there is no goal.
        at_least: whether more is better.
        note: sizes, and what else a reader needs to judge it.
    """

    what: str
    value: float
    unit: str
    limit: str
    goal: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        goal = "" if self.goal is None else f"{'at least' if self.at_least else 'under'} {_text(self.goal, self.unit)}"
        met = {None: "", True: "met", False: "not met"}[self.met]
        what = f"{self.what} ({self.note})" if self.note else self.what
        return what, _text(self.value, self.unit), goal, met, self.limit


def _text(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.1f} %"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()


def machine() -> str:
    """What the figures were measured on, and how busy it was."""
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return f"{cpu_name()}, {usable_cores()} cores; load average {busy}"


def as_table(rows: Iterable[Row]) -> str:
    """A Markdown table.

    >>> print(as_table([Row("ask", 0.12, "s", "the sampler", goal=0.3)]))
    | what | measured | goal | | what limits it |
    |---|---|---|---|---|
    | ask | 0.120 s | under 0.300 s | met | the sampler |
    """
    lines = ["| what | measured | goal | | what limits it |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row.cells)} |" for row in rows)])


def as_json(rows: Iterable[Row]) -> str:
    """A JSON list."""
    return json.dumps([{**asdict(row), "met": row.met} for row in rows], indent=2)
