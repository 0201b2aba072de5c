"""`serbench audit`."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from serbench.cli.options import DEFAULT_RESULTS, DataFolder, ResultsPath, TableFormat
from serbench.cli.printing import echo_text, new_console, screen_width

__all__ = ["audit"]


def audit(
    target: Annotated[
        str, typer.Argument(metavar="STUDY|ENTRY", help="An entry, or a study to audit its selected entry.")
    ],
    split_seeds: Annotated[
        int, typer.Option(min=1, help="Number of random splits on which the configuration is trained again.")
    ] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Training runs per split.")] = 1,
    refits: Annotated[
        bool,
        typer.Option("--refits/--no-refits", help="Whether to train again; without training it takes seconds."),
    ] = True,
    data: DataFolder = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Training runs at the same time.  [default: as many as fit the machine]")
    ] = None,
    results: ResultsPath = DEFAULT_RESULTS,
    output: Annotated[TableFormat, typer.Option("--format", help="Output format.")] = TableFormat.table,
) -> None:
    """Checks whether a score can be trusted, with one verdict per check. Exit code 1 if one is an alarm.

    Completed training runs are kept: the same command resumes an interrupted audit.
    """
    from serbench.audit import AuditPlan, audit_document, audit_entry
    from serbench.cli.stopping import stopping
    from serbench.cli.watch import watcher
    from serbench.errors import SerbenchError
    from serbench.render import render
    from serbench.results import Results

    plan = AuditPlan(target, split_seeds, repeats, refits, data, workers)
    stop = threading.Event()
    console = new_console()
    with stopping(stop, console), watcher(console) as view:
        view.working("checking")
        record = audit_entry(Results(results), plan, view, stop)
    echo_text(render(audit_document(record), output.value, width=screen_width()))
    if stop.is_set():
        raise typer.Exit(130)
    if record.alarms:
        raise SerbenchError(f"{record.alarms} of {len(record.findings)} checks raised an alarm")
