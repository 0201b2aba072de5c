"""`AuditFinding`: what one check found, in a sentence and in numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serbench.records import FrozenModel

__all__ = ["AuditFinding", "Cell", "Level", "skipped"]

Level = Literal["ok", "note", "warning", "alarm", "skipped"]
"""`note`: worth knowing. `warning`: a reader of the score must know it. `alarm`: the score is not to be believed until
the matter is settled. `skipped`: the check could not be made, which says nothing either way."""

Cell = float | int | str | None


class AuditFinding(FrozenModel):
    """One check of an audit.

    Attributes:
        check: its name, the same in every audit.
        level: how much it matters.
        verdict: one plain sentence.
        numbers: what it was judged by. Fractions, unless the name says points, percent or clips.
        table: rows of the same keys, where there is more than one thing to list.
    """

    check: str
    level: Level
    verdict: str
    numbers: dict[str, Cell] = Field(default_factory=dict)
    table: tuple[dict[str, Cell], ...] = ()


def skipped(check: str, why: str) -> AuditFinding:
    """A check that could not be made, and why."""
    return AuditFinding(check=check, level="skipped", verdict=why)
