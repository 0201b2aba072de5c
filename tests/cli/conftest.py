"""Runs the real program in a process of its own, where signals matter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiers import starts_children


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
