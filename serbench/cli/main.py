"""The `serbench` program: its commands, and its error messages of one sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Annotated

import typer

import serbench
from serbench.cli import (
    audit,
    bundle,
    corpus,
    doctor,
    encoder,
    exchange,
    listen,
    reference,
    results,
    search,
    space,
    study,
)
from serbench.cli.declared import PanelledCommand
from serbench.cli.printing import echo, never_fail_to_encode
from serbench.errors import SerbenchError

__all__ = ["app", "main"]

app = typer.Typer(
    name="serbench",
    help="AutoML benchmarking for speech emotion recognition: search, judge honestly, export.",
    epilog="Begin with `serbench doctor`, then `serbench search`. `serbench COMMAND --help` explains each command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("search", cls=PanelledCommand)(search.search)
app.command("leaderboard")(results.leaderboard)
app.command("report")(results.report)
app.command("compare")(results.compare)
app.command("verify")(results.verify)
app.command("audit")(audit.audit)
app.command("reference")(reference.reference)
app.command("task")(exchange.task)
app.command("submit")(exchange.submit)
app.command("export")(bundle.export)
app.command("predict")(bundle.predict)
app.command("listen")(listen.listen)
app.command("demo")(bundle.demo)
app.add_typer(corpus.app, name="corpus")
app.add_typer(space.app, name="space")
app.add_typer(encoder.app, name="encoder")
app.add_typer(study.app, name="study")
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        echo(f"serbench {serbench.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """AutoML benchmarking for speech emotion recognition: search, judge honestly, export."""


_REFUSED = {
    errno.EACCES: "ask its owner for permission, or name another path",
    errno.EPERM: "ask its owner for permission, or name another path",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.EIO: "the disk or the network share failed; try again, or copy the files to another disk",
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.EROFS: "name another folder",
    errno.ESTALE: "the network share went away; connect it and run the same command again",
}
"""What to do about what the operating system refuses to do with a path: no bug of serbench."""


def main() -> None:
    """Runs the program. Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    os.environ["PYTHONSAFEPATH"] = "1"  # the folder may be a stranger's: no process may import what lies there
    never_fail_to_encode()
    try:
        app()
    except SerbenchError as error:
        echo(f"serbench: {error}", err=True)
        sys.exit(error.exit_code)
    except UnicodeEncodeError as error:
        if not any("\udc80" <= char <= "\udcff" for char in str(error.object)):
            raise
        echo(f"serbench: the name {str(error.object)[:200]!a} is not UTF-8; rename the file or folder", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except (MemoryError, RuntimeError, OSError) as error:
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        if isinstance(error, OSError) and error.errno in _REFUSED and (full or error.filename is not None):
            name = "" if error.filename is None else str(error.filename)
            shown = name if len(name) <= 200 else f"{name[:200]}..."
            failed = f"cannot open {shown}" if shown else "cannot write"
            _discard_unwritten()
            echo(f"serbench: {failed}: {error.strerror}; {_REFUSED[error.errno]}", err=True)
            sys.exit(1)
        if not (lacking := _lacking(error)):
            raise
        echo(f"serbench: this machine gives serbench no more {lacking}; what was done is recorded. Free some or raise "
             "the limit (`ulimit -a`), and run the same command again", err=True)  # fmt: skip
        sys.exit(1)


def _discard_unwritten() -> None:
    """Drops output that cannot be written, so that the interpreter does not fail on it again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lacking(error: Exception) -> str | None:
    """What the operating system refused, if that is what the error says: a limit is no bug."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return "memory"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return "open files"
    if "can't start new thread" in str(error) or (isinstance(error, OSError) and error.errno == errno.EAGAIN):
        return "memory or processes"
    return None


if __name__ == "__main__":
    main()
