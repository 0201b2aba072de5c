"""The report of a reference, or of brought predictions, as tables, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from serbench.evaluation import ALPHA, LEVEL
from serbench.render.document import (
    NOTHING,
    Column,
    Document,
    Sheet,
    count,
    decimal,
    percent,
    points,
    span,
    table_of,
    to_document,
)
from serbench.render.leaderboard import versus
from serbench.results import ClassRow, ReferenceReport, SliceTable, VoteRow

__all__ = ["reference_document", "votes_sheet"]

_LEGEND = (
    "vs selected: UAR minus that of the selected entry, in points, with its 95 % interval (paired over speakers). It "
    "holds for these predictions, not for the method trained anew"
)


@to_document.register
def reference_document(report: ReferenceReport) -> Document:
    """Scores, classes, confusion matrix, slices and listeners' votes. CSV has one row for each class."""
    sheets = [_scores(report), _classes(report), _confusion(report)]
    sheets += [_slices(one) for one in report.slices]
    if report.votes:
        sheets.append(votes_sheet(report.votes))
    return Document(
        sheets=tuple(sheets),
        frame=pd.DataFrame([one.model_dump() for one in report.per_class], columns=list(ClassRow.model_fields)),
        payload={"schema_version": 1, "interval_level": LEVEL, **report.model_dump(mode="json")},
        notes=(*((_LEGEND,) if report.row.difference is not None else ()), *report.slice_notes),
    )


def _scores(report: ReferenceReport) -> Sheet:
    row = report.row
    facts = [
        ("what it is", row.detail),
        ("corpus, protocol", f"{row.corpus}, {row.protocol}"),
        ("test clips", count(row.clips) + (f" ({row.left_out:,} without a prediction)" if row.left_out else "")),
        ("UAR", f"{percent(row.uar)} %, 95 % CI {span(row.uar_low, row.uar_high)}"),
        ("vs selected", f"{versus(row)} ({report.selected})" if row.difference is not None else NOTHING),
        ("accuracy", f"{percent(row.accuracy)} %"),
        ("F1", f"macro {percent(row.macro_f1)} %, weighted {percent(row.weighted_f1)} %"),
        ("agreement", f"Cohen's kappa {decimal(row.kappa)}"),
    ]
    return Sheet(row.title, (Column("", 0, "left"), Column("", 0, "left")), tuple(facts))


def _classes(report: ReferenceReport) -> Sheet:
    rows = [
        (one.label, percent(one.precision), percent(one.recall), percent(one.f1), count(one.support))
        for one in report.per_class
    ]
    return table_of("Scores of each class in %", ("class", "precision", "recall", "F1", "clips"), rows)


def _confusion(report: ReferenceReport) -> Sheet:
    labels = [one.label for one in report.per_class]
    rows = [
        (label, *(f"{cell:,.0f}" if cell == round(cell) else f"{cell:,.1f}" for cell in line))
        for label, line in zip(labels, report.confusion, strict=True)
    ]
    return table_of("Confusion matrix in clips: rows true, columns predicted", ("true class", *labels), rows)


def _slices(table: SliceTable) -> Sheet:
    columns = (Column(table.attribute, 0, "left"), Column("clips", 2), Column("speakers", 3), Column("recall %"),
               Column("95 % CI", 1), Column("acc. %", 4))  # fmt: skip
    rows = tuple(
        (one.value, count(one.clips), count(one.speakers), percent(one.recall), span(one.low, one.high),
         percent(one.accuracy))
        for one in table.slices
    )  # fmt: skip
    notes: tuple[str, ...] = ()
    if table.gap is not None and table.p_value is not None:
        outcome = "significant" if table.p_value < ALPHA else "not significant"
        notes = (
            f"largest gap {points(table.gap).lstrip('+')} points, by chance under {points(table.by_chance).lstrip('+')}"
            f" in 19 of 20 cases: {outcome} (p = {table.p_value:.3f}, corrected for all attributes)",
        )
    return Sheet(f"Recall by {table.attribute}, over classes that every group has", columns, rows, notes)


def votes_sheet(rows: Sequence[VoteRow]) -> Sheet:
    """Table of how close probabilities are to the listeners' votes."""

    def cells(one: VoteRow) -> tuple[str, ...]:
        return (one.name, count(one.clips), percent(one.overlap), decimal(one.divergence), decimal(one.squared))

    note = (
        "votes: the label that most listeners chose; tied labels share the clip. overlap: probability shared with the "
        "votes, mean over clips. divergence: Jensen-Shannon, in bits. distance: squared, 0 to 2"
    )
    head = ("predictions", "clips", "overlap %", "divergence", "distance")
    made = table_of("Probabilities against the listeners' votes", head, list(map(cells, rows)))
    return replace(made, notes=(note,))
