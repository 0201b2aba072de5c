"""`Coordinator`: the one loop that hands out jobs, answers their epochs and records what they come to.

What is handed out is a `Work`: the trials of a search (`SearchTrials`) or a list of given jobs (`GivenJobs`: refits,
probes, reruns). Engines run jobs; works decide.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from serbench.records import EpochMetrics, is_repeated, now
from serbench.search.jobs import predictions_of, record_of
from serbench.search.mailbox import DoneMessage, EpochMessage
from serbench.search.session import Session
from serbench.search.trials import SearchTrials
from serbench.training import TrialJob, Verdict

__all__ = ["Coordinator"]


class Work(Protocol):
    """What a coordinator hands out."""

    @property
    def deadline(self) -> float | None:
        """`time.monotonic()` at which running jobs are cancelled and no new one begins; it may move."""

    def wanted(self, running: int) -> bool:
        """Whether one more job should begin while so many run."""

    def begin(self) -> TrialJob | None:
        """The next job; None where what came next can be no job and is dealt with already."""

    def judge(self, job: TrialJob, metrics: EpochMetrics) -> Verdict:
        """Whether a job goes on after an epoch."""

    def finish(self, message: DoneMessage, job: TrialJob, started: str) -> None:
        """Records a job that ended."""


@dataclass
class _Running:
    job: TrialJob
    started: str


class Coordinator:
    """Runs the jobs of one study.

    Args:
        session: the study and what its jobs run on.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: dict[str, _Running] = {}

    def run_trials(self, trials: int, refit_rounds: int = 0) -> None:
        """Runs the (settled) study until `trials` trials count, earlier ones included, or the deadline, or a stop.

        Args:
            trials: total number of trials that count: not invalid, interrupted or lost ones.
            refit_rounds: how many refits follow one after the other. As much time is kept for each as the
                longest trial took; when only that is left, running trials are stopped and no new ones begin.

        Raises:
            SerbenchError: the study cannot go on (features, storage, a space without valid configurations,
                trials that all crash the same way).
        """
        self._run(SearchTrials(self._session, trials, refit_rounds))

    def run_jobs(
        self, jobs: Sequence[TrialJob], origins: Mapping[str, str] | None = None, deadline: float | None = None
    ) -> None:
        """Runs jobs side by side and records each; one whose worker went away is run again.

        Args:
            jobs: in the order in which they begin. Nothing prunes them.
            origins: what each record says of where its configuration comes from, by job id.
            deadline: `time.monotonic()` at which running jobs are stopped.

        Raises:
            SerbenchError: a job cannot be started or recorded.
        """
        self._run(GivenJobs(self._session, jobs, origins or {}, deadline))

    def _run(self, work: Work) -> None:
        session = self._session
        try:
            while True:
                deadline = work.deadline
                late = deadline is not None and time.monotonic() >= deadline
                wanted = not session.stop.is_set() and not late and work.wanted(len(self._running))
                if wanted and len(self._running) < session.workers:
                    self._begin(work)
                    self._answer_waiting(work)
                elif self._running or wanted:
                    self._handle(work, session.mailbox.next(deadline))
                else:
                    return
        finally:
            if self._running:
                session.mailbox.close()

    def _answer_waiting(self, work: Work) -> None:
        """Running jobs do not wait for an answer until the last of many workers was given its first job."""
        for _ in range(len(self._running)):
            message = self._session.mailbox.next(work.deadline, wait=False)
            if message is None:
                return
            self._handle(work, message)

    def _begin(self, work: Work) -> None:
        job = work.begin()
        if job is None:
            return
        self._running[job.job_id] = _Running(job, now())
        self._session.observer.trial_started(job.job_id, job.config, job.settings.epochs)
        self._session.mailbox.submit(job)

    def _handle(self, work: Work, message: EpochMessage | DoneMessage | None) -> None:
        if isinstance(message, EpochMessage):
            self._session.observer.epoch(message.job_id, message.metrics)
            message.answer(work.judge(self._running[message.job_id].job, message.metrics))
        elif isinstance(message, DoneMessage):
            running = self._running.pop(message.job_id)
            work.finish(message, running.job, running.started)


class GivenJobs:
    """Jobs that nothing proposes and nothing prunes: refits, probes, reruns.

    Args:
        session: the study that they belong to.
        jobs: in the order in which they begin.
        origins: what each record says of where its configuration comes from, by job id.
        deadline: `time.monotonic()` at which running jobs are stopped.
    """

    def __init__(
        self, session: Session, jobs: Sequence[TrialJob], origins: Mapping[str, str], deadline: float | None
    ) -> None:
        self.deadline = deadline
        self._session = session
        self._waiting = deque(jobs)
        self._origins = origins

    def wanted(self, running: int) -> bool:  # noqa: ARG002
        """As long as one waits."""
        return bool(self._waiting)

    def begin(self) -> TrialJob:
        """The next one."""
        return self._waiting.popleft()

    def judge(self, job: TrialJob, metrics: EpochMetrics) -> Verdict:  # noqa: ARG002
        """Nothing prunes them."""
        return Verdict.CONTINUE

    def finish(self, message: DoneMessage, job: TrialJob, started: str) -> None:
        """Records a job; one that was lost goes first in the line, after an interrupted one nothing more begins."""
        study, outcome = self._session.study, self._session.mailbox.outcome(message)
        record = record_of(job, outcome, study.clips, started, origin=self._origins.get(job.job_id))
        predictions = predictions_of(job, outcome, study.clips)
        study.folder.publish_job(record, predictions, outcome.model, outcome.traceback)
        self._session.observer.trial_finished(record)
        if record.state == "interrupted":
            self._waiting.clear()
        elif is_repeated(record.state, record.attempt):
            self._waiting.appendleft(replace(job, attempt=job.attempt + 1))
