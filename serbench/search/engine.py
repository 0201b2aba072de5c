"""Engines run jobs and know nothing of Optuna. `LocalEngine`: threads that each babysit a child process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from serbench.records.schemas import EpochMetrics
from serbench.training import FeatureSource, JobControl, TrialJob, TrialOutcome, Verdict, run_job

__all__ = ["Engine", "LocalEngine"]

Report = Callable[[EpochMetrics], Verdict]


class Engine(Protocol):
    """Runs jobs side by side. `report` is called from another thread and may block until it has an answer."""

    @property
    def workers(self) -> int:
        """Jobs that run at the same time."""

    def submit(self, job: TrialJob, report: Report) -> Future[TrialOutcome]:
        """Starts a job. The future's exception is a `SerbenchError` where the job could not be started."""

    def cancel_all(self) -> None:
        """Tells every running job to stop; their futures still come to an outcome."""

    def close(self) -> None:
        """Waits for running jobs and frees what the engine holds."""


class LocalEngine:
    """Runs jobs in children of this process.

    Args:
        source: where features come from.
        workers: children side by side.
    """

    def __init__(self, source: FeatureSource, workers: int) -> None:
        self._source = source
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="serbench-worker")
        self._controls: dict[str, JobControl] = {}

    @property
    def workers(self) -> int:
        """Jobs that run at the same time."""
        return self._workers

    def submit(self, job: TrialJob, report: Report) -> Future[TrialOutcome]:
        """Starts a job."""
        control = JobControl(report)
        self._controls[job.job_id] = control
        future = self._pool.submit(run_job, job, self._source, control)
        future.add_done_callback(lambda _: self._controls.pop(job.job_id, None))
        return future

    def cancel_all(self) -> None:
        """Tells every running job to stop."""
        for control in list(self._controls.values()):
            control.cancel.set()

    def close(self) -> None:
        """Stops what runs and waits for it."""
        self.cancel_all()
        self._pool.shutdown(wait=True, cancel_futures=True)
