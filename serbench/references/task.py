"""A test set, the clips a reference method may train on, and the form of its predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.protocols import Split
from serbench.records import StepProgress, StudyRecord

__all__ = ["ReferenceAnswers", "ReferenceTask"]


@dataclass(frozen=True)
class ReferenceTask:
    """A test set and the clips that a reference method may train on.

    Attributes:
        study: record of any study with this test set.
        clips: the study's clips, with `path` and `digest`.
        split: the sets under the protocol's cores.
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
