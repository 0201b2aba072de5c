"""Ctrl-C and SIGTERM: the first one ends gracefully, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["stopping"]


@contextlib.contextmanager
def stopping(
    stop: threading.Event, console: Console, what: str = "running fits are told to stop and recorded"
) -> Iterator[None]:
    """Ctrl-C (or SIGTERM) sets `stop` and says what follows; a second one ends at once, children too (they notice)."""

    def handle(_signal: int, _frame: object) -> None:
        if stop.is_set():
            sys.stderr.write("\nserbench: ended at once; the same command resumes\n")
            os._exit(130)
        stop.set()
        console.print(f"stopping: {what} (Ctrl-C again ends at once)", markup=False)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
