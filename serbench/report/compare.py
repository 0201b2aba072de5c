"""`EntryComparison`: entries of one test core against each other, pair by pair, speaker by speaker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from serbench.errors import UsageError
from serbench.evaluation import compare_recalls, holm, mcnemar
from serbench.records.base import FrozenModel
from serbench.records.results import ResultsFolder
from serbench.report.comparison import group_of, why_unranked
from serbench.report.document import NOTHING, Column, Document, Sheet, percent, points, span, table_of
from serbench.report.ensemble import ENSEMBLE
from serbench.report.entry import find_entry
from serbench.report.formats import render
from serbench.report.leaderboard import Leaderboard
from serbench.report.refits import TestedEntry

__all__ = ["EntryComparison", "Pair"]

_ALPHA = 0.05


class Pair(FrozenModel):
    """Two entries. Fractions; the difference is first minus second, of the mean test UAR of their refits.

    What McNemar's test says is of the refit of each that is best on validation. It takes clips as independent, which
    those of one speaker are not, so it only describes these clips.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    separable: bool
    why_not: str
    only_first: int
    only_second: int
    mcnemar_p: float


@dataclass(frozen=True)
class EntryComparison:
    """Paired differences of two or more entries, corrected by Holm for their number."""

    entries: tuple[TestedEntry, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def from_results(cls, results: ResultsFolder, entry_ids: Sequence[str]) -> EntryComparison:
        """Compares entries from their predictions alone.

        Raises:
            UsageError: fewer than two, one named twice, none of that name, or entries that were not tested on the
                same clips.
        """
        if len(set(entry_ids)) < 2 or len(set(entry_ids)) < len(entry_ids):
            raise UsageError("a comparison takes two or more entries, each named once")
        board = Leaderboard.from_results(results, ensembles=any(name.startswith(ENSEMBLE) for name in entry_ids))
        entries = tuple(find_entry(results, board, entry_id) for entry_id in entry_ids)
        for other in entries[1:]:
            _check_comparable(entries[0], other)
        return cls(entries, _corrected([_pair(one, other) for one, other in combinations(entries, 2)]))

    def document(self) -> Document:
        """Tables of the pairs and of the classes; CSV holds the pairs."""
        data = [pair.model_dump(mode="json") for pair in self.pairs]
        return Document(
            sheets=(_pairs_sheet(self.pairs), _classes_sheet(self.entries)),
            frame=pd.DataFrame(data, columns=list(Pair.model_fields)),
            payload={"schema_version": 1, "interval_level": 0.95, "alpha": _ALPHA, "pairs": data},
            notes=(_LEGEND,),
        )

    def render(self, form: str = "table", *, width: int = 80) -> str:
        """The comparison as text, in the formats of a leaderboard."""
        return render(self.document(), form, width=width)


_LEGEND = (
    "difference: first - second, points of test UAR, mean over refits; its interval and p over speakers and seeds, "
    "paired. p (Holm): corrected for the number of pairs. only first, only second: clips that one has right and the "
    "other has not; McNemar's p ignores that clips of a speaker are alike, so it describes these clips and says "
    "nothing of other speakers."
)


def _check_comparable(one: TestedEntry, other: TestedEntry) -> None:
    for tested in (one, other):
        if not tested.refits:
            raise UsageError(f"entry '{tested.entry.entry_id}' has no completed refit to compare")
    if group_of(one.study) != group_of(other.study) or one.refits[0].test_clips != other.refits[0].test_clips:
        first, second = group_of(one.study), group_of(other.study)
        names = f"'{one.entry.entry_id}' and '{other.entry.entry_id}'"
        differ = [name for name, a, b in zip(first._fields, first, second, strict=True) if a != b] or ["clips"]
        raise UsageError(
            f"entries {names} were not tested on the same clips ({', '.join(differ).replace('_', ' ')} differ); "
            "compare entries that stand in one table of the leaderboard"
        )


def _pair(one: TestedEntry, other: TestedEntry) -> Pair:
    true, labels = one.refits[0].test_true, one.study.corpus.labels
    found, why_not = None, why_unranked(one.study.protocol)
    if not why_not:
        found, why_not = compare_recalls(one.recalls, other.recalls, labels)
    clips = mcnemar(true, one.kept_refit.test_predicted, other.kept_refit.test_predicted, len(labels))
    means = one.mean_score("test", "uar"), other.mean_score("test", "uar")
    return Pair(
        first=one.entry.entry_id,
        second=other.entry.entry_id,
        difference=None if means[0] is None or means[1] is None else means[0] - means[1],
        low=found.low if found else None,
        high=found.high if found else None,
        p_value=found.p_value if found else None,
        p_holm=None,
        separable=False,
        why_not=why_not,
        only_first=clips.only_first,
        only_second=clips.only_second,
        mcnemar_p=clips.p_value,
    )


def _corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    adjusted = holm([1.0 if pair.p_value is None else pair.p_value for pair in pairs])
    return tuple(
        pair if pair.p_value is None else pair.model_copy(update={"p_holm": p_holm, "separable": p_holm < _ALPHA})
        for pair, p_holm in zip(pairs, adjusted, strict=True)
    )


def _pairs_sheet(pairs: Sequence[Pair]) -> Sheet:
    columns = (
        Column("first", 0, "left"),
        Column("second", 0, "left"),
        Column("difference"),
        Column("95 % CI", 1),
        Column("p", 3),
        Column("p (Holm)", 2),
        Column("told apart", 0, "left"),
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
            "yes" if pair.separable else "no",
            str(pair.only_first),
            str(pair.only_second),
            _probability(pair.mcnemar_p),
        )
        for pair in pairs
    ]
    notes = sorted({pair.why_not for pair in pairs if pair.why_not})
    return Sheet("Paired differences on one test core", columns, tuple(rows), tuple(notes))


def _classes_sheet(entries: Sequence[TestedEntry]) -> Sheet:
    """Recall of each class, mean over refits, an entry a column."""
    names = [tested.entry.entry_id for tested in entries]
    rows = []
    for place, label in enumerate(entries[0].study.corpus.labels):
        recalls = [tested.test.per_class[place].recall if tested.test else math.nan for tested in entries]
        rows.append((label, *(percent(None if math.isnan(recall) else recall) for recall in recalls)))
    return table_of("Recall of each class in %, means over refits", ("class", *names), rows)


def _probability(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
