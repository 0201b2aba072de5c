"""The leaderboard's columns for people, and its data for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from serbench.report.document import (
    NOTHING,
    Column,
    Document,
    Sheet,
    count,
    duration,
    millions,
    milliseconds,
    percent,
    points,
    size,
    span,
)
from serbench.report.row import GroupRows, Row

__all__ = ["leaderboard_document"]

# In the order of display. The column's rank says which give way first on a narrow screen.
_COLUMNS: tuple[tuple[Column, Callable[[Row], str]], ...] = (
    (Column("tie group", 3), lambda row: NOTHING if row.tie_group is None else str(row.tie_group)),
    (Column("entry", 0, "left"), lambda row: row.entry),
    (Column("selected", 4, "left"), lambda row: "yes" if row.selected else ""),
    (Column("family", 7, "left"), lambda row: row.family),
    (Column("UAR %", 1), lambda row: percent(row.uar)),
    (Column("95 % CI", 2), lambda row: span(row.uar_low, row.uar_high)),
    (Column("acc. %", 5), lambda row: percent(row.accuracy)),
    (Column("macro-F1 %", 6), lambda row: percent(row.macro_f1)),
    (Column("val. UAR %", 8), lambda row: percent(row.validation_uar)),
    (Column("gap", 9), lambda row: points(row.optimism_gap)),
    (Column("curse", 10), lambda row: points(row.winners_curse)),
    (Column("seeds", 12), lambda row: str(row.seeds)),
    (Column("looks", 11), lambda row: str(row.looks)),
    (Column("trials", 15), lambda row: str(row.trials)),
    (Column("best", 13, "left"), lambda row: row.best_by_recall or NOTHING),
    (Column("worst", 14, "left"), lambda row: row.worst_by_recall or NOTHING),
    (Column("parameters", 16), lambda row: count(row.parameters)),
    (Column("MACs (M)", 20), lambda row: millions(row.multiply_accumulates)),
    (Column("ms/clip", 19), lambda row: milliseconds(row.ms_per_clip)),
    (Column("model", 21), lambda row: size(row.model_bytes)),
    (Column("fit time", 17), lambda row: duration(row.train_seconds)),
    (Column("study", 18, "left"), lambda row: row.study),
)

_COUNTS = ("rank", "tie_group", "parameters", "multiply_accumulates", "model_bytes")

_LEGEND = (
    "tie group: entries that the test speakers cannot tell from the best of them. "
    "UAR: mean recall of the classes, mean over refits, on the test core. CI: over speakers and seeds. "
    "selected: chosen by validation, never by the test. gap: validation - test UAR of the refits, in points. "
    "curse: validation score in the search - of the refits, in points. best, worst: class by recall. "
    "ms/clip: front end and model, one clip on one core. model: size of the file."
)


def leaderboard_document(groups: Sequence[GroupRows], notes: Sequence[str], below: Sequence[str] = ()) -> Document:
    """A table a group; in CSV and JSON one row an entry, with the field names of `Row` as keys."""
    rows = [row for group in groups for row in group.rows]
    data = [row.model_dump(mode="json") for row in rows]
    frame = pd.DataFrame(data, columns=list(Row.model_fields))
    frame["warnings"] = ["; ".join(row.warnings) for row in rows]
    for column in _COUNTS:  # else pandas writes 1 as 1.0 where another row has none
        frame[column] = frame[column].astype("Int64")
    sheets = tuple(
        Sheet(
            group.title,
            tuple(column for column, _ in _COLUMNS),
            tuple(tuple(cell(row) for _, cell in _COLUMNS) for row in group.rows),
            group.notes,
        )
        for group in groups
    )
    empty = "No entry was tested yet; run `serbench search` first."
    return Document(
        sheets=sheets,
        frame=frame,
        payload={"schema_version": 1, "interval_level": 0.95, "rows": data, "notes": list(notes)},
        notes=(_LEGEND, *below) if groups else (empty, *below),
    )
