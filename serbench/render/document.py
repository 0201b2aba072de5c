"""`Document`: tables, notes and data of one report, independent of the format; and the format of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, Literal

import pandas as pd

from serbench.results import Form

__all__ = [
    "NOTHING",
    "Column",
    "Document",
    "RowStyle",
    "Sheet",
    "clock",
    "count",
    "decimal",
    "duration",
    "macs",
    "millions",
    "milliseconds",
    "percent",
    "plural",
    "points",
    "size",
    "span",
    "speakers",
    "table_of",
    "to_document",
    "written",
]

NOTHING = "-"

_NAMED = 6  # columns that are left out and are named

RowStyle = Literal["", "bold", "dim"]


@dataclass(frozen=True)
class Column:
    """A column of a table. If a table is too wide, the columns with the highest `rank` are dropped first."""

    title: str
    rank: int = 0
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Sheet:
    """A table to read. Cells are plain text, not yet escaped for a format.

    Attributes:
        styles: 'bold', 'dim' or '' for each row, for a terminal; empty for none.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    styles: tuple[RowStyle, ...] = ()

    def up_to(self, rank: int) -> Sheet:
        """Returns the table without the columns of a higher rank."""
        return self.only([index for index, column in enumerate(self.columns) if column.rank <= rank])

    def left_out(self, shown: Sheet, where: str = "left out") -> tuple[str, ...]:
        """A note on the columns that a narrower form of the table lacks; empty if it lacks none.

        Args:
            shown: the narrower form.
            where: what the note says of these columns.
        """
        names = [column.title for column in self.columns if column not in shown.columns]
        more = len(names) - _NAMED
        named = names if more <= 1 else [*names[:_NAMED], f"{more} more (--format json has all)"]
        return (f"{where}: {', '.join(named)}",) if names else ()

    def only(self, keep: Sequence[int]) -> Sheet:
        """Returns the table with some of its columns, by their places."""
        return Sheet(
            self.title,
            tuple(self.columns[index] for index in keep),
            tuple(tuple(row[index] for index in keep) for row in self.rows),
            self.notes,
            self.styles,
        )


@dataclass(frozen=True)
class Document:
    """One report.

    Attributes:
        sheets: tables to read (formats table, markdown, latex).
        frame: content of the CSV file: fractions, snake_case columns.
        payload: content of the JSON file, with the same keys.
        notes: notes below all sheets.
        wide: whether a terminal is told which columns do not fit.
    """

    sheets: tuple[Sheet, ...]
    frame: pd.DataFrame
    payload: dict[str, Any]
    notes: tuple[str, ...] = field(default=())
    wide: bool = True


@singledispatch
def to_document(what: object) -> Document:
    """Converts a result to a `Document`.

    Each module of this package registers the classes it converts: leaderboard, entry, comparison.

    Raises:
        TypeError: no conversion is registered for the object's class.
    """
    raise TypeError(f"{type(what).__name__} cannot be rendered")


@to_document.register
def _(what: Document) -> Document:
    return what


def table_of(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Sheet:
    """Makes a table with names in the first column and numbers in the others. No column is ever dropped."""
    columns = tuple(Column(name, align="right" if index else "left") for index, name in enumerate(header))
    return Sheet(title, columns, tuple(tuple(row) for row in rows))


def percent(value: float | None) -> str:
    """Formats a fraction as percent: 0.5712 -> '57.1'."""
    return NOTHING if value is None else f"{value * 100:.1f}"


def points(value: float | None) -> str:
    """Formats a difference of fractions as percentage points with its sign: 0.031 -> '+3.1'."""
    return NOTHING if value is None else f"{value * 100:+.1f}"


def span(low: float | None, high: float | None, *, signed: bool = False) -> str:
    """Formats an interval of fractions as percent ('53.2-60.9'), or of differences as points ('-1.2 to +3.4')."""
    if low is None or high is None:
        return NOTHING
    return f"{points(low)} to {points(high)}" if signed else f"{percent(low)}-{percent(high)}"


def count(value: int | None) -> str:
    """Formats a count with thousands separators: 12345 -> '12,345'."""
    return NOTHING if value is None else f"{value:,}"


def plural(value: int, noun: str) -> str:
    """Formats a count with its noun: 1, 'seed' -> '1 seed'; 3, 'seed' -> '3 seeds'."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def speakers(value: int, what: str = "") -> str:
    """Formats a number of speakers. A corpus without speaker names counts as one speaker.

    >>> speakers(91), speakers(14, "test"), speakers(1, "test"), speakers(1)
    ('91 speakers', '14 test speakers', '1 test speaker', '1 speaker, or none named')
    """
    if value == 1 and not what:
        return "1 speaker, or none named"
    return plural(value, f"{what} speaker" if what else "speaker")


def millions(value: int | None) -> str:
    """Formats a large count in millions: 12345678 -> '12.3', 17060 -> '0.02'."""
    if value is None:
        return NOTHING
    return f"{value / 1e6:.1f}" if value >= 100_000 else f"{value / 1e6:.2g}"


def macs(multiply_accumulates: int | None, model_bytes: int | None) -> str:
    """Formats millions of multiply-accumulates; 'not counted' for a model whose other costs are known.

    >>> macs(12_345_678, 1000), macs(None, 1000), macs(None, None) == NOTHING
    ('12.3', 'not counted', True)
    """
    uncounted = multiply_accumulates is None and model_bytes is not None
    return "not counted" if uncounted else millions(multiply_accumulates)


def _macs_in_words(multiply_accumulates: int | None, model_bytes: int | None) -> str:
    shown = macs(multiply_accumulates, model_bytes)
    return f"multiply-accumulates {shown}" if shown == "not counted" else f"{shown} million multiply-accumulates"


def milliseconds(value: float | None) -> str:
    """Formats milliseconds: 3.14159 -> '3.1'."""
    return NOTHING if value is None else f"{value:.1f}"


def size(value: int | None) -> str:
    """Formats a number of bytes: 1536 -> '2 kB', 2500000 -> '2.5 MB'."""
    if value is None:
        return NOTHING
    return f"{value / 1e3:.0f} kB" if value < 1e6 else f"{value / 1e6:.1f} MB"


def decimal(value: float | None) -> str:
    """Formats a score that is not shown in percent: 0.51234 -> '0.512'."""
    return NOTHING if value is None else f"{value:.3f}"


def clock(seconds: float) -> str:
    """Formats a duration as minutes and seconds, with hours if there are any.

    >>> clock(75), clock(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float | None) -> str:
    """Formats seconds: 8.5 -> '8.5 s', 75 -> '1 min 15 s', 4000 -> '1 h 7 min'."""
    if seconds is None:
        return NOTHING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


_FORMS: dict[Form, Callable[..., str]] = {
    "text": lambda value: value or NOTHING,
    "checked": lambda name, problems: f"{name} (FAILS CHECKS)" if problems else name,
    "yes": lambda value: "yes" if value else "",
    "count": count,
    "percent": percent,
    "points": points,
    "decimal": decimal,
    "span": span,
    "macs": macs,
    "macs_in_words": _macs_in_words,
    "milliseconds": milliseconds,
    "size": size,
    "duration": duration,
}


def written(form: Form, *values: Any) -> str:
    """Formats one value, or two for `checked`, `span` and the `macs` forms.

    >>> written("percent", 0.5712), written("span", 0.532, 0.609), written("decimal", None)
    ('57.1', '53.2-60.9', '-')
    """
    return _FORMS[form](*values)
