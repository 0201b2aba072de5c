"""`serbench task` and `serbench submit`: a method of another tool on a study's test set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.declared import expanded_path
from serbench.cli.options import DEFAULT_RESULTS, BoardOutput, ResultsPath, StudyData, TableFormat
from serbench.cli.printing import command_line, echo, new_console

if TYPE_CHECKING:
    import pandas as pd

    from serbench.records import ResultsFolder
    from serbench.references import ReferenceTask

__all__ = ["folds_of", "print_table_of", "submit", "task"]


def task(
    study: Annotated[str, typer.Argument(help="The study whose test set is predicted; see `serbench study list`.")],
    to: Annotated[Path, typer.Option(help="The new folder.", callback=expanded_path)],
    data: StudyData = None,
    results: ResultsPath = DEFAULT_RESULTS,
) -> None:
    """Writes a study's test set for a method of another tool, without labels.

    The folder has lists of training and validation clips with labels, the audio of the test clips under names that tell
    nothing, the protocol in words, and a form for the predictions.
    """
    from serbench.cli.watch import watcher
    from serbench.records import ResultsFolder
    from serbench.references import write_task
    from serbench.search import recorded_clips

    folder = ResultsFolder(results)
    first = folds_of(folder, study)[0]
    with watcher(new_console()) as view:
        clips = recorded_clips(folder.study(first), folder.study(first).record(), data, view.progress)
        roots = write_task([replace(one, progress=view.progress) for one in _tasks(folder, study, clips)], to)
    where = ", ".join(str(root) if len(roots) == 1 else f"{root} ({name})" for name, root in roots.items())
    echo(f"{to}: README.md says what is in it; paths of training clips are relative to {where}")


def submit(
    predictions: Annotated[Path, typer.Argument(help="CSV or Parquet: clip_id and p_<label> columns, or label.")],
    study: Annotated[str, typer.Option(help="The study whose test set was predicted.")],
    name: Annotated[str, typer.Option(help="What made the predictions, for tables.")],
    note: Annotated[str, typer.Option(help="A few words on how.")] = "",
    results: ResultsPath = DEFAULT_RESULTS,
    output: BoardOutput = TableFormat.table,
) -> None:
    """Adds predictions of another tool to the leaderboard, in a row marked (brought).

    All test clips are needed. It counts as one evaluation of the test set.
    """
    from serbench.records import ResultsFolder
    from serbench.references import keep_brought, read_brought

    folder = ResultsFolder(results)
    tasks = _tasks(folder, study)
    kept = keep_brought(folder, tasks, read_brought(predictions, tasks[0].labels), name, note)
    if print_table_of(results, tasks[0].study.name, kept, output):
        again = command_line("report", kept, "--study", study, results=results)
        echo(f"scores per class, slices and votes: {again}", err=True)


def print_table_of(results: Path, study: str, kept: str, output: TableFormat) -> bool:
    """Prints the leaderboard of a study's corpus with a row that was just kept.

    Args:
        results: the results folder.
        study: name of a study with the row's test set.
        kept: name of the row.
        output: output format.

    Returns:
        False if no entry is tested on these clips yet, so that no table shows the row; a sentence says so instead.
    """
    from serbench.cli.results import print_empty_leaderboard, print_leaderboard
    from serbench.results import Results

    found = Results(results)
    group = found.study(study).group
    if any(one.entry_ids for one in found.studies if one.group == group):
        print_leaderboard(found.board(group.corpus), output)
        return True
    print_empty_leaderboard(results, output)
    echo(f"{kept} is kept; the leaderboard shows it once an entry is tested on these clips", err=True)
    return False


def folds_of(folder: ResultsFolder, name: str) -> list[str]:
    """Returns the studies of a run, one for each fold, whether the run or one of them is named.

    Raises:
        UsageError: there is no such study or run.
        SerbenchError: a fold of the run has not begun.
    """
    from serbench.errors import SerbenchError
    from serbench.records import run_name

    run = run_name(name)
    alone = name == run and name in folder.study_names()
    names = [name] if alone else folder.folds(run) or [name]
    records = sorted((folder.existing_study(one).record() for one in names), key=lambda record: record.protocol.fold)
    if len(records) < records[0].protocol.folds:
        raise SerbenchError(
            f"run '{run}' has {len(records)} of {records[0].protocol.folds} folds so far; let its search end first"
        )
    return [record.name for record in records]


def _tasks(folder: ResultsFolder, name: str, clips: pd.DataFrame | None = None) -> list[ReferenceTask]:
    """Returns the test set of a run, one part for each fold. Without `clips`, audio is not looked for."""
    from serbench.protocols import recorded_plan
    from serbench.references import ReferenceTask

    found = []
    for one in folds_of(folder, name):
        study = folder.study(one)
        record, table = study.record(), study.clips()
        if clips is not None:
            table = clips.set_index("clip_id", drop=False).loc[table["clip_id"]].reset_index(drop=True)
        plan = recorded_plan(study, record, table)
        found.append(ReferenceTask(record, table, plan.core_split))
    return found
