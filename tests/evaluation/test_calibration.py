"""Calibration and agreement: hand-worked cases, and scikit-learn where it has the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from serbench.evaluation import Evaluation, brier_score, evaluate, expected_calibration_error


def random_case(seed: int, n: int = 200, classes: int = 4):
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, n), rng.dirichlet(np.ones(classes), n)


def test_confidence_against_accuracy_worked_by_hand() -> None:
    """Three clips at 0.9 of which two are right, two at 0.6 of which one is: 3/5 * |0.9 - 2/3| + 2/5 * |0.6 - 1/2|."""
    probabilities = [[0.9, 0.1]] * 3 + [[0.6, 0.4]] * 2
    assert expected_calibration_error([0, 0, 1, 0, 1], probabilities) == pytest.approx(0.6 * 0.7 / 3 + 0.4 * 0.1)


def test_edges_belong_to_the_bin_below_and_certainty_to_the_last() -> None:
    assert expected_calibration_error([0, 0], [[1.0, 0.0], [1.0, 0.0]]) == 0
    assert expected_calibration_error([1, 1], [[1.0, 0.0], [1.0, 0.0]]) == 1
    # 0.6 ends a bin of fifteen; 0.61 begins the next one, so that their gaps cannot cancel.
    assert expected_calibration_error([0, 1], [[0.6, 0.4], [0.61, 0.39]]) == pytest.approx((0.4 + 0.61) / 2)


def test_brier_of_certain_and_of_indifferent() -> None:
    assert brier_score([0], [[1.0, 0.0]]) == 0
    assert brier_score([1], [[1.0, 0.0]]) == 2
    assert brier_score([0], [[0.5, 0.5]]) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(3))
def test_two_classes_are_twice_scikit_learns_brier(seed: int) -> None:
    true, probabilities = random_case(seed, classes=2)
    expected = 2 * metrics.brier_score_loss(true, probabilities[:, 1])
    assert brier_score(true, probabilities) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_kappa_is_scikit_learns(seed: int) -> None:
    true, probabilities = random_case(seed)
    expected = metrics.cohen_kappa_score(true, probabilities.argmax(axis=1))
    assert evaluate(true, probabilities, list("abcd")).kappa == pytest.approx(expected)


def test_kappa_of_one_label_only_is_undefined() -> None:
    assert Evaluation.from_confusion([[3, 0], [0, 0]], ["a", "b"]).kappa is None


@pytest.mark.parametrize("wrong", [[[0.5, 0.6]], [[1.5, -0.5]], [[np.nan, 1.0]], [[0.5, 0.5], [0.5, 0.5]], [0.5]])
def test_what_is_no_distribution_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        brier_score([0], wrong)
    with pytest.raises(ValueError, match="probabilities"):
        expected_calibration_error([0], wrong)
