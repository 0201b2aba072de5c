"""`FitObserver`: shows the training runs of an audit as progress steps, since they are not trials of a search."""

from __future__ import annotations

from typing import Any

from serbench.records import EpochMetrics, TrialRecord
from serbench.search import Observer

__all__ = ["FitObserver"]


class FitObserver(Observer):
    """Shows the training runs of an audit on the display of a search.

    Args:
        view: the display.
        what: what is trained, for the progress bar.
    """

    def __init__(self, view: Observer, what: str) -> None:
        self._view = view
        self._what = what
        self._epochs: dict[str, int] = {}

    def progress(self, what: str, done: int, total: int) -> None:
        """Shows the progress of a step."""
        self._view.progress(what, done, total)

    def warning(self, text: str) -> None:
        """Shows a warning."""
        self._view.warning(text)

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:  # noqa: ARG002
        """Remembers the largest number of epochs of this run."""
        self._epochs[job_id] = epochs

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """Moves the progress bar of this run."""
        run = job_id.rpartition("-")[2]
        self._view.progress(f"training {self._what}, {run}", metrics.epoch + 1, self._epochs[job_id])

    def trial_finished(self, record: TrialRecord) -> None:
        """Shows the state and the test score of a run that has ended."""
        score = record.scores["test"].uar if "test" in record.scores else None
        summary = record.error or "" if score is None else f"test UAR {100 * score:.1f} %"
        self._view.message(f"{record.study}, run {record.job_id} {record.state}: {summary}")
