"""Reference scores as lines across the figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from serbench.results import ReferenceRow

__all__ = ["Line", "reference_lines"]

_KINDS = ("chance", "majority", "functionals", "svm", "listeners")
_SHORT = {
    "chance": "chance",
    "majority": "majority",
    "functionals": "SVM on functionals",
    "svm": "SVM on means",
    "listeners": "listeners",
}


@dataclass(frozen=True)
class Line:
    """One line. `kind` decides its colour, `name` is its label in the legend, `value` is a UAR as a fraction."""

    kind: str
    name: str
    value: float


def reference_lines(references: Iterable[ReferenceRow], labels: int) -> tuple[Line, ...]:
    """A line for each reference with a UAR. Chance level is always included.

    Args:
        references: reference rows of one group.
        labels: number of classes.
    """
    lines = [
        Line(row.name if row.name in _KINDS else "other", _SHORT.get(row.name, row.title), row.uar)
        for row in references
        if row.uar is not None and not row.transductive and row.name != "majority"  # its UAR equals chance
    ]
    if not any(line.kind == "chance" for line in lines):
        lines.insert(0, Line("chance", "chance", 1 / labels))
    return tuple(lines)
