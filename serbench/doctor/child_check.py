"""Starts a child as a fit does, lets it compute next to nothing, and says how long that took."""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from serbench.errors import SerbenchError
from serbench.training import process_context

__all__ = ["ChildCheck", "run_child"]

_LEAVE_GRACE_S = 1.0


@dataclass(frozen=True)
class ChildCheck:
    """What became of one child.

    Attributes:
        start_s: until the child ran; the first one also waits for the server to import Keras.
        compute_s: until it had added some numbers on the backend.
        keras: its version, as the child sees it.
    """

    start_s: float
    compute_s: float
    keras: str


def run_child(backend: str, timeout_s: float = 180.0) -> ChildCheck:
    """Starts one child and waits for it.

    Raises:
        SerbenchError: it could not be started, did not answer in time, or could not compute.
    """
    began = time.monotonic()
    try:
        context = process_context(backend)
        ours, theirs = context.Pipe()
        process = context.Process(target=_child, args=(theirs,), daemon=True)  # type: ignore[attr-defined]
        process.start()
        theirs.close()
        try:
            said = ours.recv() if ours.poll(timeout_s) else f"no answer within {timeout_s:g} s"
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
    if isinstance(said, str):
        raise SerbenchError(f"a child process cannot compute on backend '{backend}': {said}; install it again")
    started, computed, keras = said
    return ChildCheck(started - began, computed - started, keras)


def _child(pipe: Connection) -> None:
    started = time.monotonic()
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # what backends print while they load
        os.dup2(null, stream)
    try:
        keras = importlib.import_module("keras")
        total = float(keras.ops.sum(keras.ops.ones((2, 2))))
        pipe.send((started, time.monotonic(), keras.__version__) if total == 4 else f"1 + 1 + 1 + 1 came to {total}")
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}"[:500])
