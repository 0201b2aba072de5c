"""Cores, memory and GPUs that this process may use. In a container or batch job these are less than the machine has."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["ControlGroups", "available_memory_mib", "gpus", "kernel_memory_kills", "usable_cores"]


@dataclass(frozen=True)
class ControlGroups:
    """Where the kernel says what this process is granted.

    Attributes:
        own: file that names the control groups of this process.
        root: folder of all control groups.
    """

    own: Path = Path("/proc/self/cgroup")
    root: Path = Path("/sys/fs/cgroup")


_SYSTEM = ControlGroups()
_UNLIMITED = 2**60  # cgroup v1 writes a huge number where there is no limit


def usable_cores(groups: ControlGroups = _SYSTEM) -> int:
    """Returns the number of cores this process may use: its CPU affinity, limited by its cgroup quota (rounded up)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    group = _own_group(groups, "cpu")
    quota, period = _numbers(group, "cpu.max")
    if quota is None:
        quota, period = _first(group, "cpu.cfs_quota_us"), _first(group, "cpu.cfs_period_us")
    if quota is not None and period and quota > 0:
        cores = min(cores, math.ceil(quota / period))
    return max(1, cores)


def available_memory_mib(groups: ControlGroups = _SYSTEM) -> float:
    """Returns the memory (MiB) available without swapping: the machine's, or what is left of the cgroup's limit."""
    free = float(psutil.virtual_memory().available)
    group = _own_group(groups, "memory")
    for limit_name, used_name in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        limit, used = _first(group, limit_name), _first(group, used_name)
        if limit is not None and used is not None and limit < _UNLIMITED:
            free = min(free, max(0, limit - used + _reclaimable(group)))
    return free / 2**20


def _reclaimable(group: Path | None) -> int:
    """Bytes of file cache that count towards the cgroup's usage but that the kernel frees on demand."""
    if group is None or not (group / "memory.stat").is_file():
        return 0
    lines = (group / "memory.stat").read_text(encoding="ascii", errors="replace").splitlines()
    values = {name: int(value) for name, _, value in (line.partition(" ") for line in lines) if value.isdigit()}
    return values.get("total_inactive_file", values.get("inactive_file", 0))


def kernel_memory_kills() -> int:
    """Returns how many processes the kernel has killed for lack of memory since boot; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def gpus() -> list[str]:
    """Returns the NVIDIA GPUs that this process may use: from CUDA_VISIBLE_DEVICES, else the numbers of all devices."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if asked is not None:
        return [name for name in asked.split(",") if name.strip() not in {"", "-1"}]
    found = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    return sorted((name for name in found if name.isdigit()), key=int)


def _own_group(groups: ControlGroups, controller: str) -> Path | None:
    """Folder of this process's cgroup for one controller. v1 has one tree for each controller, v2 one for all."""
    try:
        lines = groups.own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        _, names, path = line.split(":", 2)
        root = groups.root / controller if controller in names.split(",") else groups.root if names == "" else None
        # Inside a container the path may be the host's; the group is then the root of the visible tree.
        for folder in () if root is None else (root / path.lstrip("/"), root):
            if any(folder.glob(f"{controller}.*")):
                return folder
    return None


def _numbers(group: Path | None, name: str) -> tuple[int | None, int | None]:
    if group is None or not (group / name).is_file():
        return None, None
    words = (group / name).read_text(encoding="ascii", errors="replace").split()
    values = [int(word) if word.lstrip("-").isdigit() else None for word in (*words, "", "")]
    return values[0], values[1]


def _first(group: Path | None, name: str) -> int | None:
    return _numbers(group, name)[0]
