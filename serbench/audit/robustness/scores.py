"""`Robustness`: how much an entry's score falls under noise, in rooms, through codecs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from serbench.corpora import UNKNOWN_SPEAKER
from serbench.evaluation import SpeakerRecalls, compare_same_models, evaluate, holm
from serbench.records import FrozenModel

__all__ = ["PLAIN", "Altered", "ConditionScore", "Judged", "Robustness", "Where", "score_conditions"]

Where = Literal["validation", "test"]

_Finite = Annotated[float, Field(allow_inf_nan=False)]

PLAIN = "unaltered"
"""Key of the clips as they are, with which all other conditions are compared."""


class ConditionScore(FrozenModel):
    """Scores of one condition. Scores and shares are fractions, means over runs."""

    condition: str = Field(description="key of the condition; 'unaltered' for the clips as they are")
    title: str
    group: str = Field(description="kind of condition, such as 'white noise'")
    not_measured: str = Field(default="", description="why it was not measured; '' if it was")
    through: str = Field(default="", description="program that encoded the clips")
    uar: _Finite | None = None
    loss: _Finite | None = Field(default=None, description="UAR of the unaltered clips minus this one")
    low: float | None = Field(default=None, description="95 % interval of the loss, paired over speakers")
    high: float | None = None
    p_value: float | None = Field(default=None, description="of the loss, Holm-corrected over all conditions")
    recalls: tuple[_Finite | None, ...] = Field(default=(), description="of each label; None without clips")
    answers: tuple[_Finite, ...] = Field(default=(), description="share of all answers that each label gets")
    gains: str | None = Field(default=None, description="label that gets most answers more than before")
    gained: float | None = Field(default=None, description="how many more, as a share of all answers")
    suffers: str | None = Field(default=None, description="label whose recall falls most")
    suffered: float | None = Field(default=None, description="by how much its recall falls")


class Robustness(FrozenModel):
    """Scores of one entry under all conditions, on the same clips. The first condition is the unaltered one."""

    on: Where
    answered_by: str = Field(description="which networks answered, in words")
    runs: int
    clips: int
    clips_known: int = Field(description="clips that could have been judged; `clips` are drawn from them")
    speakers: int
    labels: tuple[str, ...]
    no_interval: str = Field(default="", description="why there are no intervals; '' if there are")
    repeats: float = Field(description="largest difference from the recorded probabilities of the unaltered clips")
    seed: int
    conditions: tuple[ConditionScore, ...]
    serbench: str
    created: str

    @model_validator(mode="after")
    def _conditions_fit_the_labels(self) -> Self:
        """Refuses what tables and figures cannot show: somebody else may have written the record."""
        if not self.conditions or self.conditions[0].not_measured:
            raise ValueError("the first condition must be the unaltered clips")
        for one in self.conditions:
            fitting = {len(self.labels), 0} if one.not_measured else {len(self.labels)}
            if not {len(one.recalls), len(one.answers)} <= fitting:
                raise ValueError(f"condition '{one.condition}' has not one recall and one share for each label")
            if not {one.gains, one.suffers} <= {None, *self.labels}:
                raise ValueError(f"condition '{one.condition}' names a label that was not judged")
        return self

    @property
    def plain(self) -> ConditionScore:
        """Scores of the clips as they are."""
        return self.conditions[0]

    @property
    def measured(self) -> tuple[ConditionScore, ...]:
        """The measured conditions besides the unaltered one."""
        return tuple(one for one in self.conditions[1:] if not one.not_measured)

    @property
    def left_out(self) -> tuple[ConditionScore, ...]:
        """The conditions that could not be measured."""
        return tuple(one for one in self.conditions if one.not_measured)

    @property
    def worst(self) -> ConditionScore | None:
        """The condition with the largest loss; None if nothing was measured."""
        return max(self.measured, key=lambda one: one.loss or 0.0, default=None)


@dataclass(frozen=True)
class Altered:
    """The answers under one condition.

    Attributes:
        condition: key of the condition.
        title: its name for people.
        group: its kind.
        answers: (runs, clips, labels) probabilities; None if it was not measured.
        not_measured: why not.
        through: program that encoded the clips.
    """

    condition: str
    title: str
    group: str
    answers: NDArray[np.float32] | None
    not_measured: str = ""
    through: str = ""


@dataclass(frozen=True)
class Judged:
    """The clips that are judged.

    Attributes:
        true: (clips,) class indices.
        speakers: (clips,) speaker of each clip.
        labels: the class names.
    """

    true: NDArray[np.int64]
    speakers: Sequence[str]
    labels: tuple[str, ...]


def score_conditions(altered: Sequence[Altered], judged: Judged) -> tuple[tuple[ConditionScore, ...], str]:
    """Scores all conditions, and compares each with the first, which holds the clips as they are.

    Args:
        altered: the conditions; the first is measured.
        judged: the clips.

    Returns:
        One score a condition, and why there are no intervals ('' if there are).
    """
    plain = altered[0].answers
    if plain is None:
        raise ValueError("the unaltered clips have no answers")
    before = _Counts.of(plain, judged)
    scores, why_not = [_plain(altered[0], before)], ""
    for one in altered[1:]:
        if one.answers is None:
            scores.append(_named(one))
            continue
        after = _Counts.of(one.answers, judged)
        if UNKNOWN_SPEAKER in judged.speakers:
            compared, why_not = None, "no interval: the speakers of some clips are unknown"
        else:
            compared, why_not = compare_same_models(before.recalls, after.recalls, judged.labels)
        score = _compared(one, before, after, judged.labels)
        if compared is not None:
            p_value = 1.0 if compared.p_value is None else compared.p_value
            score = score.model_copy(update={"low": compared.low, "high": compared.high, "p_value": p_value})
        scores.append(score)
    return _corrected(scores), why_not


@dataclass(frozen=True)
class _Counts:
    """What is counted of the answers of all runs."""

    recalls: SpeakerRecalls
    of_labels: NDArray[np.float64]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, answers: NDArray[np.float32], judged: Judged) -> _Counts:
        labels = len(judged.labels)
        guesses = answers.argmax(axis=2)
        matrix = np.sum([evaluate(judged.true, guess, judged.labels).confusion for guess in guesses], axis=0)
        with np.errstate(invalid="ignore"):
            of_labels = np.diagonal(matrix) / matrix.sum(axis=1)
        recalls = SpeakerRecalls.count(judged.true, list(guesses), judged.speakers, labels)
        return cls(recalls, of_labels, matrix.sum(axis=0) / matrix.sum())

    @property
    def uar(self) -> float:
        """Mean recall over the labels that have clips."""
        return float(np.nanmean(self.of_labels))


def _named(one: Altered) -> ConditionScore:
    return ConditionScore(
        condition=one.condition, title=one.title, group=one.group, not_measured=one.not_measured, through=one.through
    )


def _plain(one: Altered, counts: _Counts) -> ConditionScore:
    return _named(one).model_copy(
        update={"uar": counts.uar, "recalls": _recalls(counts), "answers": tuple(map(float, counts.shares))}
    )


def _compared(one: Altered, before: _Counts, after: _Counts, labels: tuple[str, ...]) -> ConditionScore:
    more, fallen = after.shares - before.shares, before.of_labels - after.of_labels
    gains, suffers = int(more.argmax()), int(np.nanargmax(fallen))
    return _plain(one, after).model_copy(
        update={
            "loss": before.uar - after.uar,
            "gains": labels[gains] if more[gains] > 0 else None,
            "gained": float(more[gains]) if more[gains] > 0 else None,
            "suffers": labels[suffers] if fallen[suffers] > 0 else None,
            "suffered": float(fallen[suffers]) if fallen[suffers] > 0 else None,
        }
    )


def _recalls(counts: _Counts) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(one) else float(one) for one in counts.of_labels)


def _corrected(scores: Sequence[ConditionScore]) -> tuple[ConditionScore, ...]:
    """Corrects the p-values for the number of conditions."""
    tested = [one.p_value for one in scores if one.p_value is not None]
    corrected = iter(holm(tested))
    return tuple(one if one.p_value is None else one.model_copy(update={"p_value": next(corrected)}) for one in scores)
