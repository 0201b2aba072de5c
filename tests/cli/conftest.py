"""Runs the real program, in this process where that is enough and in its own where signals matter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest
from tiers import starts_children
from typer.testing import CliRunner


class Ran:
    """What a command did: exit code and both streams."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def sentence(self) -> str:
        """The one line of an error."""
        lines = [line for line in self.err.splitlines() if line.startswith("serbench: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture
def serbench() -> Callable[..., Ran]:
    """Calls the program as the console script does, errors included."""
    from serbench.cli.main import app
    from serbench.errors import SerbenchError

    def run(*arguments: object) -> Ran:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        error, code = result.stderr, result.exit_code
        if isinstance(result.exception, SerbenchError):
            error, code = f"{error}serbench: {result.exception}\n", result.exception.exit_code
        elif result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(code, result.stdout, error)

    return run


@pytest.fixture
@starts_children
def program() -> Callable[..., subprocess.Popen[str]]:
    """Starts the program as a process of its own."""

    def start(*arguments: object, cwd: Path | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "serbench.cli.main", *map(str, arguments)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=dict(os.environ),
            start_new_session=True,
        )  # fmt: skip

    return start


@pytest.fixture(scope="session")
def _searched(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of one test run share."""
    own = tmp_path_factory.getbasetemp()
    return (own if worker_id == "master" else own.parent) / "searched"


@pytest.fixture
@starts_children
def searched(_searched, serbench, tone_corpus, tiny_space) -> Path:
    """Results of one finished search of both families, made once for all; read only."""
    results = _searched / "results"
    _searched.mkdir(exist_ok=True)
    with filelock.FileLock(_searched / "lock"):
        if (_searched / "done").exists():
            return results
        spaces = [tiny_space("cnn1d"), tiny_space("cnn2d")]
        ran = serbench(
            "search", *spaces, "--corpus", "crema-d", "--data", tone_corpus, "--results", results,
            "--trials", 2, "--sampler", "tpe",
            "--format", "json",
        )  # fmt: skip
        assert ran.code == 0, ran.err
        (_searched / "done").touch()
    return results
