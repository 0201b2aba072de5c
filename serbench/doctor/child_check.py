"""Starts a child process as a trial does, runs a tiny computation in it, and measures the time."""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from serbench.errors import SerbenchError
from serbench.training import pin_keras_settings, process_context

__all__ = ["ChildCheck", "run_child"]

_LEAVE_GRACE_S = 1.0


@dataclass(frozen=True)
class ChildCheck:
    """Measurements of one child process.

    Attributes:
        start_s: seconds until the child ran. For the first child this includes the fork server's import of Keras.
        compute_s: seconds from then until the child had added some numbers on the backend.
        keras: version of Keras in the child.
    """

    start_s: float
    compute_s: float
    keras: str


def run_child(backend: str, timeout_s: float = 180.0) -> ChildCheck:
    """Starts one child process and waits for its result.

    Args:
        backend: Keras backend.
        timeout_s: longest time to wait, in seconds.

    Raises:
        SerbenchError: the child could not be started, did not answer in time, or could not compute.
    """
    began = time.monotonic()
    try:
        context = process_context(backend)
        ours, theirs = context.Pipe()
        process = context.Process(target=_child, args=(theirs, backend), daemon=True)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        try:
            answer = ours.recv() if ours.poll(timeout_s) else f"no answer within {timeout_s:g} s"
        finally:
            process.join(_LEAVE_GRACE_S)
            if process.is_alive():
                process.kill()
            ours.close()
    except (EOFError, OSError) as error:
        raise SerbenchError(
            f"no child process could be started on backend '{backend}' ({error or type(error).__name__}), so no trial "
            "could run; look for limits on processes or memory (ulimit -u, ulimit -v)"
        ) from error
    if isinstance(answer, str):
        raise SerbenchError(f"a child process cannot compute on backend '{backend}': {answer}; install it again")
    started, computed, keras = answer
    return ChildCheck(started - began, computed - started, keras)


def _child(pipe: Connection, backend: str) -> None:
    started = time.monotonic()
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # backends print messages while they load
        os.dup2(null, stream)
    try:
        os.environ["KERAS_BACKEND"] = backend
        pin_keras_settings()
        keras = importlib.import_module("keras")
        total = float(keras.ops.sum(keras.ops.ones((2, 2))))
        pipe.send((started, time.monotonic(), keras.__version__) if total == 4 else f"1 + 1 + 1 + 1 came to {total}")
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}"[:500])
