"""What scores are compared with, as lines on the scale that they are drawn on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from serbench.results import ReferenceRow

__all__ = ["Line", "reference_lines"]

_KINDS = ("chance", "majority", "svm", "listeners")
_SHORT = {"chance": "chance", "majority": "majority", "svm": "SVM", "listeners": "listeners"}


@dataclass(frozen=True)
class Line:
    """One line: `kind` decides its colour, `name` stands in the legend, `value` is a UAR as a fraction."""

    kind: str
    name: str
    value: float


def reference_lines(references: Iterable[ReferenceRow], labels: int) -> tuple[Line, ...]:
    """A line for each reference that has a UAR; chance is always among them.

    Args:
        references: of one group.
        labels: how many classes there are.
    """
    lines = [
        Line(row.name if row.name in _KINDS else "other", _SHORT.get(row.name, row.title), row.uar)
        for row in references
        if row.uar is not None and row.name != "majority"  # which is chance again
    ]
    if not any(line.kind == "chance" for line in lines):
        lines.insert(0, Line("chance", "chance", 1 / labels))
    return tuple(lines)
