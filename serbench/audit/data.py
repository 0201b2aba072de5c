"""What a study's audio itself says: copies across the subsets, and speakers in the features."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.audit.duplicates import (
    FINGERPRINT_SPEC,
    THRESHOLD,
    Fingerprints,
    exact_duplicates,
    near_duplicates,
    parts_of,
)
from serbench.audit.finding import Finding
from serbench.audit.speakers import clip_summaries, tell_speakers
from serbench.audit.verdicts import exact_finding, near_finding, speakers_finding
from serbench.corpora.folders import cache_root
from serbench.features.spec import FeatureSpec
from serbench.features.store import FeatureStore
from serbench.protocols import SplitPlan
from serbench.records.schemas import ProtocolFacts, StudyRecord

__all__ = ["duplicate_findings", "speaker_telling"]

Progress = Callable[[str, int, int], None]

_HALVES = 0x4A1F  # a stream of its own, beside those of the study's seed tree


def duplicate_findings(
    clips: pd.DataFrame, plan: SplitPlan, protocol: ProtocolFacts, progress: Progress
) -> Iterator[Finding]:
    """Whether audio is in more than one subset, exactly or as an altered copy.

    Under a folded protocol every clip is tested by someone who trained on other speakers: the speakers are
    its subsets.
    """
    names = clips["clip_id"].tolist()
    if protocol.folds > 1:
        parts: tuple[str | None, ...] = tuple(f"speaker {speaker}" for speaker in clips["speaker"])
    else:
        parts = parts_of(plan.split(plan.cores), len(clips))
    yield exact_finding(exact_duplicates(clips["digest"].tolist(), parts), names, parts)
    features = _features(clips, FINGERPRINT_SPEC, progress)
    yield near_finding(near_duplicates(Fingerprints.of(features), parts), names, parts, THRESHOLD)


def speaker_telling(clips: pd.DataFrame, plan: SplitPlan, record: StudyRecord, progress: Progress) -> Finding:
    """How well a linear rule tells the training speakers by the study's own features."""
    spec = FeatureSpec.model_validate(record.features)
    train = np.array(plan.split(plan.cores).train)
    summaries = clip_summaries(_features(clips, spec, progress), spec.kind)[train]
    speakers = clips["speaker"].to_numpy()[train]
    rng = np.random.default_rng([_HALVES, record.seed])
    return speakers_finding(tell_speakers(summaries, speakers, rng), shares_speakers=record.protocol.shares_speakers)


def _features(clips: pd.DataFrame, spec: FeatureSpec, progress: Progress) -> NDArray[np.float32]:
    store = FeatureStore(cache_root() / "features")
    return store.get(clips, spec, progress=lambda done, total: progress("computing features", done, total))
