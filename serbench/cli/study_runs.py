"""`serbench study fork|replay`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from serbench.cli.options import DEFAULT_RESULTS, BriefFormat, BriefOutput, ResultsPath, StudyArgument, StudyData
from serbench.cli.printing import echo, echo_json, echo_pairs, new_console, started_with

__all__ = ["fork", "replay"]


def fork(
    study: StudyArgument,
    space: Annotated[str, typer.Option("--space", help="The changed search space: a file or a name.")],
    run: Annotated[
        str | None,
        typer.Option("--study", metavar="RUN", help="Name of the new study.  [default: from corpus and protocol]"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Most epochs of a trial; needed if the old study used --epochs.")
    ] = None,
    max_params: Annotated[
        int | None, typer.Option(min=1, help="Most parameters of a model; larger old trials are left out.")
    ] = None,
    split_ratio: Annotated[
        str | None, typer.Option(metavar="RATIO", help="Split of all trials; needed if the old study used one.")
    ] = None,
    results: ResultsPath = DEFAULT_RESULTS,
) -> None:
    """Starts a new study with a changed search space, from the old trials that are valid in it.

    The trials keep their ids, seeds and predictions. Test runs and entries are not copied: the new study selects its
    own finalists.
    """
    from serbench.records import ResultsFolder
    from serbench.search import fork_study, placeholder_note, search_command
    from serbench.spaces import load_space

    asked = {"epochs": epochs, "max_parameters": max_params}
    loaded = load_space(space).with_training(**{name: value for name, value in asked.items() if value is not None})
    if split_ratio is not None:
        loaded = loaded.with_split(split_ratio)
    folder = ResultsFolder(results)
    made = fork_study(folder, study, loaded, run)
    console = new_console(soft_wrap=True)
    total = len(made.kept) + len(made.left_out)
    console.print(f"study {made.record.name}: {len(made.kept)} of {total} trials kept")
    for about, trials in made.groups().items():
        console.print(f"  left out by {about}: {len(trials)} ({trials[0].job_id}: {trials[0].reason})")
    console.print("continue with:")
    # The fork gets the budget of its space, on top of the kept trials if these already use it up.
    total_trials = made.counted + loaded.budget.trials if made.counted >= loaded.budget.trials else None
    words = search_command(
        made.record,
        space=space,
        data=folder.study(made.record.name).remembered_data(),
        results=results,
        trials=total_trials,
    )
    echo(shlex.join([*started_with(), *words]))
    if note := placeholder_note(words):
        console.print(note)


def replay(
    study: StudyArgument,
    trial: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL",
            help="A trial (t0003), a final run (t0003-r0, t0003-a0), a fold (t0003-f1), a bag (t0003-bag) or a probe.",
        ),
    ],
    data: StudyData = None,
    results: ResultsPath = DEFAULT_RESULTS,
    keep_model: Annotated[
        bool,
        typer.Option(
            "--keep-model",
            help="Also keep the model of a final run, fold or bag that repeats its answers, for an export.",
        ),
    ] = False,
    output: BriefOutput = BriefFormat.table,
) -> None:
    """Trains one trial again exactly as recorded, and compares. Exit code 1 if the score is not reproduced.

    Nothing is written to the results but a model that is asked for, except that the ledger counts another evaluation of
    the test set where TRIAL is a final run.
    """
    from serbench.cli.watch import watcher
    from serbench.errors import SerbenchError
    from serbench.records import ResultsFolder
    from serbench.search import replay_facts, replay_trial

    with watcher(new_console()) as view:
        view.working("training again")
        found = replay_trial(ResultsFolder(results), study, trial, data, view.progress, keep_model=keep_model)
    if output is BriefFormat.json:
        echo_json(found.describe())
    else:
        echo_pairs(replay_facts(found))
    if found.unkept:
        raise SerbenchError(f"the model of {trial} was not kept: {found.unkept}; {found.why()}")
    if not found.repeated:
        raise SerbenchError(found.complaint())
