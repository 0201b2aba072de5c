"""The part that runs on a Dask worker: one job in a child process, as in the local engine.

A job asks the coordinator before it begins and after each epoch. It sends each question over an event topic of the
scheduler and waits for the answer, which the coordinator delivers by calling `deliver` in this process. The question
before the start is needed because Dask silently runs a task again when its worker dies. Such a repeat is refused, so
that every attempt at a trial is one that the coordinator asked for.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import pickle
import queue
import signal
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Any

import serbench
from serbench.errors import SerbenchError
from serbench.records import EpochMetrics, available_memory_mib, gpus
from serbench.search.engines.dask.audio import StudyAudio
from serbench.search.resources import GPU_BACKENDS
from serbench.training import JobControl, TrialJob, TrialOutcome, Verdict, choose_backend, run_job

__all__ = ["LOST", "Admission", "dask_setup", "deliver", "gpu_count", "run_on_worker"]

LOST = TrialOutcome("lost", error="the worker it ran on is gone", error_kind="worker")

_POLL_S = 0.2
_KEPT_STUDIES = 4
_MEMORY_SHARE = 0.9


class Admission(Enum):
    """The coordinator's answer to a task that wants to begin."""

    GO = "go"
    REPEAT = "repeat"


Answer = Admission | Verdict

_links: dict[str, _Link] = {}
_studies: dict[str, StudyAudio] = {}
_gpu = threading.Lock()
_backend_lock = threading.Lock()
_backend: str | None = None


def dask_setup(_worker: Any) -> None:
    """Hook for `--preload`: makes the worker ignore Ctrl-C, since the coordinator stops and records its jobs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def gpu_count() -> int:
    """Returns the number of GPUs that this worker may use."""
    return len(gpus())


def deliver(run: str, answer: Answer, content: bytes | None = None) -> None:
    """Delivers an answer to a running job. The coordinator calls it in the worker's process.

    Args:
        run: id that the task gave this run.
        answer: answer to its last question, or `Verdict.STOP` at any time.
        content: data that comes with the answer.
    """
    link = _links.get(run)
    if link is not None:
        if answer is Verdict.STOP:
            link.stop.set()
        link.answers.put((answer, content))


def run_on_worker(version: str, topic: str, payload: bytes) -> TrialOutcome:
    """Runs a job on the worker that calls this.

    Args:
        version: the coordinator's version of serbench. The payload is read only if this worker has the same version.
        topic: event topic that the coordinator listens to.
        payload: a pickled `TrialJob`.

    Raises:
        SerbenchError: this worker cannot run the job. The message names the worker.
    """
    from distributed import get_worker

    worker = get_worker()
    try:
        _check_worker(version)
        job: TrialJob = pickle.loads(payload)  # noqa: S301 - a scheduler is as trusted as a shell
        _keep_to_one_backend(job.backend)
        with _Link(worker, topic, job) as link:
            try:
                return _run(job, link, topic, worker.state.nthreads)
            except _AbandonedError:
                return link.left()
    except SerbenchError as error:
        raise SerbenchError(f"worker {worker.address}: {error}") from None


def _check_worker(version: str) -> None:
    if multiprocessing.current_process().daemon:
        raise SerbenchError(
            "it runs under a nanny as a daemonic process, which may start no children; start it with "
            "`dask worker --no-nanny`, or with `distributed.worker.daemon: False` in its Dask configuration"
        )
    if version != serbench.__version__:
        raise SerbenchError(
            f"it has serbench {serbench.__version__} and the coordinator has {version}; install the same version on "
            "both and restart the worker"
        )


def _keep_to_one_backend(backend: str) -> None:
    """Refuses a second backend: all children are forked from one server per process, which has imported one backend."""
    global _backend  # noqa: PLW0603 - the backend of the fork server belongs to the whole process
    choose_backend(backend)
    with _backend_lock:
        if _backend not in {None, backend}:
            raise SerbenchError(
                f"it has run fits on {_backend} and keeps to it; restart it for a search with --backend {backend}"
            )
        _backend = backend


def _run(job: TrialJob, link: _Link, topic: str, threads: int) -> TrialOutcome:
    with _own_gpu(job.backend, link.stop) as device:
        known = _studies.get(topic)
        admitted, content = link.ask("begin", knows=known is not None)
        if admitted is Admission.REPEAT:
            return LOST
        if admitted is not Admission.GO or content is None:
            return link.left()
        neighbours, study = pickle.loads(content)  # noqa: S301
        if known is None:
            known = _remember(topic, pickle.loads(study))  # noqa: S301
        source = known.source(job)
        source.paths(job.features, job.copies, link.progress)
        slots = max(neighbours, 1 if device is not None else threads)
        limit = job.memory_limit_mib or int(_MEMORY_SHARE * _free_at_first_mib() / slots)
        control = JobControl(link.report, cancel=link.stop, device=device)
        outcome = run_job(replace(job, memory_limit_mib=limit), source, control)
    if outcome.state == "interrupted" and not link.stop.requested:
        return outcome.with_parts(state="lost", error=LOST.error, error_kind=LOST.error_kind)
    return outcome


@functools.cache
def _free_at_first_mib() -> float:
    """Memory that was free before this process ran its first fit: later, fits that run have taken their part of it."""
    return available_memory_mib()


def _remember(topic: str, study: StudyAudio) -> StudyAudio:
    """Caches the clips of a study for its next jobs, since a worker outlives many searches."""
    _studies[topic] = study
    for old in list(_studies)[:-_KEPT_STUDIES]:
        _studies.pop(old, None)
    return study


@contextlib.contextmanager
def _own_gpu(backend: str, stop: _Stop) -> Iterator[str | None]:
    """Reserves the worker's first GPU for one job at a time, whatever its number of threads; None without a GPU."""
    devices = gpus() if backend in GPU_BACKENDS else []
    if not devices:
        yield None
        return
    while not _gpu.acquire(timeout=_POLL_S):
        if stop.is_set():
            raise _AbandonedError
    try:
        yield devices[0]
    finally:
        _gpu.release()


