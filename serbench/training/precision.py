"""The precision that a model is trained in. Importing this module imports no backend."""

from __future__ import annotations

import contextlib
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from serbench.errors import unknown
from serbench.records import Precision, gpus
from serbench.training.backend import GPU_BACKENDS

__all__ = ["PRECISIONS", "bfloat16_unit", "choose_precision", "dtype_policy"]

PRECISIONS: tuple[str, ...] = ("auto", "float32", "bfloat16")

_CPU_FLAGS = ("amx_bf16", "avx512_bf16")
_GPU_GENERATION = 8.0  # the first compute capability of NVIDIA GPUs that multiplies bfloat16
_POLICIES: dict[Precision, str] = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def choose_precision(asked: str, backend: str = "tensorflow", cpuinfo: str | None = None) -> Precision:
    """Chooses the precision of training: the requested one, or for `auto` what the hardware is fast at.

    Args:
        asked: one of `PRECISIONS`. `auto` gives bfloat16 where `bfloat16_unit` finds hardware for it, else float32.
        backend: Keras backend.
        cpuinfo: as in `bfloat16_unit`.

    Raises:
        UsageError: there is no such precision.
    """
    if asked == "float32":
        return "float32"
    if asked == "bfloat16":
        return "bfloat16"
    if asked != "auto":
        raise unknown("precision", asked, PRECISIONS)
    return "bfloat16" if bfloat16_unit(backend, cpuinfo) else "float32"


def bfloat16_unit(backend: str = "tensorflow", cpuinfo: str | None = None) -> str | None:
    """Names the hardware that multiplies bfloat16 numbers here, such as `amx_bf16`; None if there is none.

    Args:
        backend: Keras backend. GPUs count only for backends that train on them, and then the processor does not.
        cpuinfo: text of /proc/cpuinfo; None for this machine's.
    """
    devices = tuple(gpus()) if backend in GPU_BACKENDS else ()
    if devices:
        capability = _compute_capability(devices)
        return f"GPU of compute capability {capability:g}" if capability >= _GPU_GENERATION else None
    flags = _cpu_flags(cpuinfo)
    return next((name for name in _CPU_FLAGS if name in flags), None)


def _cpu_flags(cpuinfo: str | None) -> set[str]:
    if cpuinfo is None:
        try:
            cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return set()
    found = re.search(r"^flags\s*:(.*)$", cpuinfo, flags=re.M)
    return set(found[1].split()) if found else set()


@functools.cache
def _compute_capability(devices: tuple[str, ...]) -> float:
    """The lowest compute capability of these GPUs; 0 if the driver does not say."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader", "-i", ",".join(devices)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return min(float(line) for line in done.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0


@contextlib.contextmanager
def dtype_policy(precision: Precision) -> Iterator[None]:
    """Builds the layers of its block for a precision, and restores the policy that was set before.

    Args:
        precision: for bfloat16, layers multiply in bfloat16 and keep their weights in float32.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
