"""Paired comparison of entries over the speakers of one test set, with correction for multiple comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from serbench.evaluation.intervals import ALPHA, LEVEL, MIN_SPEAKERS
from serbench.evaluation.jackknife import SpeakerRecalls, Spread, spreads
from serbench.evaluation.metrics import predicted_classes

__all__ = [
    "McNemar",
    "PairedComparison",
    "compare_all",
    "compare_recalls",
    "compare_same_models",
    "holm",
    "mcnemar",
    "paired_spread",
    "tie_groups",
]


@dataclass(frozen=True)
class PairedComparison:
    """The difference in mean UAR of two entries on the same clips.

    Attributes:
        difference: first minus second, in fractions.
        low: lower end of its confidence interval.
        high: upper end of its confidence interval.
        p_value: two-sided, not corrected; None if the difference is the same for every speaker and refit.
        speakers: number of test speakers.
    """

    difference: float
    low: float
    high: float
    p_value: float | None
    speakers: int


def compare_recalls(
    one: SpeakerRecalls, other: SpeakerRecalls, labels: Sequence[str], *, as_they_are: bool = False
) -> tuple[PairedComparison | None, str]:
    """Compares two entries speaker by speaker. The variance over the seeds of both is included.

    A speaker who is hard for both models affects both scores alike and cancels out. So two entries can differ
    significantly although their intervals overlap.

    Args:
        one: counts of one entry by speaker and class.
        other: counts of the other entry on the same clips.
        labels: the C class names.
        as_they_are: whether an entry with a single refit is compared, too. The result then holds for these predictions
            on other speakers, and not for the same method with another seed.

    Returns:
        (comparison with a 95 % interval, ""), or (None, the reason in one sentence). There is no comparison with too
        few speakers, with a class that fewer than two speakers have, or, unless `as_they_are`, if an entry has a single
        refit: its seed variance is unknown then (in simulations equal models would differ significantly in 10 to 22 %
        of cases instead of 5 %).
    """
    if one.speakers < MIN_SPEAKERS:
        return None, f"no comparison: {one.speakers} test speakers, fewer than {MIN_SPEAKERS}"
    if one.rare_classes:
        return None, f"no comparison: fewer than two test speakers have clips of '{labels[one.rare_classes[0]]}'"
    if min(one.refits, other.refits) < 2 and not as_they_are:
        return None, "no comparison: one entry was trained with a single seed, so luck cannot be separated from skill"
    difference = float(one.per_refit().mean() - other.per_refit().mean())
    spread = paired_spread(one, other)
    half = spread.half_width(LEVEL)
    return PairedComparison(
        difference, difference - half, difference + half, spread.p_value(difference), one.speakers
    ), ""


def compare_same_models(
    one: SpeakerRecalls, other: SpeakerRecalls, labels: Sequence[str]
) -> tuple[PairedComparison | None, str]:
    """Compares the answers of the same models to two versions of the same clips.

    The difference of each refit is one number of its own, so what a seed adds to both versions cancels out, too. With a
    single refit the result holds for that one model.

    Args:
        one: counts of one version, such as the clips as they are.
        other: counts of the other version, refit by refit of the same models.
        labels: the C class names.

    Returns:
        As `compare_recalls`. There is a comparison of a single refit, too.

    Raises:
        ValueError: the counts are not of the same clips and refits.
    """
    if one.correct.shape != other.correct.shape or not np.array_equal(one.support, other.support):
        raise ValueError("the two versions are not of the same clips and models")
    if one.speakers < MIN_SPEAKERS:
        return None, f"no interval: {one.speakers} speakers, fewer than {MIN_SPEAKERS}"
    if one.rare_classes:
        return None, f"no interval: fewer than two speakers have clips of '{labels[one.rare_classes[0]]}'"
    # Recalls are linear in the counts, so the difference of the counts has the difference as its score.
    difference = SpeakerRecalls(one.correct - other.correct, one.support)
    mean = float(difference.per_refit().mean())
    spread = Spread.of(difference.without_each(), difference)
    half = spread.half_width(LEVEL)
    return PairedComparison(mean, mean - half, mean + half, spread.p_value(mean), one.speakers), ""


def paired_spread(one: SpeakerRecalls, other: SpeakerRecalls) -> Spread:
    """Estimates the standard error of the difference in mean UAR of two entries on the same clips.

    The variance over seeds is that of entries with two refits or more.
    """
    return Spread.of(one.without_each() - other.without_each(), one, other)


def compare_all(entries: Sequence[SpeakerRecalls], labels: Sequence[str]) -> list[tuple[PairedComparison | None, str]]:
    """Compares every pair of entries at once.

    Args:
        entries: counts of the same clips.
        labels: the C class names.

    Returns:
        What `compare_recalls` returns for each pair, in the order of `itertools.combinations`.
    """
    pairs = list(combinations(range(len(entries)), 2))
    odd = [one.speakers < MIN_SPEAKERS or one.rare_classes or one.refits < 2 for one in entries]
    if any(odd):  # each pair has its own reason
        return [compare_recalls(entries[i], entries[j], labels) for i, j in pairs]
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
    halves = special.stdtrit(freedoms, (1 + LEVEL) / 2) * errors
    speakers = entries[0].speakers
    return [
        (PairedComparison(d, d - half, d + half, one.p_value(d), speakers), "")
        for d, half, one in zip((scores[first] - scores[second]).tolist(), halves.tolist(), spread, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for multiple comparisons by Holm's step-down method (Scand. J. Statist. 6, 1979, 65-70).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def tie_groups(count: int, comparison: Callable[[int, int], PairedComparison | None]) -> list[int | None]:
    """Groups entries into statistical ties. Entries are sorted from best to worst.

    The first entry leads group 1. Each following entry joins the current group, unless it differs significantly from
    the group's *leader*; then it leads the next group. P-values are corrected by Holm's method for all comparisons with
    the same leader. Comparing with the leader prevents a chain of small steps from tying the best to the worst. An
    entry that was compared with nothing is in no group: that it was not tested does not make it a tie.

    Args:
        count: number of entries.
        comparison: compares a leader with a lower entry; None if they cannot be compared.

    Returns:
        The group number of each entry, from 1; None for an entry that was compared with nothing.
    """
    groups: list[int | None] = [None] * count
    separable: dict[int, bool] = {}
    number = 0
    for place in range(count):
        if number and not separable.get(place):
            groups[place] = number if place in separable else None
            continue
        values = {
            other: 1.0 if found.p_value is None else found.p_value
            for other in range(place + 1, count)
            if (found := comparison(place, other)) is not None
        }
        if values or number:
            number += 1
            groups[place] = number
            separable = {other: value < ALPHA for other, value in zip(values, holm(list(values.values())), strict=True)}
    return groups


@dataclass(frozen=True)
class McNemar:
    """Result of McNemar's test: clips that only one of two models predicts correctly.

    It is descriptive only, because the test assumes independent clips, and clips of one speaker are not independent.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(y_true: ArrayLike, first: ArrayLike, second: ArrayLike, classes: int) -> McNemar:
    """Computes McNemar's exact test for two sets of predictions on the same clips (Psychometrika 12, 1947, 153-157).

    The test treats clips as independent although clips of one speaker resemble each other. Its p-value is therefore too
    small for a claim about new speakers.

    Args:
        y_true: (n,) class indices.
        first: (n, C) probabilities or (n,) class indices.
        second: predictions of the other model, as `first`.
        classes: number of classes C.
    """
    true = np.asarray(y_true)
    right = [predicted_classes(guess, classes) == true for guess in (first, second)]
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    unlike = only_first + only_second
    p_value = float(stats.binomtest(only_first, unlike).pvalue) if unlike else 1.0
    return McNemar(only_first, only_second, p_value)
