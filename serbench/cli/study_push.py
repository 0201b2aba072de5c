"""`serbench study push`."""

from __future__ import annotations

from typing import Annotated

import typer

from serbench.cli.options import DEFAULT_RESULTS, ResultsPath
from serbench.cli.printing import echo, new_console

__all__ = ["push"]


def push(
    tracker: Annotated[str, typer.Argument(metavar="TRACKER", help="mlflow, tensorboard, wandb, or a plug-in.")],
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study by name; without -foldN it stands for all folds.")
    ],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="WHERE",
            help="mlflow: address of the server.  [default: MLFLOW_TRACKING_URI]  tensorboard, wandb: a folder.  "
            "[default: tensorboard, wandb]",
        ),
    ] = None,
    results: ResultsPath = DEFAULT_RESULTS,
) -> None:
    """Copies a study into an experiment tracker: parameters, curves, states, and the entries' test scores.

    Everything comes from records, and nothing is read back. A second push changes nothing that is there already. For
    Weights & Biases, offline runs are written; `wandb sync` uploads them.
    """
    from serbench.cli.watch import watcher
    from serbench.results import Results
    from serbench.trackers import get_tracker, push_study

    get_tracker(tracker)  # fails on an unknown name before anything is read
    with watcher(new_console()) as view:
        view.working("reading results")
        done = push_study(
            Results(results), study, tracker, to, progress=lambda now, total: view.progress("runs", now, total)
        )
    echo(f"{done.place}: {done.added} runs added, {done.updated} updated, {done.unchanged} unchanged", err=True)
    echo(f"see them: {done.next_step}", err=True)
