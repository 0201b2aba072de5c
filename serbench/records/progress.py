"""Types of the callbacks that slow functions report their progress to."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "StepProgress"]

Progress = Callable[[int, int], None]
"""Called with (done, total), for a task of one step."""

StepProgress = Callable[[str, int, int], None]
"""Called with (name of the step, done, total), for a task of several steps."""
