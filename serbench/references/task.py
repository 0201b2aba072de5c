"""A test set, the clips a reference method may train on, and the form of its predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.protocols import Split
from serbench.records import StepProgress, StudyRecord, digest_of

__all__ = ["ReferenceAnswers", "ReferenceTask"]


@dataclass(frozen=True)
class ReferenceTask:
    """A test set and the clips that a reference method may train on.

    Attributes:
        study: record of any study with this test set.
        clips: the study's clips, with `path` and `digest`.
        split: the plan's `core_split`. A method may learn from its `outside_test`.
        progress: called during slow steps.
    """

    study: StudyRecord
    clips: pd.DataFrame
    split: Split
    progress: StepProgress = lambda _what, _done, _total: None

    @property
    def labels(self) -> tuple[str, ...]:
        """The C class names."""
        return self.study.corpus.labels

    def targets(self, rows: tuple[int, ...]) -> NDArray[np.int64]:
        """Returns the class indices of these rows of the clip table, shape (n,)."""
        return np.asarray(
            pd.Index(self.labels).get_indexer(pd.Index(self.clips["label"].iloc[list(rows)])), dtype=np.int64
        )

    @property
    def test_names(self) -> dict[str, str]:
        """Clip id of each test clip by a name that tells nothing of it, for a method of another tool.

        Clip ids are file names, which hold the label in most corpora.
        """
        corpus = self.study.corpus.digest
        clips = self.clips["clip_id"].iloc[list(self.split.test)].astype(str)
        return {f"t{digest_of([corpus, clip])}": clip for clip in clips}

    def folds(self, most: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Cuts the clips outside the test set into folds, to choose settings of a method by.

        Args:
            most: largest number of folds.

        Returns:
            (train, held out) of each fold, as places in `split.outside_test`. Speakers are kept apart where the
            protocol does. Empty if there are too few clips or speakers for two folds, or if a fold would train on one
            class.
        """
        from sklearn.model_selection import GroupKFold, StratifiedKFold

        rows = self.split.outside_test
        targets, clips = self.targets(rows), self.clips.iloc[list(rows)]
        speakers = clips["speaker"].nunique()
        rarest = int(np.bincount(targets)[np.unique(targets)].min())
        if not self.study.protocol.shares_speakers and speakers > 1:
            folds = GroupKFold(min(most, speakers)).split(targets, groups=clips["speaker"])
        elif rarest > 1:
            folds = StratifiedKFold(min(most, rarest)).split(targets, targets)
        else:
            return []
        made = [(np.asarray(train), np.asarray(held_out)) for train, held_out in folds]
        return made if all(len(np.unique(targets[train])) > 1 for train, _ in made) else []

    @property
    def rate(self) -> int:
        """Sample rate (Hz) at which references read audio: that of most clips, at most 16,000."""
        return min(16_000, int(self.clips["sample_rate"].mode().iloc[0]))


@dataclass(frozen=True)
class ReferenceAnswers:
    """Predictions of a reference for clips of the test set.

    Attributes:
        rows: (n,) row numbers in the clip table. They may be a part of the test set, if others have no prediction.
        shares: (n, C) share of each label. Rows sum to 1, or to less if part went to labels outside the study.
        settings: parameters of the method, for the record.
    """

    rows: tuple[int, ...]
    shares: NDArray[np.float64]
    settings: dict[str, str | int | float] = field(default_factory=dict)
