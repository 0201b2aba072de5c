"""Probabilities against listeners' votes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from serbench.evaluation import VoteScores, vote_scores


def test_equal_shares_are_perfect_and_disjoint_ones_share_nothing() -> None:
    votes = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    assert vote_scores(votes, votes) == VoteScores(2, 1.0, 0.0, 0.0)
    assert vote_scores([[0, 0, 1.0]], [[0.5, 0.5, 0]]) == VoteScores(1, 0.0, 1.0, 1.5)


def test_the_divergence_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet([1, 1, 1, 1], 20), rng.dirichlet([0.3] * 4, 20)
    found = vote_scores(p, q)
    assert found.divergence == pytest.approx(np.mean(distance.jensenshannon(p, q, base=2, axis=1) ** 2))
    assert found.overlap == pytest.approx(1 - np.abs(p - q).sum(axis=1).mean() / 2)


def test_clips_without_votes_or_with_votes_for_other_labels_are_left_out() -> None:
    votes = [[1.0, 0.0], [np.nan, np.nan], [0.5, 0.0]]
    assert vote_scores([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], votes) == VoteScores(1, 1.0, 0.0, 0.0)
    assert vote_scores([[1.0, 0.0]], [[np.nan, np.nan]]) is None


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        vote_scores([[1.0, 0.0]], [[1.0, 0.0, 0.0]])
