"""`AuditFinding`: the result of one check, as a sentence and as numbers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from serbench.records import FrozenModel, rows_of

__all__ = ["AuditFinding", "Cell", "Level", "skipped"]

Level = Literal["ok", "note", "warning", "alarm", "skipped"]
"""`ok`: no problem found. `note`: good to know. `warning`: keep it in mind when reading the score. `alarm`: do not
trust the score until this is explained. `skipped`: the check could not be done, so there is no conclusion."""

Cell = float | int | str | None


class AuditFinding(FrozenModel):
    """Result of one check of an audit.

    Attributes:
        check: name of the check, the same in every audit.
        level: severity.
        verdict: the result in one sentence.
        numbers: the numbers behind the verdict. Scores are fractions, unless the name says points, percent or clips.
        table: rows with the same keys, if the check has several things to list.
        printed_rows: number of rows that tables show at most; None for all. JSON has all of them.
    """

    check: str
    level: Level
    verdict: str
    numbers: dict[str, Cell] = Field(default_factory=dict)
    table: tuple[dict[str, Cell], ...] = ()
    printed_rows: int | None = None

    @field_validator("table", mode="before")
    @classmethod
    def _rows(cls, value: Any) -> Any:
        return rows_of(value)


def skipped(check: str, why: str) -> AuditFinding:
    """Returns the finding of a check that could not be done.

    Args:
        check: name of the check.
        why: the reason, as a sentence.
    """
    return AuditFinding(check=check, level="skipped", verdict=why)
