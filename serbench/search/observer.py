"""`Observer`: receives the events of a search. The base class ignores them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serbench.records import EntryRecord, EpochMetrics, StudyRecord, TrialRecord
from serbench.spaces import Budget

__all__ = ["Observer"]


class Observer:
    """Receives the events of a search. Override the methods you need.

    All calls come from the coordinator's thread, except `progress`.
    """

    def message(self, text: str) -> None:
        """A note for the user."""

    def warning(self, text: str) -> None:
        """A caveat that the user should know before trusting the result."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Progress of a preparation step, such as `inspecting audio` or `computing features`."""

    def search_planned(self, budgets: Sequence[Budget]) -> None:
        """The corpus is ready. `budgets` has one budget for each study of the command, in order."""

    def study_started(
        self, record: StudyRecord, trials: int, done: int, best: float | None, seconds: float | None
    ) -> None:
        """A study starts or resumes.

        Args:
            record: record of the study.
            trials: total number of trials wanted.
            done: how many of them are already recorded.
            best: best score among those, a fraction; None if there is none.
            seconds: time limit of the study; None for no limit.
        """

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:
        """A fit was handed to the engine."""

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """A fit finished an epoch."""

    def trial_finished(self, record: TrialRecord) -> None:
        """A fit ended and is recorded."""

    def shortlist_started(self, configurations: int, folds: int, fits: int, seconds: float) -> None:
        """The trials are over, and the best configurations are compared by cross-validation.

        Args:
            configurations: number of configurations compared.
            folds: number of folds of the cross-validation.
            fits: number of fits to come; recorded ones are not counted.
            seconds: estimate of their wall time.
        """

    def refits_started(self, total: int) -> None:
        """The finalists are selected, and `total` refits follow."""

    def entry_added(self, entry: EntryRecord) -> None:
        """A finalist was tested."""

    def study_finished(self, record: StudyRecord) -> None:
        """A study is finished, or was stopped."""