class _AbandonedError(Exception):
    """The job was told to stop, or its coordinator went away, before the training began."""


class _Stop(threading.Event):
    """Event set by the coordinator. It also counts as set once nobody waits for the task any more.

    When the coordinator dies, the scheduler drops its tasks and tells the worker. When the scheduler dies, the worker
    closes. Both are visible here without a network message.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__()
        self._worker = worker
        self._key = worker.get_current_task()

    @property
    def requested(self) -> bool:
        """Whether the coordinator told the job to stop."""
        return super().is_set()

    def is_set(self) -> bool:
        """Whether the job should end."""
        task = self._worker.state.tasks.get(self._key)
        wanted = task is not None and task.state in {"executing", "long-running"}
        return self.requested or not wanted or self._worker.status.name not in {"running", "paused"}


class _Link:
    """A job's connection to the coordinator. Every message names the job, its attempt and this run."""

    def __init__(self, worker: Any, topic: str, job: TrialJob) -> None:
        self._worker = worker
        self._topic = topic
        self._names = {"job": job.job_id, "attempt": job.attempt, "run": uuid.uuid4().hex, "worker": worker.address}
        self.stop = _Stop(worker)
        self.answers: queue.SimpleQueue[tuple[Answer, bytes | None]] = queue.SimpleQueue()

    def __enter__(self) -> _Link:
        _links[self._names["run"]] = self
        return self

    def __exit__(self, *_: object) -> None:
        del _links[self._names["run"]]

    def ask(self, kind: str, **content: Any) -> tuple[Answer, bytes | None]:
        """Sends a message and waits for its answer, as long as there is someone to give one."""
        self._worker.log_event(self._topic, {"kind": kind, **self._names, **content})
        while not self.stop.is_set():
            with contextlib.suppress(queue.Empty):
                return self.answers.get(timeout=_POLL_S)
        return Verdict.STOP, None

    def report(self, metrics: EpochMetrics) -> Verdict:
        """Reports an epoch and returns the verdict."""
        answer, _ = self.ask("epoch", metrics=metrics.model_dump())
        return answer if isinstance(answer, Verdict) else Verdict.STOP

    def progress(self, _done: int, _total: int) -> None:
        """Aborts the computation of features when nobody waits for them."""
        if self.stop.is_set():
            raise _AbandonedError

    def left(self) -> TrialOutcome:
        """Returns the outcome of a job that has not trained."""
        stopped = TrialOutcome("interrupted", error="stopped before it began to train", error_kind="stop")
        return stopped if self.stop.requested else LOST
