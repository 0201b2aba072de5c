"""Writes a report in one of the formats: table (terminal), CSV, JSON, Markdown or LaTeX."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from serbench.errors import unknown
from serbench.printable import cell, printable_json
from serbench.render.document import Document, to_document
from serbench.render.markup import to_latex, to_markdown
from serbench.render.terminal import to_table

__all__ = ["FORMATS", "render"]


def _to_csv(document: Document, _: int) -> str:
    return _printable_frame(document.frame).to_csv(index=False, lineterminator="\n")


def _to_json(document: Document, _: int) -> str:
    payload = _finite(document.payload)
    return printable_json(json.dumps(payload, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def _finite(value: Any) -> Any:
    """A value of a document without infinity and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _printable_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the content of a CSV file with texts, headers included, that do nothing on a terminal or spreadsheet."""
    columns = {
        cell(str(name)): pd.Series(
            [cell(value) if isinstance(value, str) else value for value in column], column.index, column.dtype
        )
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype)
        else column
        for name, column in frame.items()
    }
    return pd.DataFrame(columns, frame.index)


_WRITERS: dict[str, Callable[[Document, int], str]] = {
    "table": to_table,
    "csv": _to_csv,
    "json": _to_json,
    "markdown": lambda document, _: to_markdown(document),
    "latex": lambda document, _: to_latex(document),
}

FORMATS = tuple(_WRITERS)


def render(what: object, form: str = "table", *, width: int = 80, styled: bool = False) -> str:
    """Formats results as text that ends in a line break.

    Args:
        what: a `Leaderboard`, `EntryReport`, `EntryComparison` or `Document`.
        form: one of `FORMATS`. `table`, `markdown` and `latex` show percent with one decimal; `csv` and `json`
            hold fractions under snake_case keys; undefined values are empty or null.
        width: characters a line; used by `table` only.
        styled: whether rows of a `table` may be bold or dim, for a terminal that shows it.

    Raises:
        UsageError: the format is unknown.
        TypeError: objects of this class cannot be rendered.
    """
    if form not in _WRITERS:
        raise unknown("format", form, FORMATS)
    if form == "table":
        return to_table(to_document(what), width, styled=styled)
    return _WRITERS[form](to_document(what), width)
