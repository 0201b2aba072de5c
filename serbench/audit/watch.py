"""`FitWatch`: shows an audit's fits as steps of a preparation, since they are no trials of a search."""

from __future__ import annotations

from typing import Any

from serbench.records import EpochMetrics, TrialRecord
from serbench.search import Observer

__all__ = ["FitWatch"]


class FitWatch(Observer):
    """Passes on what a person should see of fits.

    Args:
        view: who is told.
    """

    def __init__(self, view: Observer) -> None:
        self._view = view
        self._epochs: dict[str, int] = {}

    def progress(self, what: str, done: int, total: int) -> None:
        """Passes it on."""
        self._view.progress(what, done, total)

    def warning(self, text: str) -> None:
        """Passes it on."""
        self._view.warning(text)

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:  # noqa: ARG002
        """Keeps in mind how many epochs there may be."""
        self._epochs[job_id] = epochs

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """Moves the bar."""
        self._view.progress(f"fitting {job_id}", metrics.epoch + 1, self._epochs[job_id])

    def trial_finished(self, record: TrialRecord) -> None:
        """Says what came of it."""
        score = record.scores["test"].uar if "test" in record.scores else None
        said = record.error or "" if score is None else f"test UAR {100 * score:.1f} %"
        self._view.message(f"{record.study}, fit {record.job_id} {record.state}: {said}")
