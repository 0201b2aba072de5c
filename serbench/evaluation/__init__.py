"""Metrics, intervals and comparisons: pure functions of true labels, predictions and speakers."""

from serbench.evaluation.calibration import brier_score, expected_calibration_error
from serbench.evaluation.intervals import MIN_SPEAKERS, Interval, speaker_interval
from serbench.evaluation.metrics import ClassScores, Evaluation, evaluate
from serbench.evaluation.paired import McNemar, PairedComparison, compare, holm, mcnemar, tie_groups
from serbench.evaluation.slices import Attribute, AttributeSlices, Slice, judge_slices, slice_scores

__all__ = [
    "MIN_SPEAKERS",
    "Attribute",
    "AttributeSlices",
    "ClassScores",
    "Evaluation",
    "Interval",
    "McNemar",
    "PairedComparison",
    "Slice",
    "brier_score",
    "compare",
    "evaluate",
    "expected_calibration_error",
    "holm",
    "judge_slices",
    "mcnemar",
    "slice_scores",
    "speaker_interval",
    "tie_groups",
]
