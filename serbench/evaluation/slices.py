"""Scores of slices of a test set, and whether they differ by more than chance.

A slice holds the clips with one value of an attribute, e.g. one sex or one sentence. Slices are compared by mean recall
over the classes that every slice has, since mean recalls over different classes are not comparable.

The difference is tested by permuting the attribute; see `serbench.evaluation.slice_permutation`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serbench.evaluation.intervals import MIN_SPEAKERS, Interval, recalls_interval
from serbench.evaluation.jackknife import SpeakerRecalls
from serbench.evaluation.metrics import predicted_classes
from serbench.evaluation.paired import holm
from serbench.evaluation.slice_permutation import permute_clips, permute_speakers

__all__ = ["Attribute", "AttributeSlices", "Slice", "judge_slices", "slice_scores"]

DRAWS = 2000
"""Default number of permutations."""


@dataclass(frozen=True)
class Attribute:
    """An attribute of clips, such as the sex of the speaker.

    Attributes:
        name: e.g. 'sex'.
        values: (n,) value of each clip; None if unknown.
        order: the order in which values are shown. Values not listed here follow in alphabetical order.
    """

    name: str
    values: tuple[str | None, ...]
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slice:
    """Scores on the clips with one value of an attribute. Scores are fractions and means over refits.

    Attributes:
        value: the value.
        clips: number of clips.
        speakers: number of speakers.
        accuracy: over all clips of the slice.
        recall: mean recall over the compared classes; None if no class is in every slice.
        interval: 95 % confidence interval of `recall` (speaker jackknife), or None.
        no_interval: the reason why there is no interval, in one sentence; empty if there is one.
    """

    value: str
    clips: int
    speakers: int
    accuracy: float
    recall: float | None
    interval: Interval | None
    no_interval: str


@dataclass(frozen=True)
class AttributeSlices:
    """The slices of one attribute, and whether they differ.

    Attributes:
        attribute: name of the attribute.
        slices: one for each value that has clips.
        classes: the classes that every slice has; only these are compared.
        unknown: number of clips with an unknown value; they are in no slice.
        of_speakers: whether each speaker has only one value.
        speakers: number of speakers in all slices together.
        gap: largest minus smallest `recall`; None if fewer than two slices can be compared.
        by_chance: 95th percentile of the gap if the attribute were unrelated to the errors.
        p_value: of the permutation test, not corrected.
        corrected: the p-value, corrected by Holm's method for all attributes that are tested together; None if too few
            speakers have the attribute for a test.
    """

    attribute: str
    slices: tuple[Slice, ...]
    classes: tuple[str, ...]
    unknown: int
    of_speakers: bool
    speakers: int
    gap: float | None = None
    by_chance: float | None = None
    p_value: float | None = None
    corrected: float | None = None

    def without_tests(self) -> AttributeSlices:
        """The same scores without intervals and p-values, for results that are given neither."""
        bare = tuple(replace(one, interval=None, no_interval="") for one in self.slices)
        return replace(self, slices=bare, by_chance=None, p_value=None, corrected=None)


def slice_scores(
    y_true: ArrayLike,
    predictions: Sequence[ArrayLike],
    speakers: ArrayLike,
    labels: Sequence[str],
    attribute: Attribute,
) -> AttributeSlices:
    """Scores the slices of one attribute, without testing whether they differ.

    Args:
        y_true: (n,) class indices into `labels`.
        predictions: one element for each refit, all of the same clips: (n, C) probabilities or (n,) class indices.
        speakers: (n,) speaker of each clip.
        labels: the C class names.
        attribute: the attribute, with n values.

    Raises:
        ValueError: the arrays have different lengths, there is no refit, or no clip has a value.
    """
    return _SlicedTestSet.of(y_true, predictions, speakers, labels, attribute).scores()


def judge_slices(
    y_true: ArrayLike,
    predictions: Sequence[ArrayLike],
    speakers: ArrayLike,
    labels: Sequence[str],
    attributes: Sequence[Attribute],
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
) -> tuple[AttributeSlices, ...]:
    """Scores the slices of several attributes and tests for each whether the slices differ.

    Args:
        y_true: (n,) class indices into `labels`.
        predictions: one element for each refit, as in `slice_scores`.
        speakers: (n,) speaker of each clip.
        labels: the C class names.
        attributes: all attributes whose p-values are corrected together.
        rng: draws the permutations.
        draws: number of permutations.

    Returns:
        One result for each attribute, in the given order.

    Raises:
        ValueError: as in `slice_scores`.
    """
    found = []
    for attribute in attributes:
        cut = _SlicedTestSet.of(y_true, predictions, speakers, labels, attribute)
        scores = cut.scores()
        if scores.gap is not None:
            null = cut.chance_gaps(rng, draws)
            # Sums in a different order differ in the last digits; equal gaps must still count as equal.
            reached = int((null >= scores.gap - 1e-9).sum())
            by_chance, p_value = float(np.quantile(null, 0.95)), (reached + 1) / (draws + 1)
            scores = replace(scores, by_chance=by_chance, p_value=p_value)
        found.append(scores)
    tested = [
        (place, one.p_value)
        for place, one in enumerate(found)
        if one.p_value is not None and (not one.of_speakers or one.speakers >= MIN_SPEAKERS)
    ]
    corrected = dict(zip((place for place, _ in tested), holm([value for _, value in tested]), strict=True))
    return tuple(replace(scores, corrected=corrected.get(place)) for place, scores in enumerate(found))


@dataclass(frozen=True, eq=False)
class _SlicedTestSet:
    """A test set divided into K slices. The arrays hold the m clips with a known value.

    Attributes:
        true: (m,) class indices.
        guesses: (R, m) predicted class indices.
        speakers: (m,) speaker indices.
        slices: (m,) indices into `values`.
        values: the K values.
    """

    attribute: Attribute
    labels: tuple[str, ...]
    values: tuple[str, ...]
    true: NDArray[np.int64]
    guesses: NDArray[np.int64]
    speakers: NDArray[np.int64]
    slices: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        y_true: ArrayLike,
        predictions: Sequence[ArrayLike],
        speakers: ArrayLike,
        labels: Sequence[str],
        attribute: Attribute,
    ) -> _SlicedTestSet:
        true, who = np.asarray(y_true), np.asarray(speakers)
        if len(predictions) == 0:
            raise ValueError("there is no refit to judge")
        guesses = np.stack([predicted_classes(guess, len(labels)) for guess in predictions])
        lengths = {len(true), len(who), len(attribute.values), guesses.shape[1]}
        if len(lengths) != 1:
            raise ValueError(
                f"labels, predictions, speakers and values of {attribute.name} differ in length: {lengths}"
            )
        known = np.array([value is not None for value in attribute.values])
        present = {value for value in attribute.values if value is not None}
        if not present:
            raise ValueError(f"no clip has a value of {attribute.name}")
        values = [value for value in attribute.order if value in present]
        values += sorted(present - set(values))
        place = {value: index for index, value in enumerate(values)}
        _, owners = np.unique(who[known], return_inverse=True)
        return cls(
            attribute,
            tuple(labels),
            tuple(values),
            true[known].astype(np.int64),
            guesses[:, known],
            owners.astype(np.int64),
            np.array([place[value] for value in attribute.values if value is not None], dtype=np.int64),
        )

    @functools.cached_property
    def support(self) -> NDArray[np.int64]:
        """Number of clips of each slice and class, shape (K, C)."""
        shape = (len(self.values), len(self.labels))
        counts = np.bincount(self.slices * shape[1] + self.true, minlength=shape[0] * shape[1])
        return counts.astype(np.int64).reshape(shape)

    @functools.cached_property
    def classes(self) -> NDArray[np.intp]:
        """Indices of the classes that every slice has."""
        return np.flatnonzero((self.support > 0).all(axis=0))

    @functools.cached_property
    def of_speakers(self) -> bool:
        pairs = np.unique(np.stack([self.speakers, self.slices]), axis=1)
        return bool(pairs.shape[1] == len(np.unique(self.speakers)))

    def scores(self) -> AttributeSlices:
        slices = tuple(self._slice(place) for place in range(len(self.values)))
        recalls = [part.recall for part in slices if part.recall is not None]
        return AttributeSlices(
            self.attribute.name,
            slices,
            tuple(self.labels[index] for index in self.classes),
            len(self.attribute.values) - len(self.true),
            self.of_speakers,
            len(np.unique(self.speakers)),
            max(recalls) - min(recalls) if len(recalls) > 1 else None,
        )

    def _slice(self, place: int) -> Slice:
        inside = self.slices == place
        right = self.guesses[:, inside] == self.true[inside]
        recall, interval, reason = None, None, "no interval: no class has clips in every slice"
        if len(self.classes):
            # Speakers without a clip of the compared classes do not contribute to this score.
            judged = inside & np.isin(self.true, self.classes)
            counts = SpeakerRecalls.count(
                self.true[judged], list(self.guesses[:, judged]), self.speakers[judged], len(self.labels)
            )
            counts = SpeakerRecalls(counts.correct[..., self.classes], counts.support[..., self.classes])
            recall = float(counts.per_refit().mean())
            interval, reason = recalls_interval(counts, [self.labels[index] for index in self.classes])
        clips, people = int(inside.sum()), len(np.unique(self.speakers[inside]))
        return Slice(self.values[place], clips, people, float(right.mean()), recall, interval, reason)

    def chance_gaps(self, rng: np.random.Generator, draws: int) -> NDArray[np.float64]:
        """Gaps if the attribute were unrelated to the errors, shape (draws,)."""
        judged = np.isin(self.true, self.classes)
        right = (self.guesses[:, judged] == self.true[judged]).mean(axis=0)
        true = np.searchsorted(self.classes, self.true[judged])
        who = np.unique(self.speakers[judged], return_inverse=True)[1]
        permute = permute_speakers if self.of_speakers else permute_clips
        return permute(right, true, who, self.slices[judged], (len(self.values), len(self.classes)), rng, draws)
