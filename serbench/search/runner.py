"""`JobRunner`: hands jobs to an engine and brings what they say back to one thread."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field

from serbench.records.schemas import EpochMetrics
from serbench.search.engine import Engine
from serbench.training import TrialJob, TrialOutcome, Verdict

__all__ = ["DoneMessage", "EpochMessage", "JobRunner"]


_ANSWER_POLL_S = 0.2


@dataclass
class EpochMessage:
    """A job finished an epoch and waits for an answer."""

    job_id: str
    metrics: EpochMetrics
    answer: queue.SimpleQueue[Verdict] = field(default_factory=queue.SimpleQueue)


@dataclass
class DoneMessage:
    """A job ended."""

    job_id: str
    future: Future[TrialOutcome]


class JobRunner:
    """Hands jobs to an engine and brings what they say back to one thread.

    Args:
        engine: runs the jobs.
        stop: set from outside (Ctrl-C); running jobs are then cancelled and still recorded.
    """

    def __init__(self, engine: Engine, stop: threading.Event) -> None:
        self.engine = engine
        self._stop = stop
        self._inbox: queue.SimpleQueue[EpochMessage | DoneMessage] = queue.SimpleQueue()
        self._cancelled = False
        self._closed = threading.Event()

    def submit(self, job: TrialJob) -> None:
        """Starts a job."""

        def report(metrics: EpochMetrics) -> Verdict:
            message = EpochMessage(job.job_id, metrics)
            self._inbox.put(message)
            # Whoever should answer may have failed meanwhile; a job must not wait for it for ever.
            while not self._closed.is_set():
                with contextlib.suppress(queue.Empty):
                    return message.answer.get(timeout=_ANSWER_POLL_S)
            return Verdict.STOP

        future = self.engine.submit(job, report)
        future.add_done_callback(lambda done: self._inbox.put(DoneMessage(job.job_id, done)))

    def next(self, deadline: float | None = None) -> EpochMessage | DoneMessage | None:
        """Waits for the next word of any job; None after a while, so that the caller can look at the clock.

        Running jobs are cancelled once a stop was asked for or the deadline (monotonic) has passed.
        """
        late = deadline is not None and time.monotonic() > deadline
        if (self._stop.is_set() or late) and not self._cancelled:
            self._cancelled = True
            self.engine.cancel_all()
        try:
            return self._inbox.get(timeout=0.2)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Stops listening: jobs that still run are told to stop, and none of them waits for an answer."""
        self._closed.set()
        self.engine.cancel_all()

    @staticmethod
    def outcome(done: DoneMessage) -> TrialOutcome:
        """The outcome of a finished job.

        Raises:
            SerbenchError: the job could not be started.
        """
        try:
            return done.future.result()
        except CancelledError:
            return TrialOutcome("interrupted", error="cancelled before it began", error_kind="stop")
