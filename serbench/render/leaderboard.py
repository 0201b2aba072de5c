"""The leaderboard's columns for people, and its data for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from serbench.references.literature import Reported
from serbench.render.document import (
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
    to_document,
)
from serbench.results.leaderboard import Leaderboard
from serbench.results.leaderboard_row import GroupRows, Row
from serbench.results.reference_rows import ReferenceRow

__all__ = ["leaderboard_document"]

# In the order of display. The column's rank says which give way first on a narrow screen.
_COLUMNS: tuple[tuple[Column, Callable[[Row], str]], ...] = (
    (Column("tie group", 3), lambda row: NOTHING if row.tie_group is None else str(row.tie_group)),
    (Column("entry", 0, "left"), lambda row: row.entry),
    (Column("selected", 4, "left"), lambda row: "yes" if row.selected else ""),
    (Column("family", 7, "left"), lambda row: row.family),
    (Column("labels", 22, "left"), lambda row: row.label_source),
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

_LEGEND = (
    "tie group: entries that the test speakers cannot tell from the best of them. "
    "UAR: mean recall of the classes, mean over refits, on the test core. CI: over speakers and seeds. "
    "selected: chosen by validation, never by the test. gap: validation - test UAR of the refits, in points. "
    "curse: validation score in the search - of the refits, in points. best, worst: class by recall. "
    "ms/clip: front end and model, one clip on one core. model: size of the file."
)


@to_document.register
def leaderboard_document(board: Leaderboard) -> Document:
    """A table a group, then its references, at the end the literature.

    CSV has one row for each of them, told apart by `kind`, with the `source` of what others reported; JSON one list
    each. Keys are the field names of `Row`, `ReferenceRow` and `Reported`.
    """
    groups, reported = board.groups, board.reported
    rows = board.rows
    data = [row.model_dump(mode="json") for row in rows]
    references = [row.model_dump(mode="json") for group in groups for row in group.references]
    literature = [row.model_dump(mode="json") for row in reported]
    frame = pd.DataFrame(
        [
            *({"kind": "entry", **row, "warnings": "; ".join(row["warnings"])} for row in data),
            *({"kind": "reference", "entry": row["name"], **_known(row)} for row in references),
            *(_reported_row(row) for row in reported),
        ],
        columns=["kind", *Row.model_fields, "source"],
        dtype=object,  # else pandas writes 1 as 1.0 where another row has none
    )
    sheets = tuple(sheet for group in groups for sheet in _group_sheets(group))
    about = dict.fromkeys((row.corpus, row.labels) for row in reported)
    sheets += tuple(
        _reported_sheet(*one, [row for row in reported if (row.corpus, row.labels) == one]) for one in about
    )
    empty = "No entry was tested yet; run `serbench search` first."
    return Document(
        sheets=sheets,
        frame=frame,
        payload={
            "schema_version": 1,
            "interval_level": 0.95,
            "rows": data,
            "references": references,
            "reported": literature,
            "notes": list(board.notes),
        },
        notes=(_LEGEND if groups else empty, *board.general_notes),
    )


def _group_sheets(group: GroupRows) -> list[Sheet]:
    rows = tuple(tuple(cell(row) for _, cell in _COLUMNS) for row in group.rows)
    sheets = [Sheet(group.title, tuple(column for column, _ in _COLUMNS), rows, group.notes)]
    if group.references:
        sheets.append(_references_sheet(group.title, group.references))
    return sheets


def _references_sheet(title: str, rows: Sequence[ReferenceRow]) -> Sheet:
    columns = (
        Column("reference", 0, "left"),
        Column("UAR %"),
        Column("95 % CI", 1),
        Column("acc. %", 2),
        Column("macro-F1 %", 3),
        Column("what it is", 4, "left"),
    )
    cells = tuple(
        (
            row.title,
            percent(row.uar),
            span(row.uar_low, row.uar_high),
            percent(row.accuracy),
            percent(row.macro_f1),
            row.detail,
        )
        for row in rows
    )
    notes = tuple(
        f"{row.title}: {row.left_out:,} of {row.clips + row.left_out:,} test clips have no answer and are left out"
        for row in rows
        if row.left_out
    )
    return Sheet(f"References on the same test clips, not ranked: {title}", columns, cells, notes)


def _reported_sheet(corpus: str, labels: str, rows: Sequence[Reported]) -> Sheet:
    columns = (
        Column("system", 0, "left"),
        Column("%"),
        Column("metric", 0, "left"),
        Column("speakers shared", 1, "left"),
        Column("from scratch", 2, "left"),
        Column("protocol", 0, "left"),
        Column("source", 0, "left"),
    )
    said = {True: "yes", False: "no", None: NOTHING}
    cells = tuple(
        (
            row.system,
            f"{row.value_pct:g}",
            row.metric,
            said[row.speakers_shared],
            said[row.trained_from_scratch],
            row.protocol,
            row.source,
        )
        for row in rows
    )
    title = f"As others reported it on {corpus}, {labels} labels: other clips, other protocols, never ranked"
    return Sheet(title, columns, cells)


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """Those fields of a reference that entries have, too."""
    return {key: value for key, value in row.items() if key in Row.model_fields}


def _reported_row(row: Reported) -> dict[str, Any]:
    score = {"UAR": "uar", "accuracy": "accuracy", "macro-F1": "macro_f1"}.get(row.metric)
    cells: dict[str, Any] = {
        "kind": "reported", "entry": row.system, "corpus": row.corpus, "label_source": row.labels,
        "protocol": row.protocol, "shares_speakers": row.speakers_shared, "source": row.source,
    }  # fmt: skip
    return cells | ({} if score is None else {score: row.value_pct / 100})
