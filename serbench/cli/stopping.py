"""Ctrl-C and SIGTERM: the first signal stops gracefully, the second at once."""

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
    stop: threading.Event,
    console: Console,
    what: str = "running trials end and are recorded",
    *,
    again: str = "; run the same command to continue",
) -> Iterator[None]:
    """Handles Ctrl-C and SIGTERM while the block runs.

    The first signal sets `stop` and prints what happens now. The second ends the process at once; its children notice
    that and end, too.

    Args:
        stop: the event to set.
        console: where the message is printed.
        what: what happens after the first signal, as the message says it.
        again: end of the message after the second signal.
    """

    def handle(_signal: int, _frame: object) -> None:
        if stop.is_set():
            sys.stderr.write(f"\nserbench: stopped at once{again}\n")
            os._exit(130)
        stop.set()
        console.print(f"stopping: {what} (press Ctrl-C again to stop at once)", markup=False)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
