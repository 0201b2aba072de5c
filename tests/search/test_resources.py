"""Workers, threads, memory and GPUs are shared out; GPUs one to a worker."""

from __future__ import annotations

import re
import threading

import pytest

from serbench.errors import UsageError
from serbench.search import resources as resources_module
from serbench.search.engines import local as engine_module
from serbench.search.engines.local import LocalEngine
from serbench.search.resources import Resources
from serbench.training import TrialOutcome


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    def has(cores: int, memory_mib: float, gpus: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr(resources_module, "usable_cores", lambda: cores)
        monkeypatch.setattr(resources_module, "available_memory_mib", lambda: memory_mib)
        monkeypatch.setattr(resources_module, "gpus", lambda: list(gpus))

    return has


@pytest.mark.parametrize(
    ("cores", "memory", "asked", "trials", "workers", "threads"),
    [
        (8, 64_000, None, 30, 8, 1),
        (8, 6_400, None, 30, 4, 2),
        (8, 64_000, None, 3, 3, 2),
        (8, 64_000, 2, 30, 2, 4),
        (2, 500, None, 30, 1, 2),
    ],
    ids=["cores", "memory", "trials", "asked", "no room"],
)
def test_workers_are_the_least_of_what_there_is(machine, cores, memory, asked, trials, workers, threads) -> None:
    machine(cores, memory)
    chosen = Resources.choose(asked, trials)
    assert (chosen.workers, chosen.threads) == (workers, threads)
    assert chosen.memory_limit_mib == int(0.9 * memory / workers)


def test_threads_can_be_asked_for(machine) -> None:
    machine(8, 64_000)
    assert Resources.choose(2, 30, threads=1).threads == 1


@pytest.mark.parametrize(
    ("asked", "memory", "told"),
    [
        (None, 3_001, None),
        (2, 3_001, None),
        (8, 4_100, "--workers 8 leaves each fit 461 MiB, .*, use --workers 2"),
        (1, 300, None),
    ],
    ids=["chosen", "enough", "little", "one"],
)
def test_workers_that_leave_little_memory_are_told(machine, asked, memory, told) -> None:
    machine(8, memory)
    found = Resources.choose(asked, 30).shortage()
    assert found is told is None or re.match(told, found)


def test_workers_that_leave_no_memory_to_start_are_refused(machine) -> None:
    machine(8, 1_000)
    with pytest.raises(UsageError, match=r"--workers 8 leaves each fit 112 MiB, .*; use --workers 1"):
        Resources.choose(8, 30).shortage()


def test_a_gpu_goes_to_one_worker(machine) -> None:
    machine(16, 64_000, ("0", "1"))
    assert Resources.choose(None, 30, "jax").workers == 2
    assert Resources.choose(None, 30, "jax").devices == ("0", "1")
    assert Resources.choose(None, 30, "tensorflow").devices == ()


def test_jobs_side_by_side_get_different_gpus(monkeypatch) -> None:
    both = threading.Barrier(2, timeout=30)
    seen: list[str] = []

    def run_job(job, source, control):
        both.wait()
        seen.append(control.device)
        return TrialOutcome("completed", value=0.5)

    monkeypatch.setattr(engine_module, "run_job", run_job)
    engine = LocalEngine(None, 2, ("0", "1"))  # type: ignore[arg-type]
    for turn in range(3):
        jobs = [type("Job", (), {"job_id": f"t{turn}{place}"})() for place in range(2)]
        futures = [engine.submit(job, lambda *_: None) for job in jobs]
        assert [future.result(timeout=30).state for future in futures] == ["completed"] * 2
        assert sorted(seen[-2:]) == ["0", "1"]
    engine.close()
