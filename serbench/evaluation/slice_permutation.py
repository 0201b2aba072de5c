"""How far apart would the best and the worst slice be if an attribute had nothing to do with the errors?

That is simulated: a model that is as accurate on every class, whose errors are dealt out anew. Where the attribute
belongs to the speaker, whole speakers swap it, so that the spread between speakers stays: two groups of nine people
always differ a little. Else clips of one speaker and class swap it.

This is a permutation test: P. Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005), chapter 3;
its p-value is (k + 1) / (n + 1) after B. Phipson and G. K. Smyth, Statistical Applications in Genetics and Molecular
Biology 9 (2010), article 39.
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
    """Speakers swap their values.

    Args:
        right: (m,) how often each clip was recognised, 0-1.
        true: (m,) class, 0 to C - 1.
        who: (m,) speaker, 0 to S - 1.
        slices: (m,) slice, 0 to K - 1; the same for all clips of a speaker.
        shape: (K, C).
        rng: deals.
        draws: how often.

    Returns:
        (draws,) largest minus smallest mean recall of the slices.
    """
    values, classes = shape
    speakers = int(who.max()) + 1
    cell = who * classes + true
    correct = np.bincount(cell, right, speakers * classes).reshape(speakers, classes)
    support = np.bincount(cell, minlength=speakers * classes).reshape(speakers, classes)
    own = np.zeros(speakers, dtype=np.int64)
    own[who] = slices
    dealt = rng.permuted(np.tile(own, (draws, 1)), axis=1)
    recalls = []
    for value in range(values):
        has = (dealt == value).astype(np.float64)
        with np.errstate(invalid="ignore"):
            # Speakers may lack a class; a slice that comes to lack it is scored by those it has.
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
    """Clips of one speaker and class swap their values, so each slice keeps its number of clips of each class.

    Args and result as of `permute_speakers`.
    """
    values, classes = shape
    support = np.bincount(slices * classes + true, minlength=values * classes).reshape(shape)
    worth = right / (classes * support[:, true])  # (K, m): what a clip adds to the mean recall of each slice
    group = who * classes + true
    order = np.argsort(group, kind="stable")
    worth, group, dealt = worth[:, order], group[order], slices[order]
    gaps = []
    block = max(1, _BLOCK // len(true))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        # Groups lie side by side, so sorting (group + a random fraction) shuffles within each of them.
        shuffled = dealt[np.argsort(group + rng.random((rows, len(group))), axis=1)]
        added = worth[shuffled, np.arange(len(group))]
        recalls = np.stack([np.where(shuffled == value, added, 0.0).sum(axis=1) for value in range(values)])
        gaps.append(np.ptp(recalls, axis=0))
    return np.concatenate(gaps)
