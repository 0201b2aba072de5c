"""An entry's report as tables, CSV and JSON. The entry's page on the site shows the same facts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from serbench.evaluation import LEVEL
from serbench.families import settings_in_use
from serbench.records import CorpusFacts, ExcludedClip, ReportedScores
from serbench.render.document import (
    NOTHING,
    Column,
    Document,
    Sheet,
    count,
    duration,
    percent,
    plural,
    span,
    speakers,
    table_of,
    to_document,
    written,
)
from serbench.render.reference import votes_sheet
from serbench.results import COLUMNS, ClassRow, EntryReport, RefitReport, Row, why_unranked

__all__ = [
    "CLASS_HEADER",
    "SUBSET_HEADER",
    "Facts",
    "caveats",
    "class_cells",
    "config_rows",
    "corpus_rows",
    "entry_document",
    "entry_summary",
    "environment_rows",
    "left_out",
    "result_rows",
    "setting_rows",
    "subset_cells",
    "whose_labels",
]

Facts = list[tuple[str, str]]
"""Pairs of a name and its text."""
_FOLD = re.compile(r"fold \d+")
_NAMED = 5
CLASS_HEADER = ("class", "precision %", "recall %", "F1 %", "clips", "correct")
SUBSET_HEADER = ("subset", "clips", "accuracy %", "UAR %", "macro-F1 %")
_SUBSET_TITLES = {"train": "training", "test_own": "test set with the ratio's extra clips"}
_CLASS_KEYS = ("label", "precision", "recall", "f1", "support", "correct")


@to_document.register
def entry_document(report: EntryReport) -> Document:
    """All tables of the report. CSV holds the per-class table; JSON has the leaderboard row at its top level."""
    row = report.row
    payload: dict[str, Any] = {
        "schema_version": 1,
        "interval_level": LEVEL,
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
    """The first tables of the report: result, classes, subsets and confusion matrix."""
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


def _subset_title(subset: str, row: Row) -> str:
    return "out of fold" if subset == "validation" and row.out_of_fold else _SUBSET_TITLES.get(subset, subset)


def _clips(subset: str, clips: int, row: Row) -> str:
    """Number of clips; of pooled folds, which train and validate on the same clips, that of answers."""
    answered = row.folds > 1 and not subset.startswith("test")
    return f"{count(clips)} answers" if answered else count(clips)


def subset_cells(report: EntryReport) -> list[tuple[str, ...]]:
    """Cells under `SUBSET_HEADER`."""
    return [
        (
            _subset_title(one.subset, report.row),
            _clips(one.subset, one.clips, report.row),
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
            table_of("Classes on the test set, means over runs", CLASS_HEADER, class_cells(report.per_class)),
            table_of("Subsets, means over runs", SUBSET_HEADER, subset_cells(report)),
            _confusion("Confusion matrix of the test set: clips, all runs together", labels, counts),
            _confusion("Confusion matrix of the test set: % of each true class", labels, shares),
            Sheet("Runs", _REFIT_COLUMNS, tuple(_refit_cells(report))),
            *([votes_sheet([report.votes])] if report.votes else []),
        ]
    sheets += [
        _pairs("Configuration", ("setting", "value"), setting_rows(report)),
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
    Column("run", 2, "left"),
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
            NOTHING if refit.seed is None else str(refit.seed),
            NOTHING if refit.best_epoch is None else f"{refit.best_epoch + 1} of {len(refit.epochs)}",
            percent(_judged(report, refit)),
            percent(refit.scores["test"].uar),
            percent(refit.scores["test"].accuracy),
            duration(refit.train_seconds),
        )
        for refit in report.refits
    ]


def _judged(report: EntryReport, refit: RefitReport) -> float | None:
    """Validation UAR of a run; None if its configuration was judged out of fold, by other fits."""
    return refit.scores["validation"].uar if "validation" in refit.scores and not report.row.out_of_fold else None


def result_rows(report: EntryReport) -> Facts:
    """Scores of the entry and facts about its model."""
    row = report.row
    uar = f"{percent(row.uar)} %"
    if row.uar_low is not None:
        uar += f", 95 % interval {span(row.uar_low, row.uar_high)}"
    origin = f"{row.origin}, made a finalist by the space file" if row.forced else row.origin
    return [
        ("family", row.family),
        ("study", row.study),
        ("configuration", origin),
        *([("published elsewhere", _printed(report.reported))] if report.reported else []),
        ("selected", f"yes, by {'out-of-fold answers' if row.out_of_fold else 'validation'}" if row.selected else "no"),
        ("tie group", NOTHING if row.tie_group is None else f"{row.tie_group} (rank {row.rank} by UAR)"),
        ("test UAR", uar),
        *_declared(row, "score"),
        ("best class", _class(row.best_by_recall, row.best_by_count)),
        ("worst class", _class(row.worst_by_recall, row.worst_by_count)),
        (
            "runs",
            f"{row.seeds} completed, {row.failed_seeds} failed; {plural(row.looks, 'evaluation')} of the test set",
        ),
        *_declared(row, "model"),
    ]


def _declared(row: Row, about: str) -> Facts:
    """Lines declared by the leaderboard's columns, in the order of these columns."""
    lines: dict[str, list[tuple[int, str]]] = {}
    for name, one in COLUMNS.items():
        if one.fact is not None and one.fact.about == about:
            fields = [name, *([one.fact.other] if one.fact.other else [])]
            if one.fact.optional and getattr(row, name) is None:
                continue
            text = one.fact.text.format(written(one.fact.form, *(getattr(row, field) for field in fields)))
            lines.setdefault(one.fact.name, []).append((one.fact.place, text))
    return [
        (name, ", ".join(text for _, text in sorted(parts, key=lambda part: part[0]))) for name, parts in lines.items()
    ]


