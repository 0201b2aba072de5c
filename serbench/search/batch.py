"""Runs a list of jobs to their records: refits and probes, which nothing proposes and nothing prunes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from serbench.records.base import now
from serbench.records.states import is_repeated
from serbench.search.jobs import predictions_of, record_of
from serbench.search.mailbox import EpochMessage, JobRunner
from serbench.search.observer import Observer
from serbench.search.studies.study import Study
from serbench.training import TrialJob, Verdict

__all__ = ["run_batch"]


def run_batch(
    study: Study,
    runner: JobRunner,
    observer: Observer,
    stop: threading.Event,
    jobs: Sequence[TrialJob],
    origins: dict[str, str],
    deadline: float | None = None,
) -> None:
    """Runs jobs side by side and records each; one whose worker went away is run again.

    Args:
        study: they belong to.
        runner: runs them.
        observer: is told.
        stop: set from outside to end gracefully.
        jobs: in the order in which they begin.
        origins: what each record says of where its configuration comes from, by job id.
        deadline: `time.monotonic()` at which running jobs are stopped.

    Raises:
        SerbenchError: a job cannot be started or recorded.
    """
    waiting = deque(jobs)
    running: dict[str, tuple[TrialJob, str]] = {}
    try:
        while waiting or running:
            ending = stop.is_set() or (deadline is not None and time.monotonic() > deadline)
            while waiting and not ending and len(running) < runner.engine.workers:
                job = waiting.popleft()
                running[job.job_id] = (job, now())
                observer.trial_started(job.job_id, job.config, job.settings.epochs)
                runner.submit(job)
            if ending and not running:
                return
            message = runner.next(deadline)
            if message is None:
                continue
            job, started = running[message.job_id]
            if isinstance(message, EpochMessage):
                observer.epoch(job.job_id, message.metrics)
                message.answer(Verdict.CONTINUE)
                continue
            del running[message.job_id]
            outcome = runner.outcome(message)
            record = record_of(job, outcome, study.clips, started, origin=origins.get(job.job_id))
            predictions = predictions_of(job, outcome, study.clips)
            study.folder.publish_job(record, predictions, outcome.model, outcome.traceback)
            observer.trial_finished(record)
            if record.state == "interrupted":
                waiting.clear()
            elif is_repeated(record.state, record.attempt):
                waiting.appendleft(replace(job, attempt=job.attempt + 1))
    finally:
        if running:
            runner.close()
