"""Output of the commands. Everything that a command prints passes through here, and is harmless when it leaves.

Names, labels, paths and records come from others, see `serbench.printable`. No command calls `typer.echo` or makes a
`rich.console.Console` of its own; `tests/cli/test_cli_printing.py` checks that.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from serbench.printable import printable, printable_lines
from serbench.search import DEFAULT_RESULTS

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "command_line",
    "confirm",
    "echo",
    "echo_answer",
    "echo_command",
    "echo_json",
    "echo_pairs",
    "echo_styled",
    "echo_text",
    "never_fail_to_encode",
    "new_console",
    "screen_width",
    "shows_styles",
    "started_with",
]

_NAME_WIDTH = 15
_STYLE = re.compile(r"(\x1b\[(?:0|1|2)m)")


def screen_width() -> int:
    """Returns the width of the terminal in columns; 100 without a terminal."""
    return shutil.get_terminal_size((100, 24)).columns


def never_fail_to_encode() -> None:
    """Lets a terminal that knows only some characters show escapes for the others, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def echo(line: str, *, err: bool = False) -> None:
    """Prints one line. A line break in it is printed as an escape, so that no name can forge a second line.

    Args:
        line: what to print.
        err: whether it goes to standard error.
    """
    typer.echo(printable(line), err=err)


def echo_text(text: str) -> None:
    """Prints a text of several lines that ends with a line break, such as a rendered table."""
    typer.echo(printable_lines(text), nl=False)


def echo_json(value: object) -> None:
    """Prints a value as indented JSON.

    Raises:
        TypeError: the value has a part that JSON does not know.
    """
    echo_text(json.dumps(value, indent=2) + "\n")


def echo_styled(text: str) -> None:
    """Prints a text in which bold and dim, as `render(..., styled=True)` writes them, are the only codes that act."""
    parts = _STYLE.split(text)
    typer.echo("".join(part if place % 2 else printable_lines(part) for place, part in enumerate(parts)), nl=False)


def echo_answer(sentence: str) -> None:
    """Prints the one sentence that a command is about, wrapped at the width of the screen; bold on a terminal."""
    text = textwrap.fill(printable(sentence), max(screen_width(), 40), break_on_hyphens=False)
    bold = shows_styles()
    echo_styled(f"\x1b[1m{text}\x1b[0m\n" if bold else f"{text}\n")


def shows_styles() -> bool:
    """Whether standard output is a terminal that shows bold and dim."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in {"", "dumb"} and not os.environ.get("NO_COLOR")


def confirm(question: str) -> bool:
    """Asks a question of one line, on standard error.

    Raises:
        KeyboardInterrupt: the answer was Ctrl-C. The end of the input is an abort of typer's.
    """
    try:
        return typer.confirm(printable(question), err=True)
    except typer.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def new_console(**options: Any) -> Console:
    """Makes a console whose strings are printed as they are written: harmless, without markup and emoji codes.

    Args:
        options: further options of `rich.console.Console`.
    """
    from rich.console import Console

    class Harmless(Console):
        def render_str(self, text: str, **more: Any) -> Any:
            return super().render_str(printable_lines(text), **more)

    return Harmless(**{"stderr": True, "markup": False, "emoji": False, "highlight": False, **options})


def echo_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Prints names and texts in two columns. Long texts are wrapped at the width of the screen."""
    for name, text in pairs:
        first = f"{name:{_NAME_WIDTH}} "
        echo_text(
            textwrap.fill(
                printable(text), max(screen_width(), 40), initial_indent=first, subsequent_indent=" " * len(first),
                break_on_hyphens=False, break_long_words=False,
            ) + "\n"
        )  # fmt: skip


def echo_command(name: str, words: Sequence[str]) -> None:
    """Prints a command on one line, even a long one, so that it can be copied.

    Args:
        name: what stands in the first column.
        words: the command, word by word.
    """
    echo(f"{name:{_NAME_WIDTH}} {shlex.join(words)}")


def command_line(*words: str, results: Path = DEFAULT_RESULTS) -> str:
    """Returns a serbench command as text that can be pasted into a shell: after `uv run` where that started this one.

    >>> command_line("report", "cnn1d-2c788d", results=Path("my results"))
    "serbench report cnn1d-2c788d --results 'my results'"

    Args:
        words: the words after `serbench`.
        results: results folder of the command. It is named only if it is not the default.
    """
    more = [] if results == DEFAULT_RESULTS else ["--results", str(results)]
    return shlex.join([*started_with(), "serbench", *words, *more])


def started_with() -> list[str]:
    """Returns the words before `serbench` on this command line, as far as they are known: `uv run`, or none."""
    return ["uv", "run"] if os.environ.get("UV_RUN_RECURSION_DEPTH") else []
