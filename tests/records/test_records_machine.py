"""What a container or batch system grants is what counts, not what the whole machine has."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from serbench.records import machine


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes control groups on a machine of 16 cores with 8 GiB free."""

    def write(own: str, files: dict[str, str]) -> machine.ControlGroups:
        (tmp_path / "own").write_text(own, encoding="utf-8")
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return machine.ControlGroups(tmp_path / "own", tmp_path / "groups")

    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", type("Memory", (), {"available": 8 * 2**30}))
    return write


def test_without_control_groups_the_machine_counts(groups) -> None:
    granted = groups("", {})
    assert machine.usable_cores(granted) == 16
    assert machine.available_memory_mib(granted) == 8192


def test_limits_of_version_two(groups) -> None:
    granted = groups(
        "0::/job7\n",
        {
            "job7/cpu.max": "250000 100000\n",
            "job7/memory.max": f"{4 * 2**30}\n",
            "job7/memory.current": f"{3 * 2**30}\n",
            "job7/memory.stat": f"anon 5\ninactive_file {2**30}\n",
        },
    )
    assert machine.usable_cores(granted) == 3
    assert (
        machine.available_memory_mib(granted) == 2048
    )  # a gigabyte is free, another one holds files that can be dropped


def test_limits_of_version_one(groups) -> None:
    granted = groups(
        "4:memory:/job7\n2:cpu,cpuacct:/job7\n1:name=systemd:/\n",
        {
            "cpu/job7/cpu.cfs_quota_us": "100000\n",
            "cpu/job7/cpu.cfs_period_us": "100000\n",
            "memory/job7/memory.limit_in_bytes": f"{2 * 2**30}\n",
            "memory/job7/memory.usage_in_bytes": f"{2**30}\n",
        },
    )
    assert machine.usable_cores(granted) == 1
    assert machine.available_memory_mib(granted) == 1024


@pytest.mark.parametrize("unlimited", [{"cpu.max": "max 100000\n", "memory.max": "max\n", "memory.current": "1\n"}, {}])
def test_no_limit_is_the_machine(groups, unlimited) -> None:
    granted = groups("0::/\n", unlimited)
    assert machine.usable_cores(granted) == 16
    assert machine.available_memory_mib(granted) == 8192


def test_a_path_of_the_host_falls_back_to_what_the_container_sees(groups) -> None:
    granted = groups(
        "0::/docker/abcdef\n", {"memory.max": f"{2**30}\n", "memory.current": "0\n", "cpu.max": "50000 100000\n"}
    )
    assert machine.available_memory_mib(granted) == 1024
    assert machine.usable_cores(granted) == 1


@pytest.mark.parametrize(("asked", "seen"), [("0,2", ["0", "2"]), ("", []), ("-1", []), ("GPU-8f3a", ["GPU-8f3a"])])
def test_only_visible_gpus_count(monkeypatch, asked, seen) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", asked)
    assert machine.gpus() == seen
