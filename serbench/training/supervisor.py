"""The parent's side of one fit: starts the child, forwards its epochs, and enforces time and memory limits."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from serbench.records import EpochMetrics, kernel_memory_kills
from serbench.temporary import temporary_folder
from serbench.training import child
from serbench.training.backend import process_context
from serbench.training.child import FEATURES_GONE, STACK_SIGNAL
from serbench.training.job import TrialJob, TrialOutcome, Verdict
from serbench.training.source import FeatureSource

__all__ = ["JobControl", "run_job"]

_POLL_S = 0.2
_STOP_GRACE_S = 15.0
_LEAVE_GRACE_S = 1.0
_CACHE_TRIES = 3
_STACKS = 64_000  # characters: while a backend traces a model, each thread's stack is some hundred calls deep


@dataclass
class JobControl:
    """An engine's handle on a running job.

    Attributes:
        report: callback for every epoch; its verdict is sent to the child.
        cancel: set this event to stop the child. One that does not stop is killed.
        stop: set this event to stop the computation of its features, too. At the end of a time limit it goes on: what
            the cache holds then is not computed again by the next search.
        device: the GPU that the child may see; None for all GPUs.
    """

    report: Callable[[EpochMetrics], Verdict] = lambda _: Verdict.CONTINUE
    cancel: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    device: str | None = None


def run_job(job: TrialJob, source: FeatureSource, control: JobControl | None = None) -> TrialOutcome:
    """Fits a job in a fresh child process. Always returns an outcome.

    Raises:
        SerbenchError: the features cannot be computed (audio gone, cache full); no child was started.
    """
    control = control or JobControl()
    for _ in range(_CACHE_TRIES):
        outcome = _run_once(job, source, control)
        if outcome.error_kind != FEATURES_GONE:
            break
    return outcome


def _run_once(job: TrialJob, source: FeatureSource, control: JobControl) -> TrialOutcome:
    began = time.monotonic()
    try:
        paths = source.paths(job.features, job.copies, _ended_by(control.stop))
    except _CancelledError:
        return TrialOutcome(
            "interrupted", error="told to stop while its features were computed", error_kind="stop",
            seconds=dict.fromkeys(("features", "total"), round(time.monotonic() - began, 3)),
        )  # fmt: skip
    clips = source.targets_for(job)
    waited = time.monotonic() - began
    kernel_kills = kernel_memory_kills()
    context = process_context(job.backend)
    with temporary_folder() as folder:
        log = folder / "child.log"
        ours, theirs = context.Pipe()
        watch = _Watch(job, ours, control)
        process = context.Process(  # type: ignore[attr-defined]
            target=child.main,
            args=(job, paths, clips, theirs, log, time.monotonic(), control.device),
            daemon=True,
        )
        try:
            process.start()
            theirs.close()
            outcome = watch.wait(process.pid) or _died(process, log, kernel_kills)
            if outcome.error_kind == "limit":
                if outcome.state == "timeout":
                    outcome = outcome.with_parts(traceback=_stacks(process, log))
                process.kill()  # one over its memory limit would go on allocating until it is ended below
        except (EOFError, OSError) as error:  # the fork server is gone, or the machine has no room for a process
            outcome = TrialOutcome("crashed", error=f"no child could be started: {error}", error_kind="start")
        finally:
            _end(process)
            ours.close()
    if outcome.state == "crashed" and control.cancel.is_set():
        # A signal to the process group ends children, too, so this crash says nothing about the configuration.
        outcome = TrialOutcome("interrupted", error="ended while it was told to stop", error_kind="stop")
    return outcome.with_parts(
        peak_memory_mib=watch.peak_mib,
        epochs=outcome.epochs or tuple(watch.epochs),
        seconds={**outcome.seconds, "features": round(waited, 3), "total": round(time.monotonic() - began, 3)},
    )


class _CancelledError(Exception):
    """The search was stopped while features were computed. No entry of the cache is half-written."""


def _ended_by(stop: threading.Event) -> Callable[[int, int], None]:
    """Returns a progress callback that ends a computation once `stop` is set."""

    def check(_done: int, _total: int) -> None:
        if stop.is_set():
            raise _CancelledError

    return check


class _Watch:
    """Waits for a child, forwards its epochs and enforces limits."""

    def __init__(self, job: TrialJob, pipe: Connection, control: JobControl) -> None:
        self._job = job
        self._pipe = pipe
        self._control = control
        self._deadline = time.monotonic() + job.settings.trial_timeout_s if job.settings.trial_timeout_s else None
        self._stop_by: float | None = None
        self.peak_mib: float | None = None
        self.epochs: list[EpochMetrics] = []

    def wait(self, pid: int | None) -> TrialOutcome | None:
        """Returns the outcome, or None if the child died without one."""
        while True:
            try:
                if self._pipe.poll(_POLL_S):
                    kind, content = self._pipe.recv()
                    if kind == "outcome":
                        return content  # type: ignore[no-any-return]
                    self.epochs.append(content)
                    verdict = self._control.report(content)
                    self._pipe.send(Verdict.STOP if self._control.cancel.is_set() else verdict)
                if (limit := self._over_limit(pid)) is not None:
                    return limit
            except (EOFError, OSError):
                return None

    def _over_limit(self, pid: int | None) -> TrialOutcome | None:
        now = time.monotonic()
        memory = anonymous_memory_mib(pid)
        if memory is not None:
            self.peak_mib = round(max(self.peak_mib or 0.0, memory), 1)
        limit = self._job.memory_limit_mib
        if limit is not None and memory is not None and memory > limit:
            reason = f"used {memory:.0f} MiB, over its limit of {limit} MiB"
            return TrialOutcome("memory", error=reason, error_kind="limit")
        if self._deadline is not None and now > self._deadline:
            reason = f"took longer than {self._job.settings.trial_timeout_s:g} s"
            return TrialOutcome("timeout", error=reason, error_kind="limit")
        if self._control.cancel.is_set():
            if self._stop_by is None:
                self._stop_by = now + _STOP_GRACE_S
                self._pipe.send(Verdict.STOP)
            elif now > self._stop_by:
                return TrialOutcome("interrupted", error="did not stop when told to", error_kind="stop")
        return None


def anonymous_memory_mib(pid: int | None) -> float | None:
    """Returns a process's own resident memory in MiB, without mapped files, since feature memmaps are shared."""
    if pid is None:
        return None
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except (OSError, psutil.Error):
        return None


