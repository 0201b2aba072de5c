"""`EntryComparison`: paired tests between entries with the same test set, paired by speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from pydantic import Field

from serbench.errors import UsageError
from serbench.evaluation import ALPHA, compare_recalls, holm, mcnemar
from serbench.records import FrozenModel
from serbench.results.grouping import group_of, why_unranked
from serbench.results.scored_entry import ScoredEntry

__all__ = ["EntryComparison", "EntryPair"]


class EntryPair(FrozenModel):
    """The comparison of two entries, in fractions.

    `difference` is the mean test UAR of `first` minus that of `second`, each a mean over refits. `only_first`,
    `only_second` and `mcnemar_p` compare the run of each entry that is best on validation, or its last where runs have
    no validation score. McNemar's test assumes
    independent clips. Clips of one speaker are not independent, so its p-value only describes these clips.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    separable: bool | None = Field(description="whether p_holm is below 0.05; None where nothing was tested")
    why_not: str
    only_first: int
    only_second: int
    mcnemar_p: float


@dataclass(frozen=True)
class EntryComparison:
    """Paired differences of two or more entries, with p-values corrected by Holm for the number of tested pairs."""

    entries: tuple[ScoredEntry, ...]
    pairs: tuple[EntryPair, ...]

    def __repr__(self) -> str:
        return f"EntryComparison({len(self.entries)} entries)"

    @classmethod
    def of(cls, entries: Sequence[ScoredEntry]) -> EntryComparison:
        """Compares all pairs of entries.

        Raises:
            UsageError: the entries were not tested on the same clips, or one has no completed refit.
        """
        for other in entries[1:]:
            _check_comparable(entries[0], other)
        return cls(tuple(entries), _corrected([_pair(one, other) for one, other in combinations(entries, 2)]))


def _check_comparable(one: ScoredEntry, other: ScoredEntry) -> None:
    for tested in (one, other):
        if not tested.refits:
            raise UsageError(f"entry '{tested.entry.entry_id}' has no completed run to compare")
    if group_of(one.study) != group_of(other.study) or one.refits[0].test_clips != other.refits[0].test_clips:
        first, second = group_of(one.study), group_of(other.study)
        names = f"'{one.entry.entry_id}' and '{other.entry.entry_id}'"
        differ = [name for name, a, b in zip(first._fields, first, second, strict=True) if a != b] or ["clips"]
        raise UsageError(
            f"entries {names} were not tested on the same clips ({', '.join(differ).replace('_', ' ')} differ); "
            "compare entries of one table of the leaderboard"
        )


def _pair(one: ScoredEntry, other: ScoredEntry) -> EntryPair:
    true, labels = one.refits[0].test_true, one.study.corpus.labels
    found, why_not = None, why_unranked(one.study.protocol) or _unsound(one, other)
    if not why_not:
        found, why_not = compare_recalls(one.recalls, other.recalls, labels)
    clips = mcnemar(true, one.kept_refit.test_predicted, other.kept_refit.test_predicted, len(labels))
    means = one.mean_score("test", "uar"), other.mean_score("test", "uar")
    return EntryPair(
        first=one.entry.entry_id,
        second=other.entry.entry_id,
        difference=None if means[0] is None or means[1] is None else means[0] - means[1],
        low=found.low if found else None,
        high=found.high if found else None,
        p_value=found.p_value if found else None,
        p_holm=None,
        separable=False if found else None,
        why_not=why_not,
        only_first=clips.only_first,
        only_second=clips.only_second,
        mcnemar_p=clips.p_value,
    )


def _unsound(*entries: ScoredEntry) -> str:
    """Why entries are not compared that fail their checks; '' if none does."""
    failed = [one for one in entries if one.problems]
    return f"no comparison: {failed[0].entry.entry_id} fails its checks ({failed[0].problems[0]})" if failed else ""


def _corrected(pairs: Sequence[EntryPair]) -> tuple[EntryPair, ...]:
    tested = [pair for pair in pairs if pair.separable is not None]
    adjusted = holm([1.0 if pair.p_value is None else pair.p_value for pair in tested])
    corrected = {
        (pair.first, pair.second): pair.model_copy(update={"p_holm": p_holm, "separable": p_holm < ALPHA})
        for pair, p_holm in zip(tested, adjusted, strict=True)
        if pair.p_value is not None
    }
    return tuple(corrected.get((pair.first, pair.second), pair) for pair in pairs)
