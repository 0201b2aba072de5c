"""`serbench corpus download`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.declared import expanded_path
from serbench.cli.options import BriefFormat, BriefOutput
from serbench.cli.printing import command_line, confirm, echo, echo_json, new_console
from serbench.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from serbench.corpora import Download, Transfer

__all__ = ["download"]

_SHOWN = 10


def download(
    corpus: Annotated[str, typer.Argument(help="crema-d, emo-db, ravdess or tess.")],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the corpus.  [default: in serbench's cache]", callback=expanded_path
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Number of clips, spread over speakers and emotions (crema-d).  [default: all]")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Another mirror that has the same file names.")
    ] = None,
    connections: Annotated[int, typer.Option(help="Simultaneous connections.")] = 8,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept size and licence without a question.")] = False,
    output: BriefOutput = BriefFormat.table,
) -> None:
    """Downloads a corpus. The same command again resumes: complete files are not downloaded twice.

    It first shows size and licence and asks you to accept them. Exit code 1 if a file could not be downloaded.
    """
    from serbench.cli.stopping import stopping
    from serbench.corpora import Download, FetchSettings

    console = new_console()
    plan = Download.of(corpus, to, base_url, limit, connections)
    _confirm(plan, console, accepted=yes)
    settings = FetchSettings()
    with stopping(settings.stop, console, "files downloaded so far are kept"), _Bar(plan, console) as bar:
        done = plan.run(settings, bar.received)
    _print_outcome(plan, done, console, output)
    if done.stopped:
        console.print("stopped; run the same command to continue")
        raise typer.Exit(130)
    if done.failed:
        raise typer.Exit(1)


def _confirm(plan: Download, console: Console, *, accepted: bool) -> None:
    """Shows size and licence, and asks whether to download unless they are accepted already."""
    from serbench.corpora import get_corpus

    known = get_corpus(plan.corpus)
    size = f"{plan.source.size >> 20:,} MiB" if plan.source.size else "of unknown size"
    for line in (
        f"{known.title}: {len(plan.source.files):,} file{'' if len(plan.source.files) == 1 else 's'}, {size}, "
        f"to {plan.folder}",
        f"licence: {known.licence} {known.licence_url}".rstrip(),
        f"please cite: {known.citation}",
    ):
        console.print(line, soft_wrap=True)
    if unchecked := plan.source.unprotected:
        console.print(
            f"note: {unchecked[0].urls[0]} comes without https and without a published checksum, so nothing tells a "
            f"changed file; run `serbench corpus check {plan.corpus}` on what arrives",
            soft_wrap=True,
        )
    if accepted:
        return
    if not sys.stdin.isatty():
        raise UsageError("cannot ask for consent without a terminal; add --yes to accept size and licence")
    if not confirm("Download it under this licence?"):
        raise typer.Exit(1)


class _Bar:
    """A progress bar on a terminal; nothing elsewhere."""

    def __init__(self, plan: Download, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task(plan.corpus, total=plan.source.size or None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def received(self, size: int) -> None:
        """Advances the bar.

        Args:
            size: bytes received.
        """
        self._progress.advance(self._task, size)


def _print_outcome(plan: Download, done: Transfer, console: Console, output: BriefFormat) -> None:
    if output is BriefFormat.json:
        found = {
            "corpus": plan.corpus, "folder": str(plan.folder), "fetched": len(done.fetched), "there": len(done.there),
            "failed": done.failed, "stopped": done.stopped,
        }  # fmt: skip
        echo_json(found)
        return
    echo(f"{len(done.fetched):,} downloaded, {len(done.there):,} already there, {len(done.failed):,} failed")
    for name, reason in list(done.failed.items())[:_SHOWN]:
        echo(f"  {name}: {reason}")
    if len(done.failed) > _SHOWN:
        echo(f"  and {len(done.failed) - _SHOWN:,} more; --format json lists all")
    if done.stopped or done.failed:
        return
    where = [] if plan.folder == _usual(plan) else ["--data", str(plan.folder)]
    check = command_line("corpus", "check", plan.corpus, *where)
    search = command_line("search", "--corpus", plan.corpus, *where)
    console.print(f"next: {check}", soft_wrap=True)
    console.print(f"      {search}", soft_wrap=True)


def _usual(plan: Download) -> Path:
    from serbench.corpora import get_corpus

    return get_corpus(plan.corpus).default_folder()
