"""How commands that show one thing lay it out: a name and a text on each line, folded at the screen's width."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from serbench.search import DEFAULT_RESULTS

__all__ = ["command_line", "echo_command", "echo_pairs", "screen_width"]

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


def echo_command(name: str, words: Sequence[str]) -> None:
    """Prints a command on one line, however long, so that it can be copied."""
    typer.echo(f"{name:{_NAME_WIDTH}} {shlex.join(words)}")


def command_line(*words: str, results: Path = DEFAULT_RESULTS) -> str:
    """A command of serbench that can be run as printed.

    >>> command_line("report", "cnn1d-2c788d", results=Path("my results"))
    "serbench report cnn1d-2c788d --results 'my results'"

    Args:
        words: after `serbench`.
        results: the folder that it reads; named where it is not the usual one.
    """
    more = [] if results == DEFAULT_RESULTS else ["--results", str(results)]
    return shlex.join(["serbench", *words, *more])
