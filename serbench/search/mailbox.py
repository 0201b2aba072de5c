"""`Mailbox`: hands jobs to an engine and collects their messages in one thread."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from serbench.records import EpochMetrics
from serbench.search.engines.engine import Answer, Engine
from serbench.training import TrialJob, TrialOutcome

__all__ = ["DoneMessage", "EpochMessage", "Mailbox"]

_POLL_S = 0.2


@dataclass(frozen=True)
class EpochMessage:
    """A job finished an epoch and waits for an answer."""

    job_id: str
    metrics: EpochMetrics
    answer: Answer


@dataclass(frozen=True)
class DoneMessage:
    """A job ended."""

    job_id: str
    future: Future[TrialOutcome]

    def outcome(self) -> TrialOutcome:
        """Returns the outcome of the job.

        Raises:
            SerbenchError: the job could not be started.
        """
        try:
            return self.future.result()
        except CancelledError:
            return TrialOutcome("interrupted", error="cancelled before it began", error_kind="stop")


class Mailbox:
    """Hands jobs to an engine and collects their messages in one thread.

    Args:
        engine: runs the jobs.
        stop: set by another thread (Ctrl-C). Running jobs are then cancelled and still recorded.
    """

    def __init__(self, engine: Engine, stop: threading.Event) -> None:
        self.engine = engine
        self._stop = stop
        self._inbox: queue.SimpleQueue[EpochMessage | DoneMessage] = queue.SimpleQueue()
        self._cancelled = False

    def submit(self, job: TrialJob) -> None:
        """Starts a job."""
        future = self.engine.submit(
            job, lambda metrics, answer: self._inbox.put(EpochMessage(job.job_id, metrics, answer))
        )
        future.add_done_callback(lambda done: self._inbox.put(DoneMessage(job.job_id, done)))

    def next(self, deadline: float | None = None, *, wait: bool = True) -> EpochMessage | DoneMessage | None:
        """Waits for the next message of any job.

        Cancels the running jobs, once, when a stop was requested or the deadline has passed.

        Args:
            deadline: `time.monotonic()` at which running jobs are cancelled; None for never.
            wait: whether to wait for a message at all.

        Returns:
            The message, or None if none arrived for a while, so that the caller can check the time.

        Raises:
            SerbenchError: the engine is gone.
        """
        late = deadline is not None and time.monotonic() > deadline
        ending = self._stop.is_set() or late
        if ending and not self._cancelled:
            self.engine.cancel_all()
        # Each step has its own deadline: the next one (refits after trials) may have none and be stopped later.
        self._cancelled = ending
        try:
            return self._inbox.get(wait, _POLL_S)
        except queue.Empty:
            self.engine.tend()
            return None

    def cancel_all(self) -> None:
        """Tells running jobs to stop. None of them waits for an answer any longer."""
        self.engine.cancel_all()
