"""`ReferenceTask`: a test core and what may be learned from for it; what a reference answers."""

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
    """A test core.

    Attributes:
        study: any study that is tested on it.
        clips: of the study, with `path` and `digest`.
        split: by the protocol's cores.
        progress: told of what takes long.
    """

    study: StudyRecord
    clips: pd.DataFrame
    split: Split
    progress: StepProgress = lambda _what, _done, _total: None

    @property
    def labels(self) -> tuple[str, ...]:
        """The C classes."""
        return self.study.corpus.labels

    def targets(self, rows: tuple[int, ...]) -> NDArray[np.int64]:
        """Class indices of these rows."""
        return np.asarray(
            pd.Index(self.labels).get_indexer(pd.Index(self.clips["label"].iloc[list(rows)])), dtype=np.int64
        )

    @property
    def rate(self) -> int:
        """Sample rate in Hz that most clips have, 16,000 at the most: what references read."""
        return min(16_000, int(self.clips["sample_rate"].mode().iloc[0]))


@dataclass(frozen=True)
class ReferenceAnswers:
    """What a reference says of clips of the test core.

    Attributes:
        rows: (n,) of the clip table; a part of the test core where it has no answer to the rest.
        shares: (n, C): of each label; rows sum to 1, or to less where it gave labels that the study lacks.
        settings: what it was made with.
    """

    rows: tuple[int, ...]
    shares: NDArray[np.float64]
    settings: dict[str, str | int | float] = field(default_factory=dict)
