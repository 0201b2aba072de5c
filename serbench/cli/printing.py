"""How commands that show one thing lay it out: a name and a text on each line, folded at the screen's width."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

import typer

__all__ = ["echo_pairs", "screen_width"]

_NAME_WIDTH = 15


def screen_width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def echo_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Prints names and texts in two columns."""
    for name, text in pairs:
        first = f"{name:{_NAME_WIDTH}} "
        typer.echo(
            textwrap.fill(
                text, max(screen_width(), 40), initial_indent=first, subsequent_indent=" " * len(first),
                break_on_hyphens=False, break_long_words=False,
            )
        )  # fmt: skip
