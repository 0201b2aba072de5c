"""`Coordinator`: the one loop that starts jobs, answers them after each epoch, and records their results.

A `Work` says which jobs to run: the trials of a search (`SearchTrials`) or a given list of refits, probes or reruns
(`GivenJobs`). The engine runs the jobs; the work makes the decisions.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from serbench.records import EpochMetrics, LedgerLine, answers_digest, is_repeated, now
from serbench.search.jobs import predictions_of, record_of
from serbench.search.mailbox import DoneMessage, EpochMessage
from serbench.search.session import Session
from serbench.search.trials import SearchTrials
from serbench.training import TrialJob, Verdict

__all__ = ["Coordinator"]


class Work(Protocol):
    """A source of jobs for the coordinator."""

    @property
    def deadline(self) -> float | None:
        """`time.monotonic()` after which running jobs are cancelled and no new one starts; it may change."""

    def wanted(self, running: int) -> bool:
        """Whether another job should start while `running` jobs run."""

    def begin(self) -> TrialJob | None:
        """Returns the next job, or None if the next configuration makes no job. That case is already recorded."""

    def judge(self, job: TrialJob, metrics: EpochMetrics) -> Verdict:
        """Decides after an epoch whether the job goes on."""

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

    def run_trials(self, trials: int, *, shortlist_fits: int = 0, final_fits: int = 0) -> None:
        """Runs trials until `trials` of them count, the deadline has passed, or a stop is requested.

        Earlier trials are included in the total. The study must be settled.

        Args:
            trials: total number of trials that count. Invalid, interrupted and lost trials do not count.
            shortlist_fits: number of fits of the shortlist; see `SearchTrials`. When only the time reserved for what
                comes later is left, running trials stop and no new ones start.
            final_fits: number of final runs to come.

        Raises:
            SerbenchError: the study cannot go on (features, storage, a space without valid configurations,
                trials that all crash the same way).
        """
        work = SearchTrials(self._session, trials, shortlist_fits, final_fits)
        self._run(work)
        if work.cut_short:
            self._session.observer.message(
                f"the trials ended before there were {trials}: the rest of --time is kept for the shortlist and the "
                "final runs; a longer --time, or fewer --finalists, --repeats or --shortlist, leaves more for trials"
            )

    def run_jobs(
        self, jobs: Sequence[TrialJob], origins: Mapping[str, str] | None = None, deadline: float | None = None
    ) -> None:
        """Runs jobs side by side and records each. A job whose worker is lost runs again.

        Args:
            jobs: in the order in which they start. They are never pruned.
            origins: origin of each configuration, by job id, for the record.
            deadline: `time.monotonic()` at which running jobs stop.

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
                session.mailbox.cancel_all()

    def _answer_waiting(self, work: Work) -> None:
        """Answers waiting jobs between two starts, so that they do not wait until every worker has its first job."""
        for _ in range(len(self._running)):
            message = self._session.mailbox.next(work.deadline, wait=False)
            if message is None:
                return
            self._handle(work, message)

    def _begin(self, work: Work) -> None:
        job = work.begin()
        if job is None:
            return
        self._session.study.goes_on()
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
    """A given list of jobs that is never pruned: refits, probes, reruns.

    Args:
        session: the study that the jobs belong to.
        jobs: in the order in which they start.
        origins: origin of each configuration, by job id, for the record.
        deadline: `time.monotonic()` at which running jobs stop.
    """

    def __init__(
        self, session: Session, jobs: Sequence[TrialJob], origins: Mapping[str, str], deadline: float | None
    ) -> None:
        self.deadline = deadline
        self._session = session
        self._waiting = deque(jobs)
        self._origins = origins

    def wanted(self, running: int) -> bool:  # noqa: ARG002
        """Whether a job is waiting to start."""
        return bool(self._waiting)

    def begin(self) -> TrialJob:
        """Returns the next job."""
        return self._waiting.popleft()

    def judge(self, job: TrialJob, metrics: EpochMetrics) -> Verdict:  # noqa: ARG002
        """Never prunes."""
        return Verdict.CONTINUE

    def finish(self, message: DoneMessage, job: TrialJob, started: str) -> None:
        """Records a job. A lost job goes to the head of the queue; after an interrupted one no more jobs start.

        If it predicted the test set, that is counted before the score is recorded: a kill in between loses no count.
        """
        study, outcome = self._session.study, message.outcome()
        record = record_of(job, outcome, study.clips, started, origin=self._origins.get(job.job_id))
        predictions = predictions_of(job, outcome, study.clips)
        if predictions is not None and "test" in outcome.predictions:
            tested = answers_digest(predictions[predictions["subset"] == "test"])
            study.ledger.append_once(LedgerLine.of(study.record, job.job_id, study.ledger.kind, predictions=tested))
        study.folder.publish_job(record, predictions, outcome.model, outcome.traceback, outcome.curve)
        self._session.observer.trial_finished(record)
        if record.state == "interrupted":
            self._waiting.clear()
        elif is_repeated(record.state, record.attempt):
            self._waiting.appendleft(replace(job, attempt=job.attempt + 1))