def corpus_rows(report: EntryReport) -> Facts:
    """Facts about the corpus and its split."""
    corpus, protocol = report.corpus, report.protocol
    synthetic = " (synthetic)" if corpus.synthetic else ""
    shared = (
        "the same people are in training and test"
        if protocol.shares_speakers
        else "no test speaker is in training or validation"
    )
    if protocol.folds == 1:
        validation = f"{protocol.validation_clips:,} clips of {speakers(protocol.validation_speakers)}"
    else:
        validation = f"one for each of {protocol.folds} folds, of speakers whom other folds test"
    facts = [
        ("corpus", f"{corpus.title}{synthetic}: {corpus.clips:,} clips, {speakers(corpus.speakers)}"),
        ("licence", " ".join(part for part in (corpus.licence, corpus.licence_url) if part)),
        ("citation", corpus.citation),
        ("protocol", f"{protocol.name}: {shared}; split seed {protocol.split_seed}, hash {protocol.hash}"),
        ("test set", f"{protocol.test_clips:,} clips of {speakers(protocol.test_speakers)}"),
        ("validation set", validation),
        ("labels", whose_labels(corpus)),
        ("excluded", left_out(corpus.excluded)),
    ]
    return [(name, value) for name, value in facts if value]


def whose_labels(corpus: CorpusFacts) -> str:
    """Explanation of labels that are not the speaker's intention; '' for intended labels."""
    return "perceived: majority vote of the listeners" if corpus.label_source == "perceived" else ""


def left_out(clips: Sequence[ExcludedClip]) -> str:
    """Lists excluded clips by reason. More than five of one reason are counted instead of named.

    >>> left_out([ExcludedClip(clip_id="a", reason="silent")])
    'a (silent)'
    """
    by_reason: dict[str, list[str]] = {}
    for clip in clips:
        by_reason.setdefault(clip.reason, []).append(clip.clip_id)
    return ", ".join(
        f"{len(ids):,} ({reason}), among them {ids[0]}" if len(ids) > _NAMED else f"{', '.join(ids)} ({reason})"
        for reason, ids in by_reason.items()
    )


