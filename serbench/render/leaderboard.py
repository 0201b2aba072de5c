"""The leaderboard as tables, CSV and JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd

from serbench.evaluation import LEVEL
from serbench.references import Reported
from serbench.render.document import NOTHING, Column, Document, Sheet, percent, points, span, to_document, written
from serbench.results import COLUMNS, Cell, GroupRows, Leaderboard, ReferenceRow, Row

__all__ = ["cell_text", "columns_table", "leaderboard_document", "unpredicted", "versus"]

_CELLS = sorted(
    ((name, one.cell) for name, one in COLUMNS.items() if one.cell is not None), key=lambda pair: pair[1].place
)
_COLUMNS = tuple(Column(cell.title, cell.rank, cell.align) for _, cell in _CELLS)


def cell_text(row: Row, name: str, cell: Cell) -> str:
    """Text of one cell of the table.

    Args:
        row: row of the leaderboard.
        name: name of the row's field.
        cell: declaration of the column.
    """
    values = [getattr(row, name), *([getattr(row, cell.other)] if cell.other else [])]
    return written(cell.form, *values)


def columns_table() -> str:
    """Markdown table of all keys in CSV and JSON, for the handbook."""
    lines = ["| key | column | what it is |", "|:---|:---|:---|"]
    for name, field in Row.model_fields.items():
        cell = COLUMNS[name].cell
        lines.append(f"| `{name}` | {cell.title if cell else ''} | {field.description or ''} |")
    return "\n".join(lines) + "\n"


_LISTS = ("warnings", "problems")
_ONLY_REPORTED = ("trained_from_scratch", "test_chose", "shown_by")  # what only published results have
_LEGEND = (
    "tie group: same number = statistical tie with the best of them. "
    "UAR: mean recall of the classes on the test set, mean over runs. CI: 95 % interval over speakers and seeds. "
    "-: compared with nothing. selected: best validation score of its table; test scores play no part. "
    "gap: validation UAR - test UAR, in points. "
    "selection bias: validation score in the search - out-of-fold score of the same configuration, in points. "
    "test evals: evaluations of the test set. best, worst: class by recall. "
    "ms/clip: front end and model, one clip on one CPU core. model: file size."
)


@to_document.register
def leaderboard_document(board: Leaderboard) -> Document:
    """One table for each group, followed by its references. Published results come last.

    CSV has one row for each entry, reference and published result. The column `kind` says which one it is, and `source`
    names the publication. JSON has one list of each kind. Keys are the field names of `Row`, `ReferenceRow` and
    `Reported`.
    """
    groups, reported = board.groups, board.reported
    rows = board.rows
    data = [row.model_dump(mode="json") for row in rows]
    references = [row.model_dump(mode="json") for group in groups for row in group.references]
    literature = [row.model_dump(mode="json") for row in reported]
    frame = pd.DataFrame(
        [
            *({"kind": "entry", **row, **{name: "; ".join(row[name]) for name in _LISTS}} for row in data),
            *({"kind": "reference", "entry": row["name"], **_known(row)} for row in references),
            *(_reported_row(row) for row in reported),
        ],
        columns=["kind", *Row.model_fields, "source", *_ONLY_REPORTED],
        dtype=object,  # pandas would write 1 as 1.0 if another row has no value
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
            "interval_level": LEVEL,
            "rows": data,
            "references": references,
            "reported": literature,
            "groups": [
                {
                    "title": group.title,
                    **group.group._asdict(),
                    "tested": dataclasses.asdict(group.counted),
                    "detectable_difference": group.power.difference if group.power else None,
                }
                for group in groups
            ],
            "notes": list(board.notes),
        },
        notes=(_LEGEND if groups else empty, *board.general_notes),
    )


def _group_sheets(group: GroupRows) -> list[Sheet]:
    rows = tuple(tuple(cell_text(row, name, cell) for name, cell in _CELLS) for row in group.rows)
    sheets = [Sheet(group.heading, _COLUMNS, rows, group.notes)]
    if group.references:
        sheets.append(_references_sheet(group.title, group.references))
    return sheets


def _references_sheet(title: str, rows: Sequence[ReferenceRow]) -> Sheet:
    columns = (
        Column("reference", 0, "left"),
        Column("UAR %"),
        Column("95 % CI", 1),
        Column("vs selected", 2),
        Column("acc. %", 3),
        Column("macro-F1 %", 4),
        Column("what it is", 5, "left"),
    )
    cells = tuple(
        (
            row.title,
            percent(row.uar),
            span(row.uar_low, row.uar_high),
            versus(row),
            percent(row.accuracy),
            percent(row.macro_f1),
            row.detail,
        )
        for row in rows
    )
    notes = unpredicted(rows)
    if any(row.difference is not None for row in rows):
        notes += (
            "vs selected: UAR minus that of the selected entry, in points, with its 95 % interval (paired over "
            "speakers; it holds for these predictions, not for the method trained anew)",
        )
    if any(row.transductive for row in rows):
        notes += ("transductive: normalised with the test speakers' own clips, so not the score of a single clip",)
    return Sheet(f"References on the same test clips, not ranked: {title}", columns, cells, notes)


def unpredicted(rows: Sequence[ReferenceRow]) -> tuple[str, ...]:
    """A sentence for each reference that is scored on a part of the test set only."""
    return tuple(
        f"{row.title}: {row.left_out:,} of {row.clips + row.left_out:,} test clips have no prediction and are left out"
        for row in rows
        if row.left_out
    )


def versus(row: ReferenceRow) -> str:
    """How far a reference is above the selected entry, with the interval of the difference."""
    if row.difference is None:
        return NOTHING
    return f"{points(row.difference)} ({span(row.difference_low, row.difference_high, signed=True)})"


def _reported_sheet(corpus: str, labels: str, rows: Sequence[Reported]) -> Sheet:
    columns = (
        Column("system", 0, "left"),
        Column("%"),
        Column("metric", 0, "left"),
        Column("speakers shared", 1, "left"),
        Column("from scratch", 2, "left"),
        Column("protocol", 0, "left"),
        Column("test set chose", 2, "left"),
        Column("source", 0, "left"),
        Column("address", 3, "left"),
    )
    answers = {True: "yes", False: "no", None: NOTHING}
    cells = tuple(
        (
            row.system,
            f"{row.value_pct:g}",
            row.metric,
            answers[row.speakers_shared],
            answers[row.trained_from_scratch],
            row.protocol,
            answers[row.test_chose],
            row.source,
            row.address,
        )
        for row in rows
    )
    title = f"Published results on {corpus}, {labels} labels, for orientation: other data and splits, so not ranked"
    shown = dict.fromkeys(f"{row.system}: {row.shown_by}" for row in rows if row.shown_by)
    notes = ("test set chose: whether test clips chose an epoch or hyperparameters; -: not known", *shown)
    return Sheet(title, columns, cells, notes)


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """The fields that a reference shares with entries."""
    return {key: value for key, value in row.items() if key in Row.model_fields}


def _reported_row(row: Reported) -> dict[str, Any]:
    score = {"UAR": "uar", "accuracy": "accuracy", "macro-F1": "macro_f1"}.get(row.metric)
    cells: dict[str, Any] = {
        "kind": "reported", "entry": row.system, "corpus": row.corpus, "label_source": row.labels,
        "protocol": row.protocol, "shares_speakers": row.speakers_shared, "source": f"{row.source}, {row.address}",
    }  # fmt: skip
    cells |= {name: getattr(row, name) for name in _ONLY_REPORTED}
    return cells | ({} if score is None else {score: row.value_pct / 100})
