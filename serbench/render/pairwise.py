"""Tables of an `EntryComparison`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from serbench.evaluation import ALPHA, LEVEL
from serbench.render.document import (
    NOTHING,
    Column,
    Document,
    Sheet,
    percent,
    plural,
    points,
    span,
    speakers,
    table_of,
    to_document,
)
from serbench.results import EntryComparison, EntryPair, ScoredEntry

__all__ = ["comparison_document"]

_LEGEND = (
    "difference: first - second, in points of test UAR, mean over runs. Its interval and p are paired by speaker and "
    "include the spread over seeds. p (Holm): corrected for the tested pairs. significant: p (Holm) is below 0.05. "
    "only first, only second: clips only one model gets right (of each the run with the best validation score, or else "
    "its last). McNemar's p ignores that clips of one speaker are alike, so it describes these clips and does not hold "
    "for other speakers."
)


_SHARED = (
    "These test speakers were also trained on, or may have been, so scores are too high for new people, and "
    "differences need not hold for them."
)


@to_document.register
def comparison_document(found: EntryComparison) -> Document:
    """Tables of the pairs and of the classes. CSV holds the pairs."""
    data = [pair.model_dump(mode="json") for pair in found.pairs]
    tested = found.entries[0]
    facts = tested.study.protocol
    return Document(
        sheets=(_pairs_sheet(found.pairs, _heading(tested)), _classes_sheet(found.entries)),
        frame=pd.DataFrame(data, columns=list(EntryPair.model_fields)),
        payload={
            "schema_version": 1,
            "corpus": tested.study.corpus.name,
            "protocol": facts.name,
            "split_seed": facts.split_seed,
            "test_clips": len(tested.refits[0].test_clips),
            "test_speakers": facts.test_speakers,
            "shares_speakers": facts.shares_speakers,
            "interval_level": LEVEL,
            "alpha": ALPHA,
            "pairs": data,
        },
        notes=(*((_SHARED,) if facts.shares_speakers else ()), _LEGEND),
    )


def _heading(tested: ScoredEntry) -> str:
    corpus, protocol = tested.study.corpus, tested.study.protocol
    return (
        f"Paired differences on {corpus.title}, protocol '{protocol.name}', split seed {protocol.split_seed} "
        f"({plural(len(tested.refits[0].test_clips), 'test clip')}, {speakers(protocol.test_speakers)})"
    )


def _pairs_sheet(pairs: Sequence[EntryPair], title: str) -> Sheet:
    columns = (
        Column("first", 0, "left"),
        Column("second", 0, "left"),
        Column("difference"),
        Column("95 % CI", 1),
        Column("p", 3),
        Column("p (Holm)", 2),
        Column("significant", 0, "left"),
        Column("only first", 4),
        Column("only second", 4),
        Column("McNemar p", 5),
    )
    rows = [
        (
            pair.first,
            pair.second,
            points(pair.difference),
            span(pair.low, pair.high, signed=True),
            _probability(pair.p_value),
            _probability(pair.p_holm),
            {True: "yes", False: "no", None: "not tested"}[pair.separable],
            str(pair.only_first),
            str(pair.only_second),
            _probability(pair.mcnemar_p),
        )
        for pair in pairs
    ]
    notes = sorted({pair.why_not for pair in pairs if pair.why_not})
    return Sheet(title, columns, tuple(rows), tuple(notes))


def _classes_sheet(entries: Sequence[ScoredEntry]) -> Sheet:
    """Recall of each class, mean over refits, with one column for each entry."""
    names = [tested.entry.entry_id for tested in entries]
    rows = []
    for place, label in enumerate(entries[0].study.corpus.labels):
        recalls = [tested.test.per_class[place].recall if tested.test else math.nan for tested in entries]
        rows.append((label, *(percent(None if math.isnan(recall) else recall) for recall in recalls)))
    return table_of("Recall of each class in %, means over runs", ("class", *names), rows)


def _probability(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
