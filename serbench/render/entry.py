"""An entry's report as tables for people and data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from serbench.render.document import NOTHING, Column, Document, Sheet, count, duration, percent, table_of, to_document
from serbench.render.entry_facts import Facts, caveats, config_rows, corpus_rows, environment_rows, result_rows
from serbench.results.entry import ClassRow, EntryReport

__all__ = ["CLASS_HEADER", "SUBSET_HEADER", "class_cells", "entry_document", "entry_summary", "subset_cells"]

CLASS_HEADER = ("class", "precision %", "recall %", "F1 %", "clips", "correct")
SUBSET_HEADER = ("subset", "clips", "accuracy %", "UAR %", "macro-F1 %")
_SUBSET_TITLES = {"train": "training", "test_own": "test with the ratio's rest"}
_CLASS_KEYS = ("label", "precision", "recall", "f1", "support", "correct")


@to_document.register
def entry_document(report: EntryReport) -> Document:
    """CSV holds the per-class table; JSON the leaderboard's row at the top level and everything else below."""
    row = report.row
    payload: dict[str, Any] = {
        "schema_version": 1,
        "interval_level": 0.95,
        **report.model_dump(mode="json", exclude={"row", "corpus", "protocol"}),
        "corpus_facts": report.corpus.model_dump(mode="json"),
        "protocol_facts": report.protocol.model_dump(mode="json"),
        **row.model_dump(mode="json"),
    }
    classes = [one.model_dump(mode="json") for one in report.per_class]
    return Document(
        sheets=tuple(_sheets(report)),
        frame=pd.DataFrame(classes, columns=list(_CLASS_KEYS)),
        payload=payload,
        notes=tuple(caveats(report)),
    )


def entry_summary(report: EntryReport) -> Document:
    """The first tables of the report: the result, the classes, the subsets and the confusion matrix."""
    document = entry_document(report)
    return replace(document, sheets=document.sheets[:4])


def class_cells(per_class: Sequence[ClassRow]) -> list[tuple[str, ...]]:
    """Cells under `CLASS_HEADER`."""
    return [
        (
            one.label,
            percent(one.precision),
            percent(one.recall),
            percent(one.f1),
            count(one.support),
            f"{one.correct:.1f}".removesuffix(".0"),
        )
        for one in per_class
    ]


def subset_cells(report: EntryReport) -> list[tuple[str, ...]]:
    """Cells under `SUBSET_HEADER`."""
    return [
        (
            _SUBSET_TITLES.get(one.subset, one.subset),
            count(one.clips),
            percent(one.accuracy),
            percent(one.uar),
            percent(one.macro_f1),
        )
        for one in report.subsets
    ]


def _sheets(report: EntryReport) -> list[Sheet]:
    sheets = [_pairs(f"Entry {report.row.entry}", ("result", "value"), result_rows(report))]
    if report.refits:
        labels = [one.label for one in report.per_class]
        shares = [[percent(cell) for cell in row] for row in report.confusion_by_row]
        counts = [[count(cell) for cell in row] for row in report.confusion]
        sheets += [
            table_of("Classes on the test core, means over refits", CLASS_HEADER, class_cells(report.per_class)),
            table_of("Subsets, means over refits", SUBSET_HEADER, subset_cells(report)),
            _confusion("Confusion on the test core, clips summed over refits", labels, counts),
            _confusion("Confusion in % of the true class", labels, shares),
            Sheet("Refits", _REFIT_COLUMNS, tuple(_refit_cells(report))),
        ]
    sheets += [
        _pairs("Configuration", ("setting", "value"), config_rows(report.config)),
        _pairs("Data", ("fact", "value"), corpus_rows(report)),
        _pairs("Environment", ("fact", "value"), environment_rows(report)),
    ]
    return sheets


def _pairs(title: str, header: tuple[str, str], rows: Facts) -> Sheet:
    return Sheet(title, tuple(Column(name, align="left") for name in header), tuple(rows))


def _confusion(title: str, labels: Sequence[str], cells: Sequence[Sequence[str]]) -> Sheet:
    rows = [(label, *row) for label, row in zip(labels, cells, strict=True)]
    return table_of(title, ("true class", *labels), rows)


_REFIT_COLUMNS = (
    Column("refit", 2, "left"),
    Column("seed"),
    Column("epoch kept", 1),
    Column("val. UAR %"),
    Column("test UAR %"),
    Column("acc. %"),
    Column("fit time", 3),
)


def _refit_cells(report: EntryReport) -> list[tuple[str, ...]]:
    return [
        (
            refit.job_id,
            str(refit.seed),
            NOTHING if refit.best_epoch is None else f"{refit.best_epoch} of {len(refit.epochs)}",
            percent(refit.scores["validation"].uar if "validation" in refit.scores else None),
            percent(refit.scores["test"].uar),
            percent(refit.scores["test"].accuracy),
            duration(refit.train_seconds),
        )
        for refit in report.refits
    ]
