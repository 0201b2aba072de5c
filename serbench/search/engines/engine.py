"""`Engine`: the interface of what runs jobs; `engines.local` and `engines.dask` implement it. It knows no Optuna."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from serbench.records import EpochMetrics
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["Answer", "Engine", "OnEpoch"]

Answer = Callable[[Verdict], None]
"""Function that takes the verdict on an epoch."""

OnEpoch = Callable[[EpochMetrics, Answer], None]
"""Callback for each epoch of a job."""


class Engine(Protocol):
    """Runs jobs side by side, on this machine or on others."""

    @property
    def workers(self) -> int:
        """Number of jobs that can run at the same time now. It may change at any moment."""

    def submit(self, job: TrialJob, on_epoch: OnEpoch) -> Future[TrialOutcome]:
        """Starts a job.

        Args:
            job: the job to run.
            on_epoch: callback for each epoch, called from any thread with the metrics and a function that takes the
                verdict. It must not block. The job waits until the verdict is given.

        Returns:
            A future of the outcome, whose state is `lost` if the worker is gone. The future raises a `SerbenchError`
            if the job could not be started.
        """

    def tend(self) -> None:
        """Called regularly by the thread that waits for jobs, so that the engine can report what it is waiting for.

        Raises:
            SerbenchError: there is nothing left to wait for.
        """

    def cancel_all(self) -> None:
        """Tells every running job to stop. Their futures still get an outcome, and none waits for a verdict."""

    def close(self) -> None:
        """Waits for running jobs and releases all resources."""
