"""`serbench audit`."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from serbench.cli.options import DEFAULT_RESULTS, DataFolder, ResultsPath, TableFormat

__all__ = ["audit"]


def audit(
    target: Annotated[str, typer.Argument(metavar="STUDY|ENTRY", help="An entry, or a study for its selected one.")],
    split_seeds: Annotated[
        int, typer.Option(min=1, help="Draws of the test speakers that the configuration is refitted on.")
    ] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Fits of each draw.")] = 1,
    refits: Annotated[
        bool, typer.Option("--refits/--no-refits", help="Whether to train at all; without, minutes become seconds.")
    ] = True,
    data: DataFolder = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Fits side by side.  [default: as many as fit]")] = None,
    results: ResultsPath = DEFAULT_RESULTS,
    output: Annotated[TableFormat, typer.Option("--format", help="How it is printed.")] = TableFormat.table,
) -> None:
    """Checks whether a score can be believed: one page of plain verdicts. Exit code 1 where one is an alarm.

    What was fitted for an audit is kept, and the same command goes on where it was.
    """
    from rich.console import Console

    from serbench.audit import AuditPlan, audit_document, audit_entry
    from serbench.cli.printing import screen_width
    from serbench.cli.stopping import stopping
    from serbench.cli.watch import watcher
    from serbench.errors import SerbenchError
    from serbench.render import render
    from serbench.results import Results

    plan = AuditPlan(target, split_seeds, repeats, refits, data, workers)
    stop = threading.Event()
    console = Console(stderr=True)
    with stopping(stop, console), watcher(console) as view:
        record = audit_entry(Results(results), plan, view, stop)
    typer.echo(render(audit_document(record), output.value, width=screen_width()), nl=False)
    if stop.is_set():
        raise typer.Exit(130)
    if record.alarms:
        raise SerbenchError(f"{record.alarms} of {len(record.findings)} checks raised an alarm")