def _end(process: BaseProcess) -> None:
    """Makes sure that the child is gone. If it does not exit, it gets SIGKILL, since it ignores all other signals."""
    if process.pid is None:
        return
    process.join(_LEAVE_GRACE_S)
    if process.is_alive():
        process.kill()
        process.join()


def _log_tail(log: Path, most: int = 4_000) -> str | None:
    return (log.read_text(encoding="utf-8", errors="replace")[-most:] if log.is_file() else "") or None


def _stacks(process: BaseProcess, log: Path) -> str | None:
    """Returns the stacks of a child that hangs and is about to be killed.

    On the signal, the child writes the stack of every thread to its log, even if it is stuck in compiled code and
    reacts to nothing else.
    """
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, STACK_SIGNAL)
        process.join(_LEAVE_GRACE_S)
    return _log_tail(log, _STACKS)


def _died(process: BaseProcess, log: Path, kernel_kills: int) -> TrialOutcome:
    process.join(_LEAVE_GRACE_S)
    exitcode = process.exitcode
    log_text = _log_tail(log)
    if exitcode == -signal.SIGKILL and kernel_memory_kills() > kernel_kills:
        reason = "the kernel ended it, since the machine or its share of it had no memory left"
        return TrialOutcome("memory", error=reason, error_kind="kernel", traceback=log_text)
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return TrialOutcome("crashed", error=f"the child was killed by {name}", error_kind=name, traceback=log_text)
    return TrialOutcome(
        "crashed",
        error=f"the child ended with exit code {exitcode} and no message",
        error_kind="exit",
        traceback=log_text,
    )
