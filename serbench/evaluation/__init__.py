"""Metrics, intervals and comparisons: pure functions of true labels, predictions and speakers."""

from serbench.evaluation.calibration import ReliabilityBin, brier_score, expected_calibration_error, reliability
from serbench.evaluation.intervals import MIN_SPEAKERS, Interval, recalls_interval, speaker_interval
from serbench.evaluation.jackknife import SpeakerRecalls
from serbench.evaluation.metrics import ClassScores, Evaluation, evaluate
from serbench.evaluation.paired import (
    McNemar,
    PairedComparison,
    compare,
    compare_all,
    compare_recalls,
    holm,
    mcnemar,
    tie_groups,
)
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
    "ReliabilityBin",
    "Slice",
    "SpeakerRecalls",
    "brier_score",
    "compare",
    "compare_all",
    "compare_recalls",
    "evaluate",
    "expected_calibration_error",
    "holm",
    "judge_slices",
    "mcnemar",
    "recalls_interval",
    "reliability",
    "slice_scores",
    "speaker_interval",
    "tie_groups",
]