def environment_rows(report: EntryReport) -> Facts:
    """Facts about the software and machine that produced the scores."""
    place = report.environment
    packages = ", ".join(f"{name} {version}" for name, version in sorted(place.packages.items()))
    facts = [
        ("serbench", " ".join(part for part in (place.serbench, place.git_revision) if part)),
        ("backend", place.backend),
        ("python", place.python),
        ("machine", f"{place.platform}, {place.cpu}, {place.cores} cores, {place.memory_gib:.1f} GiB"),
        ("packages", packages),
    ]
    return [(name, value) for name, value in facts if value]


def setting_rows(report: EntryReport) -> Facts:
    """The settings that the entry uses; those that play no part beside its other ones are left out."""
    config = report.config
    if all(_FOLD.fullmatch(name) for name in config):
        return config_rows({name: settings_in_use(report.row.family, values) for name, values in config.items()})
    return config_rows(settings_in_use(report.row.family, config))


def config_rows(config: Mapping[str, Any]) -> Facts:
    """Hyperparameters and their values, sorted by name. Nested ones get dotted names.

    Folds that chose for themselves share a row for each setting.

    >>> config_rows({f"fold {k}": {"depth": 4 if k == 2 else 3, "width": 16} for k in (1, 2, 3, 4)})
    [('depth', '3 (folds 1, 3-4); 4 (fold 2)'), ('width', '16')]
    """
    if len(config) > 1 and all(_FOLD.fullmatch(name) and isinstance(value, Mapping) for name, value in config.items()):
        return _rows_of_folds({int(name.removeprefix("fold ")): dict(config_rows(config[name])) for name in config})
    rows: Facts = []
    for name, value in sorted(config.items()):
        if isinstance(value, Mapping) and value:
            rows += [(f"{name}.{inner}", shown) for inner, shown in config_rows(value)]
        else:
            rows.append((name, _shown(value)))
    return rows


def _rows_of_folds(folds: Mapping[int, Mapping[str, str]]) -> Facts:
    """One row for each setting: its value, or each value with the folds that chose it, the most common first."""
    rows: Facts = []
    for name in sorted({name for settings in folds.values() for name in settings}):
        chosen: dict[str, list[int]] = {}
        for fold in sorted(folds):
            if name in folds[fold]:  # absent where it plays no part
                chosen.setdefault(folds[fold][name], []).append(fold)
        values = sorted(chosen.items(), key=lambda one: -len(one[1]))
        parts = [f"{value} (fold{'s' if len(of) > 1 else ''} {_ranges(of)})" for value, of in values]
        rows.append((name, values[0][0] if len(values[0][1]) == len(folds) else "; ".join(parts)))
    return rows


def _ranges(numbers: Sequence[int]) -> str:
    """Writes sorted numbers briefly, as '1, 3-5'."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def caveats(report: EntryReport) -> list[str]:
    """Reasons to be careful with the scores, one sentence each, without duplicates."""
    found = [f"fails checks: {text}" for text in report.row.problems]
    if report.row.synthetic:
        found.append("synthetic corpus: these scores say nothing about human speech")
    # A speaker-disjoint protocol with too few speakers has a recorded warning about that already.
    warned = report.protocol.warnings and not report.protocol.shares_speakers
    if report.no_interval and not (warned and report.no_interval == why_unranked(report.protocol)):
        found.append(report.no_interval)
    return list(dict.fromkeys([*found, *report.row.warnings]))


def _printed(scores: ReportedScores) -> str:
    named = {
        "training accuracy": scores.train_accuracy,
        "validation accuracy": scores.validation_accuracy,
        "test accuracy": scores.test_accuracy,
        "test UAR": scores.test_uar,
    }
    text = ", ".join(f"{name} {value:.1f} %" for name, value in named.items() if value is not None)
    return f"{text} ({scores.source})" if scores.source else text


def _class(by_recall: str | None, by_count: str | None) -> str:
    if by_recall == by_count:
        return f"{by_recall or NOTHING} (by recall and by number correct)"
    return f"{by_recall or NOTHING} by recall, {by_count or NOTHING} by number correct"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
