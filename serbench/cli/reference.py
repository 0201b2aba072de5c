"""`serbench reference`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.declared import expanded_path
from serbench.cli.options import DEFAULT_RESULTS, BoardOutput, ResultsPath, StudyData, TableFormat
from serbench.cli.printing import echo, new_console
from serbench.errors import SerbenchError

__all__ = ["reference"]


def reference(
    name: Annotated[
        str,
        typer.Argument(
            help="functionals, boosting, svm, egemaps, functionals-speaker, boosting-speaker, egemaps-speaker, "
            "encoder, chance, majority or listeners."
        ),
    ],
    study: Annotated[
        str, typer.Option(help="The study whose test set is predicted; of a folded run its name without the fold.")
    ],
    encoder: Annotated[
        Path | None,
        typer.Option(
            help="For encoder: folder of a speech encoder saved by transformers; nothing is downloaded.",
            callback=expanded_path,
        ),
    ] = None,
    data: StudyData = None,
    results: ResultsPath = DEFAULT_RESULTS,
    output: BoardOutput = TableFormat.table,
) -> None:
    """Adds a baseline on the test set of a study to the leaderboard.

    Every search adds chance, majority, an SVM on functionals, and listeners by itself. Others are asked for: boosting
    (gradient-boosted trees), svm (on means and deviations), egemaps (openSMILE) and encoder (a frozen pretrained
    model). The last two each need an extra. functionals-speaker, boosting-speaker and egemaps-speaker normalise each
    speaker's features by that speaker's own clips, so they are marked transductive.
    """
    from serbench.cli.exchange import folds_of, print_table_of
    from serbench.cli.watch import watcher
    from serbench.protocols import recorded_plan
    from serbench.records import ReferenceFolder, ResultsFolder
    from serbench.references import ReferenceTask, compute_references, named_reference, require_extra
    from serbench.search import recorded_clips

    kept, chosen = named_reference(name, encoder)
    require_extra(name)
    folder = ResultsFolder(results)
    studies = [study] if study in folder.study_names() else folds_of(folder, study)
    lacking = 0
    with watcher(new_console()) as view:
        view.working(f"predicting by {kept}")
        for one in studies:
            found = folder.study(one)
            record = found.record()
            clips = recorded_clips(found, record, data, view.progress)
            plan = recorded_plan(found, record, clips)
            made = compute_references(
                results, ReferenceTask(record, clips, plan.core_split, view.progress), {kept: chosen}
            )
            if not made:
                there = kept in ReferenceFolder.of(results, record).names()
                echo(f"{kept} {'is already there' if there else f'cannot be computed for study {one}'}", err=True)
                lacking += not there
    if lacking == len(studies):
        raise SerbenchError(f"{kept} was not computed: the corpus or the protocol lacks what it needs")
    print_table_of(results, record.name, kept, output)
