"""Speaker recognition from the study's features: what a model could exploit if training and test share speakers.

Each clip is summarised by the mean and the standard deviation of its features over time. A linear discriminant analysis
with Ledoit-Wolf shrinkage is trained on a random half of each speaker's clips and tested on the other half. This is a
weak speaker recogniser; a stronger one would score higher.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from serbench.audit.features import audit_features
from serbench.audit.finding import AuditFinding, Cell
from serbench.corpora import UNKNOWN_SPEAKER
from serbench.features import FeatureSpec
from serbench.protocols import SplitPlan
from serbench.records import StepProgress, StudyRecord

__all__ = ["SpeakerRecognition", "clip_summaries", "recognise_speakers", "speaker_recognition", "speakers_finding"]

_BLOCK_CLIPS = 256
_HALVES = 0x4A1F  # a random stream apart from those of the study's seed tree


@dataclass(frozen=True)
class SpeakerRecognition:
    """Result of the speaker recognition.

    Attributes:
        accuracy: fraction of the tested clips whose speaker was recognised.
        chance: accuracy of always naming the speaker with the most tested clips.
        speakers: number of speakers.
        clips: number of tested clips.
    """

    accuracy: float
    chance: float
    speakers: int
    clips: int


def clip_summaries(features: NDArray[np.float32], time_axis: int | None) -> NDArray[np.float64]:
    """Computes mean and standard deviation of each clip's features over time, padding included as in training.

    Args:
        features: (n, *shape), features of a front end. A memory map is read block by block.
        time_axis: time axis of one clip's features; None if they have none.

    Returns:
        (n, 2 x features), or the flattened features (n, features) without a time axis.
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


def recognise_speakers(
    summaries: ArrayLike, speakers: ArrayLike, rng: np.random.Generator
) -> SpeakerRecognition | None:
    """Trains a speaker classifier on half of each speaker's clips and tests it on the other half.

    Args:
        summaries: (n, d), one row per training clip: see `clip_summaries`.
        speakers: (n,), speaker of each clip.
        rng: draws the halves.

    Returns:
        The accuracy; None if fewer than two speakers have two or more clips.

    Raises:
        ValueError: the shapes of `summaries` and `speakers` do not match.
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
    # A constant feature has no information and would make the covariance matrix singular.
    scaled = scaled[:, spread > 0]
    if not scaled.shape[1]:
        return SpeakerRecognition(
            float(counts.max() / counts.sum()), float(counts.max() / counts.sum()), len(people), len(tested)
        )
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(scaled[learnt], who[learnt])
    right = model.predict(scaled[tested]) == who[tested]
    return SpeakerRecognition(float(right.mean()), float(counts.max() / counts.sum()), len(people), len(tested))


def _halves(who: NDArray[np.generic], rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Returns the rows to train on and the rows to test on; of an odd number of clips, one more is trained on."""
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


def speaker_recognition(
    clips: pd.DataFrame, plan: SplitPlan, record: StudyRecord, progress: StepProgress, *, shares_speakers: bool
) -> AuditFinding:
    """Reports how well a linear classifier recognises the training speakers that are known from the study's features.

    Args:
        clips: clip table with `speaker` and `path`.
        plan: split plan of the study.
        record: record of the study.
        progress: receives the progress of feature extraction.
        shares_speakers: whether the protocol has speakers in both training and test set.
    """
    spec = FeatureSpec.model_validate(record.features)
    train = np.array(plan.core_split.train)
    train = train[(clips["speaker"] != UNKNOWN_SPEAKER).to_numpy()[train]]  # they may be several people
    summaries = clip_summaries(audit_features(clips, spec, progress), spec.front_end.time_axis)[train]
    speakers = clips["speaker"].to_numpy()[train]
    rng = np.random.default_rng([_HALVES, record.seed])
    return speakers_finding(recognise_speakers(summaries, speakers, rng), shares_speakers=shares_speakers)


def speakers_finding(recognition: SpeakerRecognition | None, *, shares_speakers: bool) -> AuditFinding:
    """Reports how well the features identify speakers, and whether the protocol lets a model profit from that.

    Args:
        recognition: result of `recognise_speakers`.
        shares_speakers: whether the protocol has speakers in both training and test set.
    """
    check = "speakers in the features"
    if recognition is None:
        return AuditFinding(
            check=check, level="skipped", verdict="not checked: fewer than two training speakers have two or more clips"
        )
    numbers: dict[str, Cell] = {
        "accuracy": recognition.accuracy,
        "chance": recognition.chance,
        "speakers": recognition.speakers,
        "clips": recognition.clips,
    }
    summary = (
        f"a linear classifier recognises the speaker of {100 * recognition.accuracy:.1f} % of held-out clips "
        f"({recognition.speakers} speakers; by always naming the most frequent one: {100 * recognition.chance:.1f} %)"
    )
    if recognition.accuracy <= 2 * recognition.chance:
        verdict = f"{summary}: the features say little about who speaks"
        return AuditFinding(check=check, level="ok", verdict=verdict, numbers=numbers)
    if shares_speakers:
        verdict = f"{summary}; this protocol tests on training speakers, so the score may profit from recognising them"
        return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers)
    verdict = f"{summary}; this protocol keeps speakers apart, so that does not raise the score"
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)
