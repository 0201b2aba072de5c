"""Shares of labels: for one-hot answers the usual scores, for ties the expected ones."""

from __future__ import annotations

import numpy as np
import pytest
from judged_predictions import interval_of
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score, precision_recall_fscore_support

from serbench.evaluation import SoftEvaluation, recalls_interval, soft_recalls

LABELS = ("anger", "fear", "joy")


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    true = rng.integers(0, 3, 240)
    guessed = np.where(rng.random(240) < 0.6, true, rng.integers(0, 3, 240))
    return true, guessed, np.repeat([f"s{i}" for i in range(12)], 20)


def test_one_hot_answers_have_the_usual_scores(answers) -> None:
    true, guessed, speakers = answers
    shares = np.eye(3)[guessed]
    found = SoftEvaluation.of(true, shares, LABELS)
    assert found.accuracy == pytest.approx((true == guessed).mean())
    assert found.uar == pytest.approx(balanced_accuracy_score(true, guessed))
    assert found.macro_f1 == pytest.approx(f1_score(true, guessed, average="macro"))
    assert found.weighted_f1 == pytest.approx(f1_score(true, guessed, average="weighted"))
    assert found.kappa == pytest.approx(cohen_kappa_score(true, guessed))
    table = [(row.precision, row.recall, row.f1, row.support) for row in found.per_class]
    assert np.allclose(np.transpose(table), precision_recall_fscore_support(true, guessed))
    soft, _ = recalls_interval(soft_recalls(true, shares, speakers, 3), LABELS)
    hard, _ = interval_of(true, [guessed], speakers, LABELS)
    assert (soft.low, soft.high) == (pytest.approx(hard.low), pytest.approx(hard.high))


def test_a_tie_is_half_a_hit_and_chance_is_one_in_c() -> None:
    tie = SoftEvaluation.of([0, 1, 1], [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]], LABELS)
    assert tie.accuracy == pytest.approx(1.5 / 3)
    assert tie.recalls == (0.5, 0.5, None)
    assert tie.uar is None
    chance = SoftEvaluation.of([0, 0, 1, 2], np.full((4, 3), 1 / 3), LABELS)
    assert (chance.uar, chance.accuracy) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


def test_what_is_given_to_other_labels_is_wrong() -> None:
    found = SoftEvaluation.of([0, 0, 1, 2], [[0.5, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]], LABELS)
    assert (found.recalls, found.accuracy) == ((0.25, 1.0, 1.0), pytest.approx(2.5 / 4))
    assert [row.support for row in found.per_class] == [2, 1, 1]


@pytest.mark.parametrize(
    "shares", [[[0.7, 0.2, 0.2]], [[-0.1, 0.5, 0.5]], [[1.0, 0.0]], [[np.nan, 0.5, 0.5]], np.zeros((0, 3))]
)
def test_what_is_no_distribution_is_refused(shares) -> None:
    with pytest.raises(ValueError, match="shares"):
        SoftEvaluation.of([0] * len(shares), shares, LABELS)


def test_few_speakers_have_no_interval(answers) -> None:
    true, guessed, _ = answers
    interval, why = recalls_interval(soft_recalls(true, np.eye(3)[guessed], np.arange(240) % 5, 3), LABELS)
    assert interval is None
    assert "fewer than 8" in why
