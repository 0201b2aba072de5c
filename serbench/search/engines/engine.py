"""`Engine`: what runs jobs. It knows nothing of Optuna; `engines.local` and `engines.dask` are the two there are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from serbench.records import EpochMetrics
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["Answer", "Engine", "OnEpoch"]

Answer = Callable[[Verdict], None]
"""Takes the verdict on an epoch."""

OnEpoch = Callable[[EpochMetrics, Answer], None]
"""Called with each epoch of a job."""


class Engine(Protocol):
    """Runs jobs side by side, here or elsewhere."""

    @property
    def workers(self) -> int:
        """Jobs that can run at the same time, now; another number may be right a moment later."""

    @property
    def threads(self) -> int | None:
        """Compute threads that a job should use, or None where the machine that asks decides."""

    def submit(self, job: TrialJob, on_epoch: OnEpoch) -> Future[TrialOutcome]:
        """Starts a job.

        Args:
            job: what to run.
            on_epoch: called from any thread with each epoch and with what takes the verdict. It must not block; the
                job waits until the verdict is given.

        Returns:
            Its outcome; `lost` where the worker went away. A `SerbenchError` where it could not be started.
        """

    def tend(self) -> None:
        """Called again and again by the thread that waits for jobs, so that the engine can say what it waits for.

        Raises:
            SerbenchError: there is nothing more to wait for.
        """

    def cancel_all(self) -> None:
        """Tells every running job to stop; their futures still come to an outcome, and none waits for a verdict."""

    def close(self) -> None:
        """Waits for running jobs and frees what the engine holds."""
