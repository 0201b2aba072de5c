"""Metrics, intervals and comparisons: pure functions of true labels, predictions and speakers.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.evaluation.calibration import ReliabilityBin, brier_score, expected_calibration_error, reliability
    from serbench.evaluation.intervals import ALPHA, LEVEL, MIN_SPEAKERS, Interval, recalls_interval
    from serbench.evaluation.jackknife import SpeakerRecalls, Spread
    from serbench.evaluation.metrics import ClassScores, Evaluation, evaluate
    from serbench.evaluation.paired import (
        McNemar,
        PairedComparison,
        compare_all,
        compare_recalls,
        compare_same_models,
        holm,
        mcnemar,
        paired_spread,
        tie_groups,
    )
    from serbench.evaluation.power import POWER, detectable_difference
    from serbench.evaluation.share_scores import SoftClass, SoftEvaluation, soft_recalls
    from serbench.evaluation.slices import Attribute, AttributeSlices, Slice, judge_slices, slice_scores
    from serbench.evaluation.soft_labels import VoteScores, vote_scores
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "calibration": (
                "ReliabilityBin",
                "brier_score",
                "expected_calibration_error",
                "reliability",
            ),
            "intervals": (
                "ALPHA",
                "Interval",
                "LEVEL",
                "MIN_SPEAKERS",
                "recalls_interval",
            ),
            "jackknife": (
                "SpeakerRecalls",
                "Spread",
            ),
            "metrics": (
                "ClassScores",
                "Evaluation",
                "evaluate",
            ),
            "paired": (
                "McNemar",
                "PairedComparison",
                "compare_all",
                "compare_recalls",
                "compare_same_models",
                "holm",
                "mcnemar",
                "paired_spread",
                "tie_groups",
            ),
            "power": (
                "POWER",
                "detectable_difference",
            ),
            "share_scores": (
                "SoftClass",
                "SoftEvaluation",
                "soft_recalls",
            ),
            "slices": (
                "Attribute",
                "AttributeSlices",
                "Slice",
                "judge_slices",
                "slice_scores",
            ),
            "soft_labels": (
                "VoteScores",
                "vote_scores",
            ),
        },
    )

__all__ = [
    "ALPHA",
    "LEVEL",
    "MIN_SPEAKERS",
    "POWER",
    "Attribute",
    "AttributeSlices",
    "ClassScores",
    "Evaluation",
    "Interval",
    "McNemar",
    "PairedComparison",
    "ReliabilityBin",
    "Slice",
    "SoftClass",
    "SoftEvaluation",
    "SpeakerRecalls",
    "Spread",
    "VoteScores",
    "brier_score",
    "compare_all",
    "compare_recalls",
    "compare_same_models",
    "detectable_difference",
    "evaluate",
    "expected_calibration_error",
    "holm",
    "judge_slices",
    "mcnemar",
    "paired_spread",
    "recalls_interval",
    "reliability",
    "slice_scores",
    "soft_recalls",
    "tie_groups",
    "vote_scores",
]
