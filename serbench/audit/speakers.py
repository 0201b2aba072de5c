"""Can a stranger tell the speakers from the features? What a split that shares speakers would let a model learn.

Each clip is summarised by the mean and the standard deviation of its features over time; a linear discriminant with
Ledoit and Wolf's shrinkage learns the speakers from a random half of each one's clips and is tested on the other half.
That is no strong speaker recogniser, which makes a high score the more telling.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from serbench.audit.features import audit_features
from serbench.audit.finding import AuditFinding, Cell
from serbench.features import FeatureSpec
from serbench.protocols import SplitPlan
from serbench.records import StepProgress, StudyRecord

__all__ = ["SpeakerTelling", "clip_summaries", "speaker_telling", "speakers_finding", "tell_speakers"]

_BLOCK_CLIPS = 256
_HALVES = 0x4A1F  # a stream of its own, beside those of the study's seed tree


@dataclass(frozen=True)
class SpeakerTelling:
    """How well speakers were told apart.

    Attributes:
        accuracy: fraction of the tested clips whose speaker was named.
        chance: the same for always naming the speaker with most tested clips.
        speakers: how many there were to choose from.
        clips: tested.
    """

    accuracy: float
    chance: float
    speakers: int
    clips: int


def clip_summaries(features: NDArray[np.float32], time_axis: int | None) -> NDArray[np.float64]:
    """Mean and standard deviation over the frames, padding included, as a model sees it.

    Args:
        features: (n, *shape) of a front end; a memory map is read in parts.
        time_axis: the axis of one clip's features that runs over time; None where there is none.

    Returns:
        (n, 2 x features), or (n, features) where there is no time.
    """
    if time_axis is None:
        return np.asarray(features, dtype=np.float64).reshape(len(features), -1)
    axis = 1 + time_axis
    parts = []
    for start in range(0, len(features), _BLOCK_CLIPS):
        block = np.asarray(features[start : start + _BLOCK_CLIPS], dtype=np.float64)
        summary = np.stack([block.mean(axis=axis), block.std(axis=axis)], axis=1)
        parts.append(summary.reshape(len(block), -1))
    return np.concatenate(parts)


def tell_speakers(summaries: ArrayLike, speakers: ArrayLike, rng: np.random.Generator) -> SpeakerTelling | None:
    """Learns the speakers from half of each one's clips and names those of the other half.

    Args:
        summaries: (n, d), of the training clips: see `clip_summaries`.
        speakers: (n,) of the same clips.
        rng: chooses the halves.

    Returns:
        None where fewer than two speakers have two clips or more.

    Raises:
        ValueError: arrays do not fit one another.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    given, who = np.asarray(summaries, dtype=np.float64), np.asarray(speakers)
    if given.ndim != 2 or who.shape != given.shape[:1]:
        raise ValueError(f"summaries of shape {given.shape} do not fit {who.shape} speakers")
    learnt, tested = _halves(who, rng)
    people, counts = np.unique(who[tested], return_counts=True)
    if len(people) < 2:
        return None
    spread = given[learnt].std(axis=0)
    scaled = (given - given[learnt].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # What never varies carries nothing, and would make the covariance singular.
    scaled = scaled[:, spread > 0]
    if not scaled.shape[1]:
        return SpeakerTelling(
            float(counts.max() / counts.sum()), float(counts.max() / counts.sum()), len(people), len(tested)
        )
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(scaled[learnt], who[learnt])
    right = model.predict(scaled[tested]) == who[tested]
    return SpeakerTelling(float(right.mean()), float(counts.max() / counts.sum()), len(people), len(tested))


def _halves(who: NDArray[np.generic], rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to learn from and rows to test on; of an odd number of clips one more is learnt from."""
    learnt, tested = [], []
    for person in np.unique(who):
        rows = rng.permutation(np.flatnonzero(who == person))
        if len(rows) > 1:
            cut = (len(rows) + 1) // 2
            learnt.append(rows[:cut])
            tested.append(rows[cut:])
    if not learnt:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    return np.concatenate(learnt), np.concatenate(tested)


def speaker_telling(clips: pd.DataFrame, plan: SplitPlan, record: StudyRecord, progress: StepProgress) -> AuditFinding:
    """How well a linear rule tells the training speakers by the study's own features."""
    spec = FeatureSpec.model_validate(record.features)
    train = np.array(plan.split(plan.cores).train)
    summaries = clip_summaries(audit_features(clips, spec, progress), spec.front_end.time_axis)[train]
    speakers = clips["speaker"].to_numpy()[train]
    rng = np.random.default_rng([_HALVES, record.seed])
    return speakers_finding(tell_speakers(summaries, speakers, rng), shares_speakers=record.protocol.shares_speakers)


def speakers_finding(telling: SpeakerTelling | None, *, shares_speakers: bool) -> AuditFinding:
    """What the features give away about speakers, and whether the protocol lets a model use it.

    Args:
        telling: of `tell_speakers`.
        shares_speakers: whether the protocol tests speakers that it trains on.
    """
    check = "speakers in the features"
    if telling is None:
        return AuditFinding(
            check=check, level="skipped", verdict="not tried: fewer than two training speakers have two clips or more"
        )
    numbers: dict[str, Cell] = {
        "accuracy": telling.accuracy,
        "chance": telling.chance,
        "speakers": telling.speakers,
        "clips": telling.clips,
    }
    said = (
        f"a linear rule names the speaker of {100 * telling.accuracy:.1f} % of unheard clips among {telling.speakers} "
        f"(by chance {100 * telling.chance:.1f} %)"
    )
    if telling.accuracy <= 2 * telling.chance:
        return AuditFinding(check=check, level="ok", verdict=f"{said}: the features hide who speaks", numbers=numbers)
    if shares_speakers:
        verdict = f"{said}, and this protocol tests speakers that it trains on, so the score may owe to knowing them"
        return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers)
    verdict = f"{said}; this protocol keeps speakers apart, so that does not help the score"
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)
