"""Permutation test for slices: the gap between best and worst slice if the attribute were unrelated to the errors.

The values of the attribute are permuted, and the errors stay. If the attribute belongs to the speaker (sex, age), it is
permuted between whole speakers, which keeps the variance between speakers: two groups of nine people always differ a
little. Otherwise it is permuted between clips of the same speaker and class.

Sources: P. Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005), chapter 3. The p-value is
(k + 1) / (n + 1) after B. Phipson and G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 9 (2010),
article 39.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["permute_clips", "permute_speakers"]

_BLOCK = 1 << 20


def permute_speakers(
    right: NDArray[np.float64],
    true: NDArray[np.intp],
    who: NDArray[np.intp],
    slices: NDArray[np.int64],
    shape: tuple[int, int],
    rng: np.random.Generator,
    draws: int,
) -> NDArray[np.float64]:
    """Permutes the attribute between speakers.

    Args:
        right: (m,) fraction of refits that recognised each clip (0-1).
        true: (m,) class index, 0 to C - 1.
        who: (m,) speaker index, 0 to S - 1.
        slices: (m,) slice index, 0 to K - 1; the same for all clips of a speaker.
        shape: (K, C).
        rng: draws the permutations.
        draws: number of permutations.

    Returns:
        (draws,) the gap of each permutation: largest minus smallest mean recall of the slices.
    """
    values, classes = shape
    speakers = int(who.max()) + 1
    cell = who * classes + true
    correct = np.bincount(cell, right, speakers * classes).reshape(speakers, classes)
    support = np.bincount(cell, minlength=speakers * classes).reshape(speakers, classes)
    original = np.zeros(speakers, dtype=np.int64)
    original[who] = slices
    permuted = rng.permuted(np.tile(original, (draws, 1)), axis=1)
    recalls = []
    for value in range(values):
        has = (permuted == value).astype(np.float64)
        with np.errstate(invalid="ignore"):
            # Speakers may lack a class. A slice that lacks it after permuting is scored on its other classes.
            recalls.append(np.nanmean((has @ correct) / (has @ support), axis=1))
    return np.asarray(np.ptp(np.stack(recalls), axis=0))


def permute_clips(
    right: NDArray[np.float64],
    true: NDArray[np.intp],
    who: NDArray[np.intp],
    slices: NDArray[np.int64],
    shape: tuple[int, int],
    rng: np.random.Generator,
    draws: int,
) -> NDArray[np.float64]:
    """Permutes the attribute between clips of the same speaker and class.

    Each slice keeps its number of clips of each class. Arguments and result are those of `permute_speakers`.
    """
    values, classes = shape
    support = np.bincount(slices * classes + true, minlength=values * classes).reshape(shape)
    worth = right / (classes * support[:, true])  # (K, m): contribution of a clip to the mean recall of each slice
    group = who * classes + true
    order = np.argsort(group, kind="stable")
    worth, group, ordered = worth[:, order], group[order], slices[order]
    gaps = []
    block = max(1, _BLOCK // len(true))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        # The groups are contiguous, so sorting by (group + a random fraction) shuffles within each group.
        shuffled = ordered[np.argsort(group + rng.random((rows, len(group))), axis=1)]
        added = worth[shuffled, np.arange(len(group))]
        recalls = np.stack([np.where(shuffled == value, added, 0.0).sum(axis=1) for value in range(values)])
        gaps.append(np.ptp(recalls, axis=0))
    return np.concatenate(gaps)
