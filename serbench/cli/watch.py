"""Chooses the progress display: redrawn in place on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console

from serbench.cli.live import LiveView
from serbench.cli.plain import PlainView

__all__ = ["watcher"]


def watcher(console: Console) -> PlainView:
    """Returns the progress display for this console."""
    return LiveView(console) if console.is_terminal else PlainView(console)
