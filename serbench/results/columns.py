"""Declaration of a leaderboard column: how its value is computed and how it is shown."""

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
    "checked",
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
"""Format of a value, see `serbench.render.document.written`. `checked`, `span`, `macs` and `macs_in_words` take two."""


@dataclass(frozen=True)
class RowSource:
    """The data that one row is computed from.

    Attributes:
        tested: the scored entry.
        selected: whether the entry has the best validation score of its group.
        interval: 95 % interval of its test UAR; None if there is none.
    """

    tested: ScoredEntry
    selected: bool
    interval: Interval | None


@dataclass(frozen=True)
class Cell:
    """How a column looks in the printed table and in the site's table.

    Attributes:
        title: the column head.
        place: position in the printed table; columns are sorted by it from left to right.
        rank: priority. On a narrow screen the columns with the highest rank are dropped first.
        form: format of the value.
        other: name of the second field, for a form of two values.
        align: alignment of the cells.
        site: position in the site's table. None if the column is not there, or if the template shows the value itself.
        about: tooltip of the column head on the site.
        more: whether the site hides the column until the reader asks for all columns.
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
    """A line, or a part of one, in the first table of an entry's report. Facts with the same name share a line.

    Attributes:
        name: name of the line.
        text: template of the text; `{}` stands for the value.
        form: format of the value.
        other: name of the second field, for a form of two values.
        about: `score` or `model`: the part of the table that the line belongs to.
        place: position within the line.
        optional: whether it is left out where there is no value.
    """

    name: str
    text: str
    form: Form
    other: str | None = None
    about: Literal["score", "model"] = "score"
    place: int = 0
    optional: bool = False


@dataclass(frozen=True)
class Column:
    """One field of a row.

    Attributes:
        value: function that computes the value.
        cell: how tables show it; None if it is in CSV and JSON only.
        fact: how the entry's report shows it; None if it does not.
    """

    value: Callable[[RowSource], Any]
    cell: Cell | None = None
    fact: Fact | None = None


def column(
    value: Callable[[RowSource], Any], description: str = "", *, cell: Cell | None = None, fact: Fact | None = None
) -> Any:
    """Declares a field of a row. The field's name is the key in CSV and JSON.

    Args:
        value: function that computes the value.
        description: explanation for the JSON schema and the handbook; '' if the name is enough.
        cell: how tables show it; None if it is in CSV and JSON only.
        fact: how the entry's report shows it; None if it does not.
    """
    field = Field(description=description or None)
    field.metadata.append(Column(value, cell, fact))
    return field


def columns_of(model: type[BaseModel]) -> dict[str, Column]:
    """The columns of a model by field name, in the order of declaration.

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
