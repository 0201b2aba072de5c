"""What a person sees while a search runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console

from serbench.cli.live import LiveView
from serbench.cli.plain import PlainView

__all__ = ["watcher"]


def watcher(console: Console) -> PlainView:
    """The view that fits where standard error goes."""
    return LiveView(console) if console.is_terminal else PlainView(console)
