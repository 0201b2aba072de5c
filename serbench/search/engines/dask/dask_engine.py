"""`DaskEngine`: runs jobs on the workers of a Dask cluster.

The coordinator is the judge of who runs what: a task that reaches a worker asks here whether it may begin, and what is
said in the name of an attempt that is over, or of a run that was not let in, is dropped.
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

_CLOSE_GRACE_S = 60.0  # a child has 15 s to stop, then is ended


@dataclass
class _Attempt:
    """A job that was handed to the cluster.

    Attributes:
        future: what the search waits for.
        task: Dask's future.
        run: name of the one run that was let in, once it was.
        worker: where that is.
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
    """The task, as a function that is sent by value: where serbench is not installed, calling it says so.

    A function sent by name would end the whole worker there (Dask reads it before it knows whose task it is), and would
    have to be known to the scheduler, too.
    """

    def task(version: str, topic: str, payload: bytes) -> TrialOutcome:
        from serbench.search.engines.dask.worker import run_on_worker

        return run_on_worker(version, topic, payload)

    return task


class DaskEngine:
    """Runs the jobs of one study on a cluster.

    Args:
        cluster: connected.
        audio: the study's clips.
        threads: compute threads of each job.
        most: jobs at the same time, however many workers there are; None for no bound.
        say: called by `tend` when there are no workers.
    """

    def __init__(
        self, cluster: Cluster, audio: StudyAudio, threads: int, most: int | None, say: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._study = pickle.dumps(audio)
        self._threads = threads
        self._most = most
        self._say = say
        self._topic = f"serbench-{uuid.uuid4().hex}"
        self._attempts: dict[tuple[str, int], _Attempt] = {}
        self._lock = threading.Lock()
        self._waiting = False
        self._watch = contextlib.ExitStack()
        self._watch.enter_context(cluster.watching(self._worker_gone))
        cluster.client.subscribe_topic(self._topic, self.hear)

    @property
    def workers(self) -> int:
        """Jobs that the present workers can run at the same time.

        Raises:
            SerbenchError: the scheduler is gone.
        """
        slots = self._cluster.slots
        return slots if self._most is None else min(slots, self._most)

    @property
    def threads(self) -> int | None:
        """Compute threads that a job should use."""
        return self._threads

    def tend(self) -> None:
        """Says, once, that there are no workers to run anything.

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
        """Waits for what comes of a task."""
        try:
            result = await self._cluster.client.gather(attempt.task, asynchronous=True)
        except (asyncio.CancelledError, concurrent.futures.CancelledError, Exception) as error:
            result = self._judged(error)
        self._settle(attempt, result)

    def _judged(self, error: BaseException) -> TrialOutcome | BaseException:
        """What a task's failure says: of the whole cluster, of one worker, or of what is installed there."""
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

    def hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Takes a message of a task: a question that it waits with."""
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
        """Answers a run without waiting for the answer to arrive; an attempt whose worker cannot be reached is lost."""
        with contextlib.suppress(SerbenchError):  # without a connection, the worker waits no longer
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
        """Ends an attempt, once; what else is said of it is dropped."""
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
        """Frees a task at the scheduler, and ends it where it waits or runs again."""
        if task.done():
            task.release()
        else:
            with contextlib.suppress(Exception):
                await self._cluster.client.cancel([task], asynchronous=True)

    def cancel_all(self) -> None:
        """Tells every running job to stop; those that have not begun are interrupted here and now."""
        with self._lock:
            attempts = list(self._attempts.values())
        for attempt in attempts:
            if attempt.run is None or attempt.worker is None:
                stopped = TrialOutcome("interrupted", error="stopped before a worker took it", error_kind="stop")
                self._settle(attempt, stopped)
            else:
                self._send(attempt.worker, attempt.run, Verdict.STOP, None, attempt)

    def close(self) -> None:
        """Stops what runs and waits for it, as long as the scheduler is there."""
        self.cancel_all()
        with self._lock:
            attempts = list(self._attempts.values())
        if self._cluster.connected:
            concurrent.futures.wait([attempt.future for attempt in attempts], _CLOSE_GRACE_S)
            self._cluster.client.unsubscribe_topic(self._topic)
        for attempt in attempts:
            self._settle(attempt, LOST)
        self._watch.close()
