"""A Python process of its own: nothing that this one has imported, patched or trained can help it.

Nor does it import modules from the working folder, which may be a stranger's.
"""

from __future__ import annotations

import os
import subprocess
import sys

__all__ = ["run_fresh", "why_it_failed"]


def run_fresh(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs this Python with arguments, and waits for its end.

    Args:
        words: arguments, such as `-m` and a module.
        environment: variables that it gets besides those of this process.
    """
    return subprocess.run(
        [sys.executable, "-P", *words], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def why_it_failed(done: subprocess.CompletedProcess[str]) -> str:
    """Returns the last line that a failed process wrote to standard error, else the code that it ended with."""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"the process ended with code {done.returncode}"
