"""`DaskEngine`: runs jobs on the workers of a Dask cluster.

The coordinator decides which task runs a job. A task that reaches a worker first asks the coordinator whether it may
begin. Messages of an attempt that is over, or of a run that was not admitted, are ignored.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import pickle
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import serbench
from serbench.errors import SerbenchError
from serbench.records import EpochMetrics
from serbench.search.engines.dask.audio import StudyAudio
from serbench.search.engines.dask.cluster import Cluster
from serbench.search.engines.dask.worker import LOST, Admission, deliver
from serbench.search.engines.engine import OnEpoch
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["DaskEngine"]

_CLOSE_GRACE_S = 60.0  # a child has 15 s to stop before it is killed


@dataclass
class _Attempt:
    """A job that was handed to the cluster.

    Attributes:
        future: future that the search waits for.
        task: Dask's future.
        run: id of the one run that was admitted; None before that.
        worker: address of the worker of that run.
    """

    job: TrialJob
    on_epoch: OnEpoch
    future: Future[TrialOutcome] = field(default_factory=Future)
    task: Any = None
    run: str | None = None
    worker: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.job.job_id, self.job.attempt


def _task() -> Callable[[str, str, bytes], TrialOutcome]:
    """Returns the task as a function that is sent by value. Without serbench on the worker, calling it raises an error.

    Dask would unpickle a function sent by name before it knows the task. A failed import would then end the whole
    worker, and the scheduler would need serbench, too.
    """

    def task(version: str, topic: str, payload: bytes) -> TrialOutcome:
        from serbench.search.engines.dask.worker import run_on_worker

        return run_on_worker(version, topic, payload)

    return task


class DaskEngine:
    """Runs the jobs of one study on a cluster.

    Args:
        cluster: connected cluster.
        audio: clips of the study.
        most: largest number of jobs at the same time; None for no limit.
        say: called by `tend` with a message when there are no workers.
    """

    def __init__(self, cluster: Cluster, audio: StudyAudio, most: int | None, say: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._study = pickle.dumps(audio)
        self._most = most
        self._say = say
        self._topic = f"serbench-{uuid.uuid4().hex}"
        self._attempts: dict[tuple[str, int], _Attempt] = {}
        self._lock = threading.Lock()
        self._waiting = False
        self._watch = contextlib.ExitStack()
        self._watch.enter_context(cluster.watching(self._worker_gone))
        cluster.client.subscribe_topic(self._topic, self.on_message)

    @property
    def workers(self) -> int:
        """Number of jobs that the present workers can run at the same time.

        Raises:
            SerbenchError: the scheduler is gone.
        """
        slots = self._cluster.slots
        return slots if self._most is None else min(slots, self._most)

    def tend(self) -> None:
        """Reports once that there are no workers.

        Raises:
            SerbenchError: the scheduler is gone.
        """
        alone = not self._cluster.slots
        if alone and not self._waiting:
            self._say(f"waiting for workers at {self._cluster.place}; start some with `dask worker --no-nanny`")
        self._waiting = alone

    def submit(self, job: TrialJob, on_epoch: OnEpoch) -> Future[TrialOutcome]:
        """Hands a job to the scheduler.

        Raises:
            SerbenchError: the scheduler is gone.
        """
        if not self._cluster.connected:
            raise self._cluster.lost()
        attempt = _Attempt(job, on_epoch)
        with self._lock:
            self._attempts[attempt.key] = attempt
        attempt.task = self._cluster.client.submit(
            _task(),
            serbench.__version__,
            self._topic,
            pickle.dumps(job),
            key=f"{self._topic}-{job.job_id}-{job.attempt}",
            pure=False,
        )
        self._cluster.start(self._follow(attempt))
        return attempt.future

    async def _follow(self, attempt: _Attempt) -> None:
        """Waits for the result of a task."""
        try:
            result = await self._cluster.client.gather(attempt.task, asynchronous=True)
        except (asyncio.CancelledError, concurrent.futures.CancelledError, Exception) as error:
            result = self._classified(error)
        self._settle(attempt, result)

    def _classified(self, error: BaseException) -> TrialOutcome | BaseException:
        """Classifies a task's failure: scheduler lost, worker lost, an error of serbench, or a faulty installation."""
        from distributed.scheduler import KilledWorker

        if not self._cluster.connected or getattr(error, "reason", "") == "scheduler-connection-lost":
            return self._cluster.lost()
        gone = (asyncio.CancelledError, concurrent.futures.CancelledError, KilledWorker, OSError, TimeoutError)
        if isinstance(error, gone):
            return LOST
        if isinstance(error, SerbenchError):
            return error
        first_line = str(error).partition("\n")[0]
        return SerbenchError(
            f"a job cannot run at {self._cluster.place} ({type(error).__name__}: {first_line}); install serbench "
            f"{serbench.__version__}, with the same extras as here, on every worker"
        )

    def on_message(self, event: tuple[float, dict[str, Any]]) -> None:
        """Handles a message of a task, which waits for the answer."""
        _, message = event
        with self._lock:
            attempt = self._attempts.get((message["job"], message["attempt"]))
            run, worker = message["run"], message["worker"]
            asks = message["kind"] == "begin"
            if attempt is not None and asks and attempt.run is None:
                attempt.run, attempt.worker = run, worker
        if attempt is None:
            self._send(worker, run, Verdict.STOP)
        elif attempt.run != run:
            self._send(worker, run, Admission.REPEAT if asks else Verdict.STOP)
        elif asks:
            study = None if message["knows"] else self._study
            content = pickle.dumps((self._cluster.neighbours(worker), study))
            self._send(worker, run, Admission.GO, content, attempt)
        else:
            metrics = EpochMetrics(**message["metrics"])
            attempt.on_epoch(metrics, lambda verdict: self._send(worker, run, verdict, None, attempt))

    def _send(
        self,
        worker: str,
        run: str,
        answer: Admission | Verdict,
        content: bytes | None = None,
        attempt: _Attempt | None = None,
    ) -> None:
        """Sends an answer to a run, without waiting. An attempt whose worker cannot be reached is lost."""
        with contextlib.suppress(SerbenchError):  # without a connection, the worker has stopped waiting
            self._cluster.start(self._deliver(worker, run, answer, content, attempt))

    async def _deliver(
        self, worker: str, run: str, answer: Admission | Verdict, content: bytes | None, attempt: _Attempt | None
    ) -> None:
        try:
            await self._cluster.client.run(deliver, run, answer, content, workers=[worker], asynchronous=True)
        except Exception:
            if attempt is not None and self._cluster.connected:
                self._settle(attempt, LOST)

    def _worker_gone(self, address: str) -> None:
        with self._lock:
            lost = [attempt for attempt in self._attempts.values() if attempt.worker == address]
        for attempt in lost:
            self._settle(attempt, LOST)

    def _settle(self, attempt: _Attempt, result: TrialOutcome | BaseException) -> None:
        """Ends an attempt, once; later messages about it are ignored."""
        with self._lock:
            if self._attempts.get(attempt.key) is not attempt:
                return
            del self._attempts[attempt.key]
        if isinstance(result, TrialOutcome):
            attempt.future.set_result(result)
        else:
            attempt.future.set_exception(result)
        with contextlib.suppress(SerbenchError):
            self._cluster.start(self._forget(attempt.task))

    async def _forget(self, task: Any) -> None:
        """Releases a task at the scheduler, and cancels it if it is still waiting or runs again."""
        if task.done():
            task.release()
        else:
            with contextlib.suppress(Exception):
                await self._cluster.client.cancel([task], asynchronous=True)

    def cancel_all(self) -> None:
        """Tells every running job to stop. Jobs that have not begun are interrupted at once."""
        with self._lock:
            attempts = list(self._attempts.values())
        for attempt in attempts:
            if attempt.run is None or attempt.worker is None:
                stopped = TrialOutcome("interrupted", error="stopped before a worker took it", error_kind="stop")
                self._settle(attempt, stopped)
            else:
                self._send(attempt.worker, attempt.run, Verdict.STOP, None, attempt)

    def close(self) -> None:
        """Stops the running jobs and waits for them, as long as the scheduler is there."""
        self.cancel_all()
        with self._lock:
            attempts = list(self._attempts.values())
        if self._cluster.connected:
            concurrent.futures.wait([attempt.future for attempt in attempts], _CLOSE_GRACE_S)
            self._cluster.client.unsubscribe_topic(self._topic)
        for attempt in attempts:
            self._settle(attempt, LOST)
        self._watch.close()
