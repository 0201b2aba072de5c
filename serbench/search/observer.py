"""`Observer`: what a search tells whoever watches it. The base class watches nothing."""

from __future__ import annotations

from typing import Any

from serbench.records import EntryRecord, EpochMetrics, StudyRecord, TrialRecord

__all__ = ["Observer"]


class Observer:
    """Override what you want to see. Calls come from the coordinator's thread, except `progress`."""

    def message(self, text: str) -> None:
        """Something a person should read."""

    def warning(self, text: str) -> None:
        """Something a person should know before trusting the result."""

    def progress(self, what: str, done: int, total: int) -> None:
        """A step of preparation (`inspecting audio`, `computing features`) moved on."""

    def study_started(
        self, record: StudyRecord, trials: int, done: int, best: float | None, seconds: float | None
    ) -> None:
        """A study begins or resumes.

        Args:
            record: the study.
            trials: how many are wanted in all.
            done: how many of them are recorded.
            best: the best score among those.
            seconds: the study's share of the time, if that is bounded.
        """

    def trial_started(self, job_id: str, config: dict[str, Any], epochs: int) -> None:
        """A fit was handed to the engine."""

    def epoch(self, job_id: str, metrics: EpochMetrics) -> None:
        """A fit finished an epoch."""

    def trial_finished(self, record: TrialRecord) -> None:
        """A fit ended and is recorded."""

    def refits_started(self, total: int) -> None:
        """The finalists are chosen; so many refits follow."""

    def entry_added(self, entry: EntryRecord) -> None:
        """A finalist was tested."""

    def study_finished(self, record: StudyRecord) -> None:
        """All of a study is done, or it was stopped."""
