"""The child process of one fit: reads features, trains, and talks to its parent through one pipe.

It never writes under `results/`. It ignores Ctrl-C and SIGTERM, since the parent decides when to stop. It ends when the
pipe closes, so that it does not train on after its parent was killed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from serbench.records import EpochMetrics, TrialState
from serbench.training.job import ClipTargets, TrialJob, TrialOutcome, Verdict

__all__ = ["FEATURES_GONE", "STACK_SIGNAL", "main"]

FEATURES_GONE = "features gone"
STACK_SIGNAL = signal.SIGUSR1
"""Signal at which a child writes the stack of every thread to its log."""


def _is_out_of_memory(error: Exception) -> bool:
    """Whether a backend says that a device's memory is full; each has its own class for that (JAX a message)."""
    named = type(error).__name__ in {"ResourceExhaustedError", "OutOfMemoryError"}
    return named or "RESOURCE_EXHAUSTED" in str(error)


def main(
    job: TrialJob,
    paths: tuple[Path, ...],
    clips: ClipTargets,
    pipe: Connection,
    log: Path,
    began: float,
    device: str | None = None,
) -> None:
    """Entry point. Sends `("epoch", EpochMetrics)` messages and finally `("outcome", TrialOutcome)`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _redirect_output(log)
    _prefer_for_oom_kill()
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    link = _Link(pipe)
    try:
        from serbench.training.backend import limit_threads
        from serbench.training.keras_settings import pin_keras_settings

        pin_keras_settings()
        _check_backend(job.backend)
        from serbench.training.fit import fit

        limit_threads(job.backend, job.threads)
        start = time.monotonic() - began
        arrays = _opened(paths)
        if clips.speakers is not None and job.speaker_normalisation:
            from serbench.families import get_family
            from serbench.training.data import normalised_by_speaker

            arrays = normalised_by_speaker(arrays, clips.speakers, get_family(job.family).feature_axis)
        if job.members:
            from serbench.training.bag import answer_of_bag

            outcome = answer_of_bag(job, arrays)
        else:
            outcome = fit(job, arrays, clips, link.exchange, link.stopped)
        outcome = outcome.with_parts(seconds={"start": round(start, 3), **outcome.seconds})
    except _FeaturesGoneError as error:
        outcome = TrialOutcome("crashed", error=str(error), error_kind=FEATURES_GONE)
    except MemoryError as error:
        outcome = TrialOutcome("memory", error=f"out of memory: {error}", error_kind="MemoryError")
    except Exception as error:
        state: TrialState = "memory" if _is_out_of_memory(error) else "crashed"
        kind, text = type(error).__name__, traceback.format_exc()
        outcome = TrialOutcome(state, error=f"{kind}: {error}"[:2000], error_kind=kind, traceback=text)
    link.send(("outcome", outcome))


def _check_backend(backend: str) -> None:
    import keras

    if (here := keras.backend.backend()) != backend:
        raise RuntimeError(f"Keras runs on {here} in this process, and the job is for {backend}")


class _FeaturesGoneError(Exception):
    """The cache was emptied after the parent checked it and before the child opened it."""


def _opened(paths: tuple[Path, ...]) -> list[np.ndarray]:
    try:
        return [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
    except FileNotFoundError as error:
        raise _FeaturesGoneError(f"features vanished from the cache: {error.filename}") from None


def _prefer_for_oom_kill() -> None:
    """Makes the kernel end this fit, and not the coordinator, when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _redirect_output(log: Path) -> None:
    """Redirects the output of backends to a log that the parent reads only after a crash."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.close(handle)
    sys.stdout = sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    faulthandler.register(STACK_SIGNAL, file=sys.stderr, all_threads=True)


class _Link:
    """The child's end of the pipe. A thread listens, so that a closed pipe is noticed in the middle of an epoch."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._answers: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
        self._stop = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                verdict = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(3)
            if verdict is Verdict.STOP:
                self._stop.set()
            self._answers.put(verdict)

    def stopped(self) -> bool:
        return self._stop.is_set()

    def exchange(self, metrics: EpochMetrics) -> Verdict:
        self.send(("epoch", metrics))
        return self._answers.get()

    def send(self, message: tuple[str, EpochMetrics | TrialOutcome]) -> None:
        try:
            self._pipe.send(message)
        except (BrokenPipeError, OSError):
            os._exit(3)
