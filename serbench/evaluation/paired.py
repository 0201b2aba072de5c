"""Is one entry better than another? Paired over the speakers of one test core, corrected for many comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from serbench.evaluation.intervals import MIN_SPEAKERS
from serbench.evaluation.jackknife import SpeakerRecalls, Spread, spreads
from serbench.evaluation.metrics import predicted_classes

__all__ = ["McNemar", "PairedComparison", "compare", "compare_all", "compare_recalls", "holm", "mcnemar", "tie_groups"]


@dataclass(frozen=True)
class PairedComparison:
    """The difference of two entries' mean UAR on the same clips.

    Attributes:
        difference: first minus second, in fractions.
        low: lower end of its interval.
        high: upper end of its interval.
        p_value: two-sided, not corrected; None where the difference is the same for every speaker and refit.
        speakers: of the test core.
    """

    difference: float
    low: float
    high: float
    p_value: float | None
    speakers: int

    def separable(self, alpha: float = 0.05) -> bool:
        """Whether the two are told apart, as one comparison of its own."""
        return self.p_value is not None and self.p_value < alpha


def compare(
    y_true: ArrayLike,
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    speakers: ArrayLike,
    labels: Sequence[str],
    *,
    level: float = 0.95,
) -> tuple[PairedComparison | None, str]:
    """Compares two entries speaker by speaker, the spread over the refit seeds of both included.

    A speaker who is hard for both does not count against either, so a paired difference is surer than two
    intervals that overlap would suggest.

    Args:
        y_true: (n,) class indices into `labels`.
        first: one element a refit of one entry, each (n, C) probabilities or (n,) class indices.
        second: the other entry's, of the same clips.
        speakers: (n,) the clips' speakers.
        labels: the C class names.
        level: of the interval.

    Returns:
        (comparison, ""), or (None, why there is none): too few speakers, a class that fewer than two have, or an
        entry of one refit, whose luck with its seed is unknown (simulated: equal models would be called different in
        10 to 22 % of cases instead of 5).

    Raises:
        ValueError: arrays do not fit one another, or an entry has no refit.
    """
    one, other = (SpeakerRecalls.count(y_true, guesses, speakers, len(labels)) for guesses in (first, second))
    return compare_recalls(one, other, labels, level=level)


def compare_recalls(
    one: SpeakerRecalls, other: SpeakerRecalls, labels: Sequence[str], *, level: float = 0.95
) -> tuple[PairedComparison | None, str]:
    """As `compare`, of counts by speaker and class of the same clips."""
    if one.speakers < MIN_SPEAKERS:
        return None, f"no comparison: {one.speakers} test speakers, fewer than {MIN_SPEAKERS}"
    if one.rare_classes:
        return None, f"no comparison: fewer than two test speakers have clips of '{labels[one.rare_classes[0]]}'"
    if min(one.refits, other.refits) < 2:
        return None, "no comparison: an entry with one refit does not tell how much its score owes to its seed"
    difference = float(one.per_refit().mean() - other.per_refit().mean())
    spread = Spread.of(one.without_each() - other.without_each(), one, other)
    half = spread.half_width(level)
    return PairedComparison(
        difference, difference - half, difference + half, spread.p_value(difference), one.speakers
    ), ""


def compare_all(
    entries: Sequence[SpeakerRecalls], labels: Sequence[str], *, level: float = 0.95
) -> list[tuple[PairedComparison | None, str]]:
    """As `compare_recalls` of each two entries, in the order of `itertools.combinations`, all at once.

    Args:
        entries: counts of the same clips.
        labels: the C class names.
        level: of the intervals.
    """
    pairs = list(combinations(range(len(entries)), 2))
    odd = [one.speakers < MIN_SPEAKERS or one.rare_classes or one.refits < 2 for one in entries]
    if any(odd):  # each has its own reason
        return [compare_recalls(entries[i], entries[j], labels, level=level) for i, j in pairs]
    if not pairs:
        return []
    first, second = np.array(pairs).T
    scores = np.array([entry.per_refit().mean() for entry in entries])
    without = np.stack([entry.without_each() for entry in entries])
    seeds = np.array([entry.seed_variance for entry in entries])
    degrees = np.array([entry.refits - 1 for entry in entries])
    errors, freedoms = spreads(
        without[first] - without[second], [(seeds[first], degrees[first]), (seeds[second], degrees[second])]
    )
    spread = [Spread(float(error), float(freedom)) for error, freedom in zip(errors, freedoms, strict=True)]
    halves = special.stdtrit(freedoms, (1 + level) / 2) * errors
    speakers = entries[0].speakers
    return [
        (PairedComparison(d, d - half, d + half, one.p_value(d), speakers), "")
        for d, half, one in zip((scores[first] - scores[second]).tolist(), halves.tolist(), spread, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values for the number of comparisons, by Holm's step-down rule (Scand. J. Statist. 6, 1979, 65-70).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def tie_groups(
    count: int, comparison: Callable[[int, int], PairedComparison | None], *, alpha: float = 0.05
) -> list[int]:
    """Groups entries that the test core cannot tell apart. Entries come best first.

    The first entry leads group 1. Each next one joins the group above unless it is separable from that group's
    *leader*, its p-value corrected by Holm for all the comparisons with this leader; else it leads the next group.
    Comparing with the leader keeps a chain of small steps from tying the best to the worst.

    Args:
        count: of entries.
        comparison: compares a leader with an entry below it; None where that is impossible, which separates nothing.
        alpha: of the corrected comparisons.

    Returns:
        The number of each entry's group, from 1.
    """
    groups: list[int] = []
    separable: list[bool] = []
    for place in range(count):
        leads = place == 0 or separable[place]
        groups.append((groups[-1] if groups else 0) + leads)
        if leads:
            values = [_p_value(comparison(place, other)) for other in range(place + 1, count)]
            separable = [False] * (place + 1) + [value < alpha for value in holm(values)]
    return groups


def _p_value(comparison: PairedComparison | None) -> float:
    return 1.0 if comparison is None or comparison.p_value is None else comparison.p_value


@dataclass(frozen=True)
class McNemar:
    """Clips that only one of two models has right. Descriptive: it takes clips as independent, which they are not."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(y_true: ArrayLike, first: ArrayLike, second: ArrayLike, classes: int) -> McNemar:
    """McNemar's exact test of two sets of predictions of the same clips (Psychometrika 12, 1947, 153-157).

    It ignores that clips of one speaker are alike, so its p-value is too small for a claim about new speakers.

    Args:
        y_true: (n,) class indices.
        first: (n, C) probabilities or (n,) class indices.
        second: as `first`.
        classes: C.
    """
    true = np.asarray(y_true)
    right = [predicted_classes(guess, classes) == true for guess in (first, second)]
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    unlike = only_first + only_second
    p_value = float(stats.binomtest(only_first, unlike).pvalue) if unlike else 1.0
    return McNemar(only_first, only_second, p_value)
