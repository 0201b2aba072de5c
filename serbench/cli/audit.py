"""`serbench audit`."""

from __future__ import annotations

import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.options import DEFAULT_RESULTS, ResultsPath, StudyData, TableFormat, TableOutput
from serbench.cli.printing import echo_text, new_console, screen_width
from serbench.errors import SerbenchError, UsageError

__all__ = ["audit"]


class Where(StrEnum):
    """Whose clips a measurement of robustness is on."""

    validation = "validation"
    test = "test"


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
        typer.Option(
            "--refits/--no-refits",
            help="Whether to train again; without training a few thousand clips take seconds, a hundred thousand some "
            "minutes.",
        ),
    ] = True,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Instead of the checks, measure what noise, rooms, codecs and more cost. Nothing is trained.",
        ),
    ] = False,
    on: Annotated[
        Where,
        typer.Option(
            "--on", help="With --robustness: whose clips are judged. 'test' counts as an evaluation of the test set."
        ),
    ] = Where.validation,
    data: StudyData = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Training runs at the same time.  [default: as many as fit the machine]")
    ] = None,
    results: ResultsPath = DEFAULT_RESULTS,
    output: TableOutput = TableFormat.table,
) -> None:
    """Checks whether a score can be trusted, with one verdict per check. Exit code 1 if one is an alarm.

    Three of the checks train the configuration again; --no-refits leaves them out. Completed training runs are kept:
    the same command resumes an interrupted audit.
    """
    if robustness:
        if (split_seeds, repeats, refits, workers) != (1, 1, True, None):
            raise UsageError(
                "--robustness trains nothing; leave out --split-seeds, --repeats, --no-refits and --workers"
            )
        _robustness(target, on, data, results, output)
        return
    if on is not Where.validation:
        raise UsageError("--on belongs to --robustness; add it, or leave --on out")
    if not refits and (split_seeds, repeats, workers) != (1, 1, None):
        raise UsageError("--no-refits trains nothing; leave out --split-seeds, --repeats and --workers")
    from serbench.audit import AuditPlan, audit_document, audit_entry
    from serbench.cli.stopping import stopping
    from serbench.cli.watch import watcher
    from serbench.render import render
    from serbench.results import Results

    plan = AuditPlan(target, split_seeds, repeats, refits, data, workers)
    stop = threading.Event()
    console = new_console()
    with stopping(stop, console, "what was found so far is shown"), watcher(console) as view:
        view.working("checking")
        record = audit_entry(Results(results), plan, view, stop)
    echo_text(render(audit_document(record), output.value, width=screen_width()))
    if stop.is_set():
        raise typer.Exit(130)
    if record.alarms:
        raise SerbenchError(f"{record.alarms} of {len(record.findings)} checks raised an alarm")


def _robustness(target: str, on: Where, data: Path | None, results: Path, output: TableFormat) -> None:
    """Measures the robustness of an entry and prints it."""
    from serbench.audit.robustness import RobustnessPlan, StoppedError, measure_robustness, robustness_document
    from serbench.cli.stopping import stopping
    from serbench.cli.watch import watcher
    from serbench.render import render
    from serbench.results import Results

    stop = threading.Event()
    console = new_console()
    plan = RobustnessPlan(target, "test" if on is Where.test else "validation", data)
    try:
        with stopping(stop, console, "conditions that were measured are kept"), watcher(console) as view:
            record, found = measure_robustness(Results(results), plan, view, stop)
    except StoppedError:
        raise typer.Exit(130) from None
    echo_text(render(robustness_document(record.entry, found), output.value, width=screen_width()))
