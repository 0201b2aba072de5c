"""`serbench study list|show|replay|fork|publish|push|remove`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli import study_push, study_runs
from serbench.cli.declared import expanded_path
from serbench.cli.options import DEFAULT_RESULTS, BriefFormat, BriefOutput, ResultsPath, StudyArgument
from serbench.cli.printing import confirm, echo, echo_command, echo_pairs, echo_text, screen_width, started_with
from serbench.errors import SerbenchError

if TYPE_CHECKING:
    from serbench.results import DamagedRecord

__all__ = ["app"]

app = typer.Typer(
    help="Studies: list, show, replay, fork, publish, push, remove.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_studies(results: ResultsPath = DEFAULT_RESULTS, output: BriefOutput = BriefFormat.table) -> None:
    """Lists all studies with their trials, best validation score, entries, and whether they are running."""
    from serbench.cli.watch import busy
    from serbench.records import none_in
    from serbench.render import render, studies_document
    from serbench.results import Results

    found = Results(results)
    with busy("reading results"):
        rows = found.study_rows()
    _warn(found.damaged)
    if not rows and output is BriefFormat.table:
        echo(none_in(results, "studies"), err=True)
        return
    echo_text(render(studies_document(rows), output.value, width=screen_width()))


@app.command("show")
def show(study: StudyArgument, results: ResultsPath = DEFAULT_RESULTS, output: BriefOutput = BriefFormat.table) -> None:
    """Shows the settings of a study, how its trials ended, the best trials, failures with reasons, and its entries."""
    from serbench.cli.watch import busy
    from serbench.render import render, study_document, study_facts
    from serbench.results import Results
    from serbench.search import placeholder_note, search_command

    found = Results(results)
    with busy("reading results"):
        report = found.study_report(study)
    _warn(found.damaged)
    document = study_document(report)
    if output is BriefFormat.json:
        echo_text(render(document, "json"))
        return
    echo_pairs(study_facts(report))
    words = search_command(found.study(study).record, results=results)
    echo_command("search again", [*started_with(), *words])
    if note := placeholder_note(words):
        echo_pairs([("", note)])
    if document.sheets:
        echo("")
        echo_text(render(document, "table", width=screen_width()))


app.command("replay")(study_runs.replay)
app.command("fork")(study_runs.fork)


@app.command("publish")
def publish(
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY...", help="Studies by name; without -foldN it stands for all folds."),
    ],
    to: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Another results folder, for example in a repository.", callback=expanded_path
        ),
    ],
    results: ResultsPath = DEFAULT_RESULTS,
) -> None:
    """Copies studies without weights, databases and training predictions.

    The copy still has everything to recompute every score: `serbench leaderboard --results DIR` prints the same table.
    The ledger goes along: it counts all evaluations of the same test sets. A study that fails its checks (see
    `serbench verify`) is refused.
    """
    from serbench.cli.watch import busy
    from serbench.records import ResultsFolder
    from serbench.render import size
    from serbench.results import publish_studies

    with busy("checking and copying") as view:
        for name, copied in publish_studies(ResultsFolder(results), studies, to):
            view.message(f"{name}: {size(copied)}")


app.command("push")(study_push.push)


@app.command("remove")
def remove(
    study: StudyArgument,
    results: ResultsPath = DEFAULT_RESULTS,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Permanently deletes a study with its trials, final runs and entries. A running study is not deleted."""
    from serbench.errors import UsageError
    from serbench.records import ResultsFolder

    folder = ResultsFolder(results)
    path = folder.existing_study(study).path
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"cannot ask for confirmation without a terminal; add --yes to delete {path}")
        entries = len(list((path / "entries").glob("*.json")))
        trials = len(folder.existing_study(study).job_ids("search"))
        if not confirm(f"permanently delete {path} with {trials} trials and {entries} entries?"):
            raise SerbenchError(f"{path} was not deleted")
    folder.remove_study(study)
    echo(f"removed {path}", err=True)


def _warn(damaged: Iterable[DamagedRecord]) -> None:
    for sentence in dict.fromkeys(one.sentence for one in damaged):
        echo(f"note: {sentence}; it is not shown", err=True)
