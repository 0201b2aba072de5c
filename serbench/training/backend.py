"""Choice and set-up of the Keras backend. Importing this module imports no backend."""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
import sys
import threading
from multiprocessing.context import BaseContext
from pathlib import Path

from serbench.child_processes import ForkServerContext, SpawnContext
from serbench.errors import SerbenchError, unknown, with_extra
from serbench.training.keras_settings import pin_keras_settings

__all__ = [
    "BACKENDS",
    "GPU_BACKENDS",
    "choose_backend",
    "compile_options",
    "import_keras",
    "keep_to_one_backend",
    "limit_threads",
    "process_context",
]

BACKENDS = ("tensorflow", "jax", "torch")
"""Keras backends; each is also the name of its package."""

GPU_BACKENDS = frozenset({"jax", "torch"})
"""Backends that get a GPU. TensorFlow's CPU package from PyPI sees none."""

_served: str | None = None
"""The backend that the fork server of this process has imported; None as long as there is no server."""
_served_lock = threading.Lock()


def choose_backend(asked: str | None = None) -> str:
    """Chooses the backend: the requested one, else KERAS_BACKEND, else JAX if it can use a GPU, else TensorFlow.

    Raises:
        UsageError: there is no such backend.
        SerbenchError: it is not installed.
    """
    name = asked or os.environ.get("KERAS_BACKEND")
    if name is None:
        return "jax" if _has_gpu() and importlib.util.find_spec("jax") else "tensorflow"
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    if importlib.util.find_spec(name) is None:
        raise SerbenchError(
            f"backend '{name}' is not installed; {with_extra(name)}"
            if name == "jax"
            else f"backend '{name}' is not installed; run `pip install {name}`"
        )
    return name


def _has_gpu() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*"))


def import_keras(backend: str) -> None:
    """Imports Keras on a backend and suppresses what the backend prints to standard error while it loads.

    No `keras.json` is read. A Keras that is already imported keeps its settings. Use it only in a process without
    other threads that write to standard error.
    """
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        if "keras" not in sys.modules:
            pin_keras_settings()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def keep_to_one_backend(backend: str) -> None:
    """Refuses another backend than the one that fits of this process have run on: all are forked from one server.

    Raises:
        SerbenchError: the server has imported another backend.
    """
    if _served not in {None, backend}:
        raise SerbenchError(
            f"this process has trained on {_served} and keeps to it; go on with --backend {_served} (in Python, "
            f"backend='{_served}'), or start Python again for {backend}"
        )


@functools.cache
def process_context(backend: str) -> BaseContext:
    """Returns the multiprocessing context of the children: forked from a warm server on Linux, spawned elsewhere.

    The server imports Keras once and runs nothing on the backend. So a fork is safe and takes hundredths of a second,
    where an import takes seven seconds. Set the environment before the server starts. No child runs the caller's
    script again.

    Raises:
        SerbenchError: the server of this process has imported another backend.
    """
    global _served  # noqa: PLW0603 - the fork server belongs to the whole process
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # else Keras' look for a GPU spoils forks of the server
    if not sys.platform.startswith("linux"):
        return SpawnContext()
    with _served_lock:
        keep_to_one_backend(backend)
        context = _started(backend)
        _served = backend
    return context


def _started(backend: str) -> ForkServerContext:
    context = ForkServerContext()
    # Blocked until the server ignores them; otherwise a Ctrl-C during its start would leave a search without a server.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        context.start_server(["serbench.training.preload"], {"KERAS_BACKEND": backend})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return context


def limit_threads(backend: str, threads: int) -> None:
    """Limits the compute threads of this (fresh) process, and makes its arithmetic reproducible."""
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)


def compile_options(backend: str) -> dict[str, bool | str]:
    """Returns arguments for `model.compile`. XLA is off: it made TensorFlow 8 to 20 times slower on a CPU."""
    return {"jit_compile": False if backend == "tensorflow" and not _has_gpu() else "auto"}
