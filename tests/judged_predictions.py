"""Intervals and comparisons of predictions, which the package computes from counts."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from serbench.evaluation import Interval, PairedComparison, SpeakerRecalls, compare_recalls, recalls_interval

__all__ = ["comparison_of", "interval_of"]


def interval_of(
    true: ArrayLike, predictions: Sequence[ArrayLike], speakers: ArrayLike, labels: Sequence[str]
) -> tuple[Interval | None, str]:
    """The interval of the mean UAR over refits, of one array of predictions each."""
    return recalls_interval(SpeakerRecalls.count(true, predictions, speakers, len(labels)), labels)


def comparison_of(
    true: ArrayLike,
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    speakers: ArrayLike,
    labels: Sequence[str],
) -> tuple[PairedComparison | None, str]:
    """The comparison of two entries, of one array of predictions a refit each."""
    one, other = (SpeakerRecalls.count(true, guesses, speakers, len(labels)) for guesses in (first, second))
    return compare_recalls(one, other, labels)
