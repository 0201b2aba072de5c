"""Fits one configuration in one isolated process."""

from serbench.training.job import FitSettings, TrialJob, TrialOutcome, Verdict
from serbench.training.source import FeatureSource
from serbench.training.supervisor import JobControl, run_job

__all__ = ["FeatureSource", "FitSettings", "JobControl", "TrialJob", "TrialOutcome", "Verdict", "run_job"]
