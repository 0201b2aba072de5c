"""The tiers keep what they promise: a quick test that starts a process or imports a backend fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from tiers import Tiers

def pytest_configure(config):
    for tier in ("quick", "long", "children", "slow"):
        config.addinivalue_line("markers", tier)
    config.pluginmanager.register(Tiers(config))
"""

TESTS = """
import subprocess, sys, threading
import pytest
from tiers import starts_children

def run():
    subprocess.run([sys.executable, "-c", ""])

@pytest.fixture
@starts_children
def started():
    run()

@pytest.fixture
def over_another(started):
    pass

def test_process():
    run()

def test_process_that_is_caught():
    try:
        run()
    except BaseException:
        pass

def test_process_of_a_thread():
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

def test_backend():
    import jax

def test_program():
    subprocess.run(["true"])

@pytest.mark.children
def test_marked():
    run()

def test_fixture(over_another):
    run()
    import jax

@pytest.mark.slow
def test_slow():
    run()

@pytest.mark.long
def test_long():
    pass
"""


def test_collecting_the_tests_imports_no_backend(pytestconfig: pytest.Config) -> None:
    found = pytestconfig.pluginmanager.get_plugin("serbench-tiers").at_collection
    assert found == [], "every worker pays for it: import it inside a test"


@pytest.mark.children
def test_quick_tests_are_guarded_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_made.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "jax.py").touch()  # a backend that costs nothing

    def run(*words: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:xdist", "-rA", *words, str(tmp_path)],
            capture_output=True, text=True, check=False, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(tmp_path)])},
        )  # fmt: skip
        lines = [line.split() for line in done.stdout.splitlines() if line.startswith(("PASSED ", "FAILED "))]
        return {f"{words[0]} {words[1].rpartition('::')[2]}" for words in lines}

    quick = {
        "FAILED test_process", "FAILED test_process_that_is_caught", "FAILED test_process_of_a_thread",
        "FAILED test_backend", "PASSED test_program",
    }  # fmt: skip
    assert run("-m", "quick") == quick
    assert run("-m", "not quick") == {
        "PASSED test_marked", "PASSED test_fixture", "PASSED test_slow", "PASSED test_long",
    }  # fmt: skip
