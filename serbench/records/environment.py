"""The environment of a study: versions, CPU, git revision. It holds no host name, user name or path."""

from __future__ import annotations

import functools
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

import serbench
from serbench.records.machine import usable_cores
from serbench.records.schemas import Environment

__all__ = ["cpu_name", "current_environment"]

_PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
    "optuna",
    "librosa",
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "onnxruntime",
    "transformers",
    "soundfile",
    "soxr",
)


def current_environment(backend: str) -> Environment:
    """Describes this machine and installation.

    Args:
        backend: name of the Keras backend, e.g. 'tensorflow'.
    """
    return Environment(
        serbench=serbench.__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cpu=cpu_name(),
        cores=usable_cores(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        backend=backend,
        packages={name: version for name in _PACKAGES if (version := _version(name))},
        git_revision=_git_revision(),
    )


@functools.cache
def cpu_name() -> str:
    """Returns the CPU's model name, or its architecture if the system does not give a model name.

    Virtual machines call all generations of a processor alike (`AMD EPYC`), and another generation adds in another
    order. So family and model follow in parentheses, where the system gives them.
    """
    cpuinfo, facts = Path("/proc/cpuinfo"), {}
    if cpuinfo.is_file():
        first, _, _ = cpuinfo.read_text(encoding="utf-8", errors="replace").partition("\n\n")
        for line in first.splitlines():
            name, _, value = line.partition(":")
            facts[name.strip()] = value.strip()
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    if not {"cpu family", "model"} <= facts.keys():
        return facts["model name"]
    return f"{facts['model name']} (family {facts['cpu family']}, model {facts['model']})"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    """Returns the git revision of the checkout that serbench runs from, with '+' if files differ from it."""
    root = Path(serbench.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
