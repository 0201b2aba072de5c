"""`StudyObserver`: an `Observer` that keeps the `StudyState`, for displays of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from serbench.records import EpochMetrics, StudyRecord, TrialRecord
from serbench.search.observer import Observer
from serbench.search.study_state import CommandPlan, StudyState
from serbench.spaces import Budget

__all__ = ["StudyObserver"]


class StudyObserver(Observer):
    """Keeps the state of the running study. A subclass shows it, and calls what it overrides here.

    Attributes:
        state: state of the running study; None before the first and between two.
    """

    def __init__(self) -> None:
        self.state: StudyState | None = None
        self._plan = CommandPlan(place=0)

    def state_changed(self) -> None:
        """Called after each event that changes the state, except the end of a study. Does nothing here."""

    def search_planned(self, budgets: Sequence[Budget]) -> None:
        """Remembers how many studies follow, and how long they are."""
        self._plan = CommandPlan(tuple(budgets), place=0)

    def study_started(
        self, record: StudyRecord, trials: int, done: int, best: float | None, seconds: float | None
    ) -> None:
        """Begins the state of a study."""
        self._plan = self._plan.next()
        self.state = StudyState(record, trials, done, seconds, best=best, plan=self._plan)
        self.state_changed()

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:
        """Adds a running fit."""
        if self.state is not None:
            self.state.start(job_id, config, epochs)
        self.state_changed()

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """Updates a running fit with the metrics of an epoch."""
        if self.state is not None:
            self.state.epoch(job_id, metrics)
        self.state_changed()

    def trial_finished(self, record: TrialRecord) -> None:
        """Counts a fit that ended."""
        if self.state is not None:
            self.state.finish(record)
        self.state_changed()

    def shortlist_started(self, configurations: int, folds: int, fits: int, seconds: float) -> None:  # noqa: ARG002
        """Begins the cross-validation of the best configurations."""
        if self.state is not None:
            self.state.folds, self.state.stopping = fits, False
            self._plan = self.state.plan = replace(self._plan, inner_folds=folds)
        self.state_changed()

    def refits_started(self, total: int) -> None:
        """Begins the final runs."""
        if self.state is not None:
            self.state.refits, self.state.stopping = total, False
        self.state_changed()

    def study_finished(self, record: StudyRecord) -> None:  # noqa: ARG002
        """Ends the state of a study."""
        self.state = None
