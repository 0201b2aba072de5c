import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from serbench.evaluation import Evaluation, evaluate

# The founding report, run "2d-final" (facts/ser_report.json): CREMA-D, random split, 2,233 test clips.
REPORT_LABELS = ["sadness", "anger", "disgust", "fear", "happiness", "neutral"]
REPORT_CONFUSION = [
    [284, 6, 25, 49, 6, 24],
    [8, 258, 18, 21, 68, 12],
    [95, 34, 156, 48, 32, 26],
    [98, 12, 10, 186, 58, 10],
    [22, 36, 19, 61, 203, 13],
    [67, 4, 26, 32, 18, 188],
]
REPORT_PRECISION = [0.49, 0.74, 0.61, 0.47, 0.53, 0.69]
REPORT_RECALL = [0.72, 0.67, 0.40, 0.50, 0.57, 0.56]
REPORT_F1 = [0.59, 0.70, 0.48, 0.48, 0.55, 0.62]
REPORT_SUPPORT = [394, 385, 391, 374, 354, 335]


@pytest.fixture
def report():
    return Evaluation.from_confusion(REPORT_CONFUSION, REPORT_LABELS)


def test_per_class_table_of_the_founding_report(report):
    assert [round(row.precision, 2) for row in report.per_class] == REPORT_PRECISION
    assert [round(row.recall, 2) for row in report.per_class] == REPORT_RECALL
    assert [round(row.f1, 2) for row in report.per_class] == REPORT_F1
    assert [row.support for row in report.per_class] == REPORT_SUPPORT


def test_totals_of_the_founding_report(report):
    assert report.accuracy * 100 == pytest.approx(57.09807433945365, abs=1e-4)
    assert round(report.macro_f1, 2) == 0.57
    assert round(report.weighted_f1, 2) == 0.57
    assert report.uar is not None
    assert round(report.uar, 2) == 0.57
    assert report.clips == 2233


def test_best_and_worst_class_of_the_founding_report(report):
    assert (report.best_class_by_count, report.worst_class_by_count) == ("sadness", "disgust")
    assert (report.best_class_by_recall, report.worst_class_by_recall) == ("sadness", "disgust")


def test_count_and_recall_can_name_different_classes():
    scores = Evaluation.from_confusion([[60, 40], [1, 9]], ["large", "small"])
    assert (scores.best_class_by_count, scores.best_class_by_recall) == ("large", "small")
    assert (scores.worst_class_by_count, scores.worst_class_by_recall) == ("small", "large")


@pytest.mark.long
@given(
    st.integers(2, 5).flatmap(
        lambda c: st.tuples(
            st.just(c),
            st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1, max_size=40),
        )
    )
)
def test_agrees_with_scikit_learn(case):
    classes, pairs = case
    true, predicted = np.array(pairs).T
    ours = evaluate(true, predicted, [f"c{i}" for i in range(classes)])
    everything = list(range(classes))
    assert np.array_equal(ours.confusion, confusion_matrix(true, predicted, labels=everything))
    assert ours.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert ours.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))
    assert ours.weighted_f1 == pytest.approx(f1_score(true, predicted, average="weighted", zero_division=0))
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=everything, zero_division=0
    )
    assert [row.precision for row in ours.per_class] == pytest.approx(precision)
    assert [row.f1 for row in ours.per_class] == pytest.approx(f1)
    assert [row.support for row in ours.per_class] == list(support)
    present = support > 0
    assert np.array([row.recall for row in ours.per_class])[present] == pytest.approx(recall[present])
    assert ours.mean_recall_present == pytest.approx(recall[present].mean())
    if present.all():
        assert ours.uar == pytest.approx(balanced_accuracy_score(true, predicted))
    else:
        assert ours.uar is None


def test_an_absent_class_has_no_recall_and_leaves_uar_open():
    scores = evaluate([0, 0, 1], [0, 1, 1], ["anger", "fear", "sadness"])
    assert scores.uar is None
    assert scores.mean_recall_present == 0.75
    absent = scores.per_class[2]
    assert math.isnan(absent.recall)
    assert (absent.precision, absent.f1, absent.support) == (0.0, 0.0, 0)


def test_an_absent_class_is_neither_best_nor_worst():
    scores = evaluate([0, 0, 1], [0, 1, 1], ["anger", "fear", "sadness"])
    assert scores.worst_class_by_recall == "anger"
    assert scores.worst_class_by_count == "anger"


def test_probabilities_and_indices_agree_and_the_first_of_equals_wins():
    probabilities = [[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]]
    labels = ["anger", "fear"]
    assert np.array_equal(
        evaluate([1, 1, 0], probabilities, labels).confusion, evaluate([1, 1, 0], [0, 1, 0], labels).confusion
    )


def test_scores_for_the_record():
    scores = evaluate([0, 1], [0, 0], ["anger", "fear"]).to_scores()
    assert (scores.clips, scores.accuracy, scores.uar) == (2, 0.5, 0.5)
    assert scores.macro_f1 == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "no clip"),
        ([0, 1], [0], "2 true labels"),
        ([0, 2], [0, 1], "run from 0 to 1"),
        ([0, -1], [0, 1], "run from 0 to 1"),
        ([0.0, 1.0], [0, 1], "integer"),
        ([0, 1], [[0.5, 0.5, 0.0]] * 2, "shape"),
        ([0, 1], [[0.5, 0.5], [float("nan"), 0.5]], "NaN"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        evaluate(true, predicted, ["anger", "fear"])


@pytest.mark.parametrize("matrix", [[[1, 2]], [[0, 0], [0, 0]], [[1, -1], [0, 1]], [[0.5, 0], [0, 1]]])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match=r"confusion matrix|no clip"):
        Evaluation.from_confusion(matrix, ["anger", "fear"])


def test_the_matrix_cannot_be_changed_afterwards(report):
    with pytest.raises(ValueError, match="read-only"):
        report.confusion[0, 0] = 0
