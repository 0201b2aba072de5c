"""References whose vectors are normalised by speaker: `functionals-speaker`, `boosting-speaker`, `egemaps-speaker`.

Each speaker's vectors get zero mean and unit variance over that speaker's own clips, test speakers included, as is
usual in the field. The test clips of a speaker are then needed together, so it is no score of a single clip: such a
reference is transductive, has no interval, and is compared with nothing. No label of a test clip is used.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["by_speaker"]

_LEAST = 1e-9


def by_speaker(vectors: NDArray[np.float64], speakers: pd.Series) -> NDArray[np.float64]:
    """Normalises vectors by the mean and deviation of their speaker's clips.

    >>> by_speaker(np.array([[1.0], [3.0], [10.0], [10.0]]), pd.Series(["a", "a", "b", "b"])).tolist()
    [[-1.0], [1.0], [0.0], [0.0]]

    Args:
        vectors: (n, d).
        speakers: (n,) speaker of each vector.

    Returns:
        (n, d). A feature that is the same in all clips of a speaker is 0 there.
    """
    made = np.zeros_like(vectors, dtype=np.float64)
    for rows in speakers.reset_index(drop=True).groupby(speakers.to_numpy()).groups.values():
        part = vectors[rows]
        deviation = part.std(axis=0)
        made[rows] = (part - part.mean(axis=0)) / np.where(deviation > _LEAST, deviation, np.inf)
    return made
