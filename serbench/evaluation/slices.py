"""Scores of parts of a test core, and whether they differ by more than chance: pure functions.

A part (slice) is the clips of one value of an attribute: of one sex, one sentence. The classes compared are those that
every slice has, since a mean recall over other classes is another score.

Whether slices differ is judged against errors that have nothing to do with the attribute, dealt out by
`serbench.evaluation.slice_permutation`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serbench.evaluation.intervals import Interval, recalls_interval
from serbench.evaluation.jackknife import SpeakerRecalls
from serbench.evaluation.metrics import predicted_classes
from serbench.evaluation.paired import holm
from serbench.evaluation.slice_permutation import permute_clips, permute_speakers

__all__ = ["Attribute", "AttributeSlices", "Slice", "judge_slices", "slice_scores"]

DRAWS = 2000


@dataclass(frozen=True)
class Attribute:
    """Something that is known of clips.

    Attributes:
        name: e.g. 'sex'.
        values: (n,) of each clip; None where it is not known.
        order: of the values, as people would list them; those not named follow in alphabetical order.
    """

    name: str
    values: tuple[str | None, ...]
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slice:
    """The clips of one value. Scores are fractions, means over refits.

    Attributes:
        value: of the attribute.
        clips: that have it.
        speakers: who said them.
        accuracy: over all its clips.
        recall: mean recall over the classes compared; None where no class is in every slice.
        interval: of `recall`, by the speaker jackknife; None where `no_interval` says why.
        no_interval: one sentence, or empty.
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
    """All slices of one attribute, and whether they differ.

    Attributes:
        attribute: its name.
        slices: one for each value that has clips.
        classes: those that every slice has.
        unknown: clips whose value is not known; they are in no slice.
        of_speakers: whether each speaker has one value only.
        speakers: who are in any slice.
        gap: largest minus smallest `recall`; None where fewer than two slices can be compared.
        by_chance: the gap that errors unrelated to the attribute exceed in 5 % of draws.
        p_value: how often such errors reach the gap; not corrected.
        corrected: the same, by Holm's rule for all the attributes judged together.
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


def slice_scores(
    y_true: ArrayLike,
    predictions: Sequence[ArrayLike],
    speakers: ArrayLike,
    labels: Sequence[str],
    attribute: Attribute,
    *,
    level: float = 0.95,
) -> AttributeSlices:
    """Scores the slices of one attribute, without asking whether they differ.

    Args:
        y_true: (n,) class indices into `labels`.
        predictions: one element a refit, each (n, C) probabilities or (n,) class indices, of the same clips.
        speakers: (n,) the clips' speakers.
        labels: the C class names.
        attribute: with n values.
        level: of the intervals.

    Raises:
        ValueError: arrays do not fit one another, there is no refit, or no clip has a value.
    """
    return _SlicedTestSet.of(y_true, predictions, speakers, labels, attribute).scores(level)


def judge_slices(
    y_true: ArrayLike,
    predictions: Sequence[ArrayLike],
    speakers: ArrayLike,
    labels: Sequence[str],
    attributes: Sequence[Attribute],
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
    level: float = 0.95,
) -> tuple[AttributeSlices, ...]:
    """Scores the slices of several attributes and compares the gap of each with what chance would make of it.

    Args:
        y_true: as of `slice_scores`, and so are the next four.
        predictions: one element a refit.
        speakers: (n,).
        labels: the C class names.
        attributes: all of those whose p-values are corrected together.
        rng: deals the errors out.
        draws: how often.
        level: of the intervals.

    Returns:
        One for each attribute, in their order.

    Raises:
        ValueError: as of `slice_scores`.
    """
    found = []
    for attribute in attributes:
        cut = _SlicedTestSet.of(y_true, predictions, speakers, labels, attribute)
        scores = cut.scores(level)
        if scores.gap is not None:
            null = cut.chance_gaps(rng, draws)
            # Sums in another order differ in their last digits: equal gaps must count as equal.
            reached = int((null >= scores.gap - 1e-9).sum())
            by_chance, p_value = float(np.quantile(null, 0.95)), (reached + 1) / (draws + 1)
            scores = replace(scores, by_chance=by_chance, p_value=p_value)
        found.append(scores)
    corrected = iter(holm([scores.p_value for scores in found if scores.p_value is not None]))
    return tuple(scores if scores.p_value is None else replace(scores, corrected=next(corrected)) for scores in found)


@dataclass(frozen=True, eq=False)
class _SlicedTestSet:
    """A test core cut into K slices. Arrays are of the clips that have a value.

    Attributes:
        true: (m,) class indices.
        guesses: (R, m) predicted class indices.
        speakers: (m,) indices.
        slices: (m,) indices into `values`.
        values: K names.
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
        """(K, C) clips."""
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

    def scores(self, level: float) -> AttributeSlices:
        slices = tuple(self._slice(place, level) for place in range(len(self.values)))
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

    def _slice(self, place: int, level: float) -> Slice:
        inside = self.slices == place
        right = self.guesses[:, inside] == self.true[inside]
        recall, interval, reason = None, None, "no interval: no class has clips in every slice"
        if len(self.classes):
            # Speakers without a clip of the classes compared are no evidence of this score.
            judged = inside & np.isin(self.true, self.classes)
            counts = SpeakerRecalls.count(
                self.true[judged], list(self.guesses[:, judged]), self.speakers[judged], len(self.labels)
            )
            counts = SpeakerRecalls(counts.correct[..., self.classes], counts.support[..., self.classes])
            recall = float(counts.per_refit().mean())
            interval, reason = recalls_interval(counts, [self.labels[index] for index in self.classes], level=level)
        clips, people = int(inside.sum()), len(np.unique(self.speakers[inside]))
        return Slice(self.values[place], clips, people, float(right.mean()), recall, interval, reason)

    def chance_gaps(self, rng: np.random.Generator, draws: int) -> NDArray[np.float64]:
        """(draws,) gaps of errors that have nothing to do with the attribute."""
        judged = np.isin(self.true, self.classes)
        right = (self.guesses[:, judged] == self.true[judged]).mean(axis=0)
        true = np.searchsorted(self.classes, self.true[judged])
        who = np.unique(self.speakers[judged], return_inverse=True)[1]
        deal = permute_speakers if self.of_speakers else permute_clips
        return deal(right, true, who, self.slices[judged], (len(self.values), len(self.classes)), rng, draws)
