"""`Environment`: enough to judge a number by, and nothing of who made it."""

from __future__ import annotations

import getpass
import os
import platform
import socket
from pathlib import Path

import numpy as np
import pytest

import serbench
from serbench.records.environment import cpu_name, current_environment
from serbench.records.machine import usable_cores


def test_versions_are_told() -> None:
    environment = current_environment("jax")
    assert environment.serbench == serbench.__version__
    assert environment.python == platform.python_version()
    assert environment.packages["numpy"] == np.__version__
    assert environment.backend == "jax"
    assert environment.memory_gib > 0


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="the system describes its processor elsewhere")
def test_generations_of_a_processor_that_have_one_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = "".join(
        f"processor : {core}\ncpu family : {family}\nmodel : 2\nmodel name : AMD EPYC\n\n"
        for core, family in enumerate((26, 25))
    )
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: cores)
    assert cpu_name.__wrapped__() == "AMD EPYC (family 26, model 2)"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "model name : Neoverse\n")
    assert cpu_name.__wrapped__() == "Neoverse"


def test_memory_alone_makes_no_other_environment() -> None:
    environment = current_environment("tensorflow")
    assert environment.computes_like(environment.model_copy(update={"memory_gib": 1.0}))
    assert not environment.computes_like(environment.model_copy(update={"cpu": "another"}))


def test_no_host_user_or_path_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "ada-lovelace")
    monkeypatch.setenv("HOSTNAME", "engine-1843")
    environment = current_environment("tensorflow")
    assert environment.platform.split() == [platform.system(), platform.machine()]
    text = environment.model_dump_json()
    secrets = {
        socket.gethostname(), platform.node(), getpass.getuser(), "ada-lovelace", "engine-1843",
        str(Path.home()), str(Path.cwd()), str(Path(serbench.__file__).parents[1]),
    }  # fmt: skip
    for secret in secrets:
        assert len(secret) < 4 or secret not in text, f"the environment tells {secret}"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no CPU affinity")
def test_cores_are_those_that_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
