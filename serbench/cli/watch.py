"""Chooses the progress display: redrawn in place on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

from serbench.cli.live import LiveView
from serbench.cli.plain import PlainView
from serbench.cli.printing import new_console

__all__ = ["busy", "watcher"]


def watcher(console: Console) -> PlainView:
    """Returns the progress display for this console."""
    return LiveView(console) if console.is_terminal else PlainView(console)


@contextlib.contextmanager
def busy(what: str) -> Iterator[PlainView]:
    """Shows that a step goes on: after two seconds on a terminal, else after each minute.

    Args:
        what: the step, such as 'reading results'.
    """
    with watcher(new_console()) as view:
        view.working(what)
        yield view
