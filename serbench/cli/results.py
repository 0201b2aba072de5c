"""`serbench leaderboard`, `serbench report` and `serbench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serbench.cli.options import DEFAULT_RESULTS, ResultsPath, TableFormat
from serbench.cli.printing import screen_width
from serbench.errors import SerbenchError, UsageError

if TYPE_CHECKING:
    from serbench.render import Sheet
    from serbench.results import Leaderboard, Results

__all__ = ["compare", "leaderboard", "print_leaderboard", "print_report", "print_sheet", "print_summary", "report"]


def leaderboard(
    corpus: Annotated[str | None, typer.Option(help="Only entries on this corpus.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only entries under this protocol.")] = None,
    ensembles: Annotated[
        bool,
        typer.Option("--ensembles", help="Also show the mean answer of each study's finalists as a row of its own."),
    ] = False,
    results: ResultsPath = DEFAULT_RESULTS,
    output: Annotated[TableFormat, typer.Option("--format", help="How it is printed.")] = TableFormat.table,
    html: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the whole site to this folder instead of printing.")
    ] = None,
    audio: Annotated[
        bool, typer.Option("--audio", help="Take along the audio of clips that pages show; mind the corpus's licence.")
    ] = False,
) -> None:
    """Prints every tested entry, grouped by what may be compared. Rebuilt from records; nothing is refitted."""
    if html is not None:
        _write_site(results, html, corpus=corpus, protocol=protocol, with_audio=audio, ensembles=ensembles)
        return
    if audio:
        raise UsageError("--audio goes with --html DIR: a printed table has no sound")
    from serbench.results import Results

    board = Results(results).board(corpus, protocol, ensembles=ensembles)
    if not board.rows:
        if board.damaged:
            raise SerbenchError(f"no entry in {results} can be read; {board.damaged[0].sentence}")
        raise SerbenchError(f"no entries in {results} yet; run `serbench search`, or name a folder with --results")
    print_leaderboard(board, output)


def report(
    entry: Annotated[str, typer.Argument(help="An entry's name, as the leaderboard shows it.")],
    results: ResultsPath = DEFAULT_RESULTS,
    output: Annotated[TableFormat, typer.Option("--format", help="How it is printed.")] = TableFormat.table,
    html: Annotated[
        Path | None, typer.Option(help="Also write one self-contained HTML page with figures to this file.")
    ] = None,
) -> None:
    """Prints the per-class report of one entry."""
    from serbench.results import Results

    found = Results(results)
    print_report(found, entry, output)
    if html is not None:
        from serbench.site import write_entry_page

        write_entry_page(found, entry, html)
        typer.echo(f"page       {html}", err=True)


def compare(
    entries: Annotated[list[str], typer.Argument(metavar="ENTRY ENTRY...", help="Entries of one test core.")],
    results: ResultsPath = DEFAULT_RESULTS,
    output: Annotated[TableFormat, typer.Option("--format", help="How it is printed.")] = TableFormat.table,
) -> None:
    """Compares entries pair by pair over the test speakers, corrected for the number of pairs."""
    from serbench.render import render
    from serbench.results import Results

    found = Results(results).comparison(entries)
    typer.echo(render(found, output.value, width=screen_width()), nl=False)


def _write_site(results: Path, html: Path, **options: Any) -> None:
    """Writes the site and says where, how large it is, and what is not on it."""
    from serbench.render import size
    from serbench.results import Results
    from serbench.site import Site

    if not (results / "studies").is_dir():
        raise SerbenchError(f"no studies in {results} yet; run `serbench search`, or name a folder with --results")
    site = Site.build(Results(results), html, **options)
    for note in site.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(
        f"{site.pages} pages, {size(site.bytes)} beside plotly.js ({size(site.plotly_bytes)}); open {site.index}",
        err=True,
    )


def print_leaderboard(board: Leaderboard, output: TableFormat) -> None:
    """Writes a leaderboard to standard output."""
    from serbench.render import render

    typer.echo(render(board, output.value, width=screen_width()), nl=False)


def print_sheet(sheet: Sheet) -> None:
    """Writes one more table to standard output."""
    import pandas as pd

    from serbench.render import Document, render

    typer.echo(f"\n{render(Document((sheet,), pd.DataFrame(), {}), 'table', width=screen_width())}", nl=False)


def print_report(results: Results, entry: str, output: TableFormat) -> None:
    """Writes a per-class report to standard output."""
    from serbench.render import render

    typer.echo(render(results.report(entry), output.value, width=screen_width()), nl=False)


def print_summary(results: Results, entry: str) -> None:
    """Writes the first tables of a per-class report to standard output."""
    from serbench.render import entry_summary, render

    summary = entry_summary(results.report(entry))
    typer.echo(f"\n{render(summary, width=screen_width())}", nl=False)
