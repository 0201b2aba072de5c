"""Scores of probabilities against soft labels, such as the labels that most listeners voted for, which share a tie.

Source of the divergence: J. Lin, Divergence Measures Based on the Shannon Entropy, IEEE Transactions on Information
Theory 37 (1991), 145-151.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["VoteScores", "vote_scores"]

_ROUNDING = 1e-3


@dataclass(frozen=True)
class VoteScores:
    """How close probabilities are to listeners' votes, mean over clips.

    Attributes:
        clips: clips whose votes all went to the study's labels; only these are scored.
        overlap: shared probability, sum over classes of min(p, q): 1 if they are equal, 0 if nothing is shared.
        divergence: Jensen-Shannon divergence in bits: 0 if they are equal, 1 if nothing is shared.
        squared: squared distance, sum over classes of (p - q)^2: 0 to 2.
    """

    clips: int
    overlap: float
    divergence: float
    squared: float


def vote_scores(probabilities: ArrayLike, votes: ArrayLike) -> VoteScores | None:
    """Compares probabilities with votes.

    >>> vote_scores([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]])
    VoteScores(clips=2, overlap=0.5, divergence=0.5, squared=1.0)

    Args:
        probabilities: (n, C), rows sum to 1.
        votes: (n, C) shares of the labels. Of listeners, serbench keeps the winning labels, each with an equal share
            (`serbench.corpora.vote_shares`). Rows that hold NaN, or sum to less than 1, are left out.

    Returns:
        The scores; None if no clip has votes.

    Raises:
        ValueError: the shapes differ.
    """
    p, q = np.asarray(probabilities, dtype=np.float64), np.asarray(votes, dtype=np.float64)
    if p.shape != q.shape or p.ndim != 2:
        raise ValueError(f"probabilities of shape {p.shape} do not fit votes of shape {q.shape}")
    known = np.abs(q.sum(axis=1) - 1) <= _ROUNDING  # False for NaN
    if not known.any():
        return None
    p, q = p[known], q[known]
    middle = (p + q) / 2
    divergence = (_information(p, middle) + _information(q, middle)) / 2
    return VoteScores(
        clips=int(known.sum()),
        overlap=float(np.minimum(p, q).sum(axis=1).mean()),
        divergence=float(divergence.mean()),
        squared=float(((p - q) ** 2).sum(axis=1).mean()),
    )


def _information(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of each row, in bits; terms with p = 0 count nothing."""
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    return np.asarray((p * np.log2(ratio)).sum(axis=1))
