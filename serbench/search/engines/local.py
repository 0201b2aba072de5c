"""`LocalEngine`: runs jobs in child processes of this one, each watched by a thread."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from serbench.records import EpochMetrics
from serbench.search.engines.engine import OnEpoch
from serbench.training import FeatureSource, JobControl, TrialJob, TrialOutcome, Verdict, run_job

__all__ = ["LocalEngine"]

_ANSWER_POLL_S = 0.2


class LocalEngine:
    """Runs jobs in child processes of this one.

    Args:
        source: source of the features.
        workers: number of children side by side.
        devices: GPUs by index, one for each worker; empty on a CPU.
        stop: set once the search is stopped (Ctrl-C); features are then computed no further.
    """

    def __init__(
        self,
        source: FeatureSource,
        workers: int,
        devices: Sequence[str] = (),
        stop: threading.Event | None = None,
    ) -> None:
        self._source = source
        self._stop = stop or threading.Event()
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="serbench-worker")
        self._controls: dict[str, JobControl] = {}
        self._free: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        for place in range(workers):
            self._free.put(devices[place % len(devices)] if devices else None)

    @property
    def workers(self) -> int:
        """Number of jobs that run at the same time."""
        return self._workers

    def submit(self, job: TrialJob, on_epoch: OnEpoch) -> Future[TrialOutcome]:
        """Starts a job."""
        cancel = threading.Event()

        def report(metrics: EpochMetrics) -> Verdict:
            answers: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
            on_epoch(metrics, answers.put)
            # The thread that should answer may have failed meanwhile; a job must not wait for it forever.
            while not cancel.is_set():
                with contextlib.suppress(queue.Empty):
                    return answers.get(timeout=_ANSWER_POLL_S)
            return Verdict.STOP

        self._controls[job.job_id] = JobControl(report, cancel=cancel, stop=self._stop)
        future = self._pool.submit(self._run, job, self._controls[job.job_id])
        future.add_done_callback(lambda _: self._controls.pop(job.job_id, None))
        return future

    def _run(self, job: TrialJob, control: JobControl) -> TrialOutcome:
        device = self._free.get()
        try:
            control.device = device
            return run_job(job, self._source, control)
        finally:
            self._free.put(device)

    def tend(self) -> None:
        """Does nothing: local workers are always there."""

    def cancel_all(self) -> None:
        """Tells every running job to stop."""
        for control in list(self._controls.values()):
            control.cancel.set()

    def close(self) -> None:
        """Stops the running jobs and waits for them."""
        self.cancel_all()
        self._pool.shutdown(wait=True, cancel_futures=True)
