"""`FeatureSource`: the clips of a study and the store of their features, as an engine needs them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from serbench.corpora import UNKNOWN_SPEAKER, vote_shares
from serbench.features import FeatureSpec, FeatureStore, WaveformAugmentation
from serbench.training.job import ClipTargets, TrialJob
from serbench.training.teacher import Teacher

__all__ = ["FeatureSource"]


@dataclass(frozen=True)
class FeatureSource:
    """Source of a job's arrays. It can be sent to another process.

    Attributes:
        clips: clip table of the study; row i of every feature array is clip i.
        store: the feature cache.
        teacher: answers that jobs with a `teacher_share` learn from.
    """

    clips: pd.DataFrame
    store: FeatureStore
    teacher: Teacher | None = None

    def paths(
        self,
        spec: FeatureSpec,
        augmentations: tuple[WaveformAugmentation, ...] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Path, ...]:
        """Returns the files of the plain features and of each augmented copy, computing those that are not cached."""
        files: list[Path] = []
        keeping = _keeping(files, progress)
        for augmentation in (None, *augmentations):
            self.store.get(self.clips, spec, augmentation, keeping)
            files.append(self.store.path(self.clips, spec, augmentation))
        return tuple(files)

    def targets_for(self, job: TrialJob) -> ClipTargets:
        """Returns what a job needs to know about the clips."""
        by_speaker = job.speaker_normalisation or job.config.get("copy_paste")
        return ClipTargets(
            self.targets(job.labels),
            votes=self.votes(job.labels) if job.config.get("soft_labels") else None,
            teacher=self.answers(job.labels) if job.teacher_share else None,
            speakers=self.speakers() if by_speaker else None,
        )

    def targets(self, labels: tuple[str, ...]) -> np.ndarray:
        """Returns the class index of each clip, int64 (clips,)."""
        index = {label: number for number, label in enumerate(labels)}
        return np.array([index[label] for label in self.clips["label"]], dtype=np.int64)

    def speakers(self) -> np.ndarray:
        """Returns a number for each clip's speaker, int64 (clips,); -1 where the speaker is not known."""
        numbers = pd.factorize(self.clips["speaker"])[0].astype(np.int64)
        return np.where(self.clips["speaker"].to_numpy() == UNKNOWN_SPEAKER, -1, numbers)

    def votes(self, labels: tuple[str, ...]) -> np.ndarray | None:
        """Returns the listeners' majority votes as shares, float32 (clips, labels); None if no clip has votes."""
        if "votes" not in self.clips:
            return None
        shares = vote_shares(self.clips["votes"], labels)
        return None if np.isnan(shares).all() else shares

    def answers(self, labels: tuple[str, ...]) -> np.ndarray | None:
        """Returns the teacher's answers, float32 (clips, labels), NaN for clips without one; None without a teacher."""
        return None if self.teacher is None else self.teacher.rows(self.clips["clip_id"].astype(str), labels)


def _keeping(files: Sequence[Path], progress: Callable[[int, int], None] | None) -> Callable[[int, int], None]:
    """Returns a progress callback that also marks files as used.

    One copy may take longer than the cache spares an entry that nobody opens. Without the mark it would make room for
    a job's last copy by removing its first.
    """

    def step(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total)
        for file in files:
            with contextlib.suppress(OSError):  # a shared, read-only cache
                os.utime(file)

    return step
