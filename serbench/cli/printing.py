"""Output of the commands: names and texts in two columns, and commands to copy."""

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
    """Returns the width of the terminal in columns; 100 without a terminal."""
    return shutil.get_terminal_size((100, 24)).columns


def echo_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Prints names and texts in two columns. Long texts are wrapped at the width of the screen."""
    for name, text in pairs:
        first = f"{name:{_NAME_WIDTH}} "
        typer.echo(
            textwrap.fill(
                text, max(screen_width(), 40), initial_indent=first, subsequent_indent=" " * len(first),
                break_on_hyphens=False, break_long_words=False,
            )
        )  # fmt: skip


def echo_command(name: str, words: Sequence[str]) -> None:
    """Prints a command on one line, even a long one, so that it can be copied.

    Args:
        name: what stands in the first column.
        words: the command, word by word.
    """
    typer.echo(f"{name:{_NAME_WIDTH}} {shlex.join(words)}")


def command_line(*words: str, results: Path = DEFAULT_RESULTS) -> str:
    """Returns a serbench command as text that can be pasted into a shell.

    >>> command_line("report", "cnn1d-2c788d", results=Path("my results"))
    "serbench report cnn1d-2c788d --results 'my results'"

    Args:
        words: the words after `serbench`.
        results: results folder of the command. It is named only if it is not the default.
    """
    more = [] if results == DEFAULT_RESULTS else ["--results", str(results)]
    return shlex.join(["serbench", *words, *more])
