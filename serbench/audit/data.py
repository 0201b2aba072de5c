"""What a study's audio itself says: copies across the subsets, and speakers in the features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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
from serbench.audit.finding import AuditFinding
from serbench.audit.speakers import clip_summaries, tell_speakers
from serbench.audit.verdicts import exact_finding, near_finding, speakers_finding
from serbench.corpora.folders import cache_root
from serbench.features.spec import FeatureSpec
from serbench.features.store import FeatureStore
from serbench.protocols import SplitPlan
from serbench.records.schemas import StudyRecord

__all__ = ["duplicate_findings", "speaker_telling"]

Progress = Callable[[str, int, int], None]

_HALVES = 0x4A1F  # a stream of its own, beside those of the study's seed tree


def duplicate_findings(clips: pd.DataFrame, plans: Sequence[SplitPlan], progress: Progress) -> Iterator[AuditFinding]:
    """Whether audio is in more than one subset, exactly or as an altered copy.

    Under a folded protocol the subsets are the clips that each fold tests, since it trains on most of the others.
    """
    names = clips["clip_id"].tolist()
    parts = _tested_by(plans, len(clips)) if len(plans) > 1 else parts_of(plans[0].split(plans[0].cores), len(clips))
    yield exact_finding(exact_duplicates(clips["digest"].tolist(), parts), names, parts)
    features = _features(clips, FINGERPRINT_SPEC, progress)
    yield near_finding(near_duplicates(Fingerprints.of(features), parts), names, parts, THRESHOLD)


def _tested_by(plans: Sequence[SplitPlan], clips: int) -> tuple[str | None, ...]:
    """The fold that tests each row."""
    parts: list[str | None] = [None] * clips
    for plan in plans:
        for row in plan.split(plan.cores).test:
            parts[row] = f"fold {plan.fold}"
    return tuple(parts)


def speaker_telling(clips: pd.DataFrame, plan: SplitPlan, record: StudyRecord, progress: Progress) -> AuditFinding:
    """How well a linear rule tells the training speakers by the study's own features."""
    spec = FeatureSpec.model_validate(record.features)
    train = np.array(plan.split(plan.cores).train)
    summaries = clip_summaries(_features(clips, spec, progress), spec.front_end.time_axis)[train]
    speakers = clips["speaker"].to_numpy()[train]
    rng = np.random.default_rng([_HALVES, record.seed])
    return speakers_finding(tell_speakers(summaries, speakers, rng), shares_speakers=record.protocol.shares_speakers)


def _features(clips: pd.DataFrame, spec: FeatureSpec, progress: Progress) -> NDArray[np.float32]:
    store = FeatureStore(cache_root() / "features")
    return store.get(clips, spec, progress=lambda done, total: progress("computing features", done, total))
