"""`serbench leaderboard`, `serbench report`, `serbench compare` and `serbench verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serbench.cli.declared import expanded_path
from serbench.cli.options import DEFAULT_RESULTS, BriefFormat, BriefOutput, ResultsPath, TableFormat, TableOutput
from serbench.cli.printing import echo, echo_json, echo_styled, echo_text, screen_width, shows_styles
from serbench.errors import SerbenchError, UsageError

if TYPE_CHECKING:
    from serbench.render import Sheet
    from serbench.results import Leaderboard

__all__ = [
    "compare",
    "leaderboard",
    "print_empty_leaderboard",
    "print_leaderboard",
    "print_sheet",
    "report",
    "verify",
]


def leaderboard(
    corpus: Annotated[str | None, typer.Option(help="Only entries on this corpus.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only entries under this protocol.")] = None,
    ensembles: Annotated[
        bool,
        typer.Option(
            "--ensembles",
            help="Also show the mean answer of each study's finalists, and of the best entry of each family.",
        ),
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Show all entries, notes and published results.")] = False,
    results: ResultsPath = DEFAULT_RESULTS,
    output: TableOutput = TableFormat.table,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write the results as a website to this folder instead.", callback=expanded_path
        ),
    ] = None,
    audio: Annotated[
        bool,
        typer.Option("--audio", help="Also copy the audio of clips on the pages; check the corpus's licence first."),
    ] = False,
) -> None:
    """Prints the best tested entries, one table per test set. It reads records only; nothing is trained.

    --full prints all entries. Test sets that share speakers with training have one line each; --protocol shows them.
    """
    if html is not None:
        if full or output is not TableFormat.table:
            raise UsageError("--html writes pages with everything; leave out --full and --format")
        _write_site(results, html, corpus=corpus, protocol=protocol, with_audio=audio, ensembles=ensembles)
        return
    if audio:
        raise UsageError("--audio needs --html DIR: a printed table has no audio")
    from serbench.cli.watch import busy
    from serbench.results import Results

    with busy("reading results"):
        board = Results(results).board(corpus, protocol, ensembles=ensembles)
    if not board.rows:
        from serbench.records import none_in

        if board.damaged:
            raise SerbenchError(f"no entry in {results} can be read; {board.damaged[0].sentence}")
        raise SerbenchError(none_in(results, "entries"))
    print_leaderboard(board, output, full=full, gathered=protocol is None)


def report(
    entry: Annotated[
        str, typer.Argument(help="An entry's name, as the leaderboard shows it; with --study that of a reference.")
    ],
    study: Annotated[
        str | None,
        typer.Option(help="A study. ENTRY is then a reference on its test set: functionals, brought-MY-MODEL, ..."),
    ] = None,
    results: ResultsPath = DEFAULT_RESULTS,
    output: TableOutput = TableFormat.table,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write a self-contained HTML page with figures to this file.",
            callback=expanded_path,
        ),
    ] = None,
) -> None:
    """Prints the report of one entry: scores per class, confusion matrix, runs.

    With --study, that of a reference or of brought predictions: scores per class, the difference to the selected
    entry, slices, and how close its probabilities are to listeners' votes.
    """
    from serbench.cli.watch import busy
    from serbench.render import render, to_document
    from serbench.results import Results

    found = Results(results)
    if study is not None:
        if html is not None:
            raise UsageError("--html is for entries; leave out --study, or take --format markdown")
        with busy("reading results"):
            reference = found.reference_report(study, entry)
        echo_text(render(reference, output.value, width=screen_width()))
        return
    from serbench.audit.robustness import saved_robustness, with_robustness

    with busy("reading results"):
        document = with_robustness(to_document(found.report(entry)), saved_robustness(found, entry))
    echo_text(render(document, output.value, width=screen_width()))
    if html is not None:
        from serbench.site import write_entry_page

        with busy("writing the page"):
            write_entry_page(found, entry, html)
        echo(f"page       {html}", err=True)


def compare(
    entries: Annotated[list[str], typer.Argument(metavar="ENTRY ENTRY...", help="Entries with the same test set.")],
    results: ResultsPath = DEFAULT_RESULTS,
    output: TableOutput = TableFormat.table,
) -> None:
    """Compares entries pair by pair: a paired test over the test speakers, Holm-corrected for the tested pairs."""
    from serbench.cli.watch import busy
    from serbench.render import render
    from serbench.results import Results

    with busy("comparing speaker by speaker"):
        found = Results(results).comparison(entries)
    echo_text(render(found, output.value, width=screen_width()))


def verify(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS", help="Folder of the results.", envvar="SERBENCH_RESULTS", callback=expanded_path
        ),
    ] = DEFAULT_RESULTS,
    output: BriefOutput = BriefFormat.table,
) -> None:
    """Checks whether the files of a results folder agree with one another. Exit code 1 if not.

    It compares labels with clips, tested clips with the split, scores with predictions, predictions with their
    digests, and the runs of an entry with the folder and the ledger. This finds accidents and numbers that were changed
    in one place. Only `serbench study replay` shows that a model really reaches a score.
    """
    from serbench.cli.watch import busy
    from serbench.records import none_in
    from serbench.render import render, verification_document
    from serbench.results import Results, verify_results

    if not (folder / "studies").is_dir():
        raise SerbenchError(none_in(folder, "studies"))
    with busy("comparing all files"):
        found = verify_results(Results(folder))
    if output is BriefFormat.json:
        document = {"schema_version": 1, "passed": found.passed, **found.model_dump(mode="json")}
        echo_json(document)
    else:
        echo_text(render(verification_document(found), width=screen_width()))
    if not found.passed:
        raise typer.Exit(1)


def _write_site(results: Path, html: Path, **options: Any) -> None:
    """Writes the site; prints its place, its size, and notes on what is missing."""
    from serbench.cli.watch import busy
    from serbench.records import none_in
    from serbench.render import size
    from serbench.results import Results
    from serbench.site import Site

    if not (results / "studies").is_dir():
        raise SerbenchError(none_in(results, "studies"))
    with busy("writing the site"):
        site = Site.build(Results(results), html, **options)
    for note in site.notes:
        echo(f"note: {note}", err=True)
    echo(f"{site.pages} pages, {size(site.bytes)}; open {site.index}", err=True)


def print_leaderboard(board: Leaderboard, output: TableFormat, *, full: bool = False, gathered: bool = False) -> None:
    """Prints a leaderboard.

    Args:
        board: the leaderboard.
        output: its format.
        full: whether a table has all entries, all notes and published results of others, as all other formats have.
        gathered: whether test sets that share speakers have one line each, where others keep speakers apart.
    """
    from serbench.render import brief_board, render

    if full or output is not TableFormat.table:
        echo_text(render(board, output.value, width=screen_width()))
    else:
        echo_styled(render(brief_board(board, gathered=gathered), width=screen_width(), styled=shows_styles()))


def print_empty_leaderboard(results: Path, output: TableFormat) -> None:
    """Prints a leaderboard without entries, so that a program that reads it finds one; as a table nothing."""
    if output is not TableFormat.table:
        from serbench.results import make_leaderboard

        print_leaderboard(make_leaderboard([], [], results), output)


def print_sheet(sheet: Sheet) -> None:
    """Prints a table after an empty line."""
    import pandas as pd

    from serbench.render import Document, render

    echo_text(f"\n{render(Document((sheet,), pd.DataFrame(), {}), 'table', width=screen_width())}")
