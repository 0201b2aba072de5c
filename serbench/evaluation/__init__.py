"""Metrics and intervals: pure functions of true labels, predictions and speakers."""

from serbench.evaluation.intervals import MIN_SPEAKERS, Interval, speaker_interval
from serbench.evaluation.metrics import ClassScores, Evaluation, evaluate

__all__ = ["MIN_SPEAKERS", "ClassScores", "Evaluation", "Interval", "evaluate", "speaker_interval"]
