"""How a field of a leaderboard's row says where its value comes from and how people see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from serbench.evaluation import Interval
from serbench.results.scored_entry import ScoredEntry

__all__ = ["Cell", "Column", "Fact", "Form", "RowSource", "column", "columns_of"]

Form = Literal[
    "text",
    "yes",
    "count",
    "macs",
    "macs_in_words",
    "percent",
    "points",
    "decimal",
    "span",
    "milliseconds",
    "size",
    "duration",
]
"""How a value is written; `serbench.render.document.written` does it. `span` and those of `macs` take two values."""


@dataclass(frozen=True)
class RowSource:
    """What a row is made of.

    Attributes:
        tested: the entry.
        selected: whether validation chooses it among the entries of its study.
        interval: of its test UAR; None where there is none.
    """

    tested: ScoredEntry
    selected: bool
    interval: Interval | None


@dataclass(frozen=True)
class Cell:
    """A column of the printed table, and of the site's.

    Attributes:
        title: its head.
        place: from left to right.
        rank: on a narrow screen columns of a high rank give way first.
        form: how a value is written.
        other: a second field, for a form of two values.
        align: of the cells.
        site: from left to right in the site's table; None where its template shows the value, or it is not there.
        about: what a reader of the site is told who points at the head.
        more: shown on the site when all columns are asked for.
    """

    title: str
    place: int
    rank: int
    form: Form = "count"
    other: str | None = None
    align: Literal["left", "right"] = "right"
    site: int | None = None
    about: str = ""
    more: bool = False


@dataclass(frozen=True)
class Fact:
    """A line, or a part of one, in the first table of an entry's report. Facts of one name make one line.

    Attributes:
        name: of the line.
        text: in which `{}` stands for the value.
        form: how the value is written.
        other: a second field, for a form of two values.
        about: whether it tells of the `score` or of the `model`.
        place: within the line.
    """

    name: str
    text: str
    form: Form
    other: str | None = None
    about: Literal["score", "model"] = "score"
    place: int = 0


@dataclass(frozen=True)
class Column:
    """One field of a row.

    Attributes:
        value: makes it.
        cell: in tables; None for CSV and JSON alone.
        fact: in the entry's report; None for none.
    """

    value: Callable[[RowSource], Any]
    cell: Cell | None = None
    fact: Fact | None = None


def column(
    value: Callable[[RowSource], Any], description: str = "", *, cell: Cell | None = None, fact: Fact | None = None
) -> Any:
    """Declares a field of a row; its name is the key in CSV and JSON.

    Args:
        value: makes it.
        description: what it is, for the schema and the handbook; '' where the name says it.
        cell: in tables.
        fact: in the entry's report.
    """
    field = Field(description=description or None)
    field.metadata.append(Column(value, cell, fact))
    return field


def columns_of(model: type[BaseModel]) -> dict[str, Column]:
    """The columns of a model's fields, by name, in their order.

    Raises:
        TypeError: a field was declared without `column`.
    """
    found = {}
    for name, field in model.model_fields.items():
        columns = [one for one in field.metadata if isinstance(one, Column)]
        if len(columns) != 1:
            raise TypeError(f"field '{name}' of {model.__name__} is not declared with column(...)")
        found[name] = columns[0]
    return found
