"""`serbench search`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from serbench.cli.options import (
    DEFAULT_RESULTS,
    CorpusOption,
    DataFolder,
    FileNames,
    LabelDrops,
    LabelMaps,
    ResultsPath,
    TableFormat,
)
from serbench.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from serbench.records.schemas import LabelSource
    from serbench.search import SearchPlan

__all__ = ["search"]


def search(
    spaces: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SPACE]...", help="Space files or names; both families when none is given."),
    ] = None,
    corpus: CorpusOption = "demo",
    data: DataFolder = None,
    label_map: LabelMaps = None,
    drop: LabelDrops = None,
    file_names: FileNames = None,
    test_corpus: Annotated[
        str | None, typer.Option(metavar="NAME", help="Test on all of this corpus and learn from --corpus.")
    ] = None,
    labels: Annotated[
        str, typer.Option(help="Whose labels: intended (by the speaker) or perceived (by most listeners).")
    ] = "intended",
    protocol: Annotated[
        str | None,
        typer.Option(
            help="speaker (no speaker in two sets), random (shares speakers), sentence, speaker+sentence, speaker-cv, "
            "loso, emo-superb, given (the corpus's own) or cross-corpus.  [default: as the space says, else speaker]"
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Total of trials a space, earlier runs included.  [default: as the space says]")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", "--timeout", help="Bound on the command, e.g. 90, 15m, 1h30m.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Trials side by side.  [default: by cores, memory and trials]")
    ] = None,
    finalists: Annotated[
        int | None, typer.Option(help="Top configurations that are refitted and tested.  [default: as the space says]")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Fresh seeds a finalist is refitted on.  [default: as the space says]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of a fit at the most, instead of what the space says.")
    ] = None,
    split_ratio: Annotated[
        str | None,
        typer.Option(
            metavar="RATIO",
            help="One split for all trials, e.g. 72/8/20 (percent to train on, validate and test), and its cores.",
        ),
    ] = None,
    study: Annotated[str | None, typer.Option(help="Name of the run; the same name resumes it.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of sampling and training.")] = 0,
    split_seed: Annotated[int, typer.Option(help="Seed of the split; another one is another test set.")] = 0,
    sampler: Annotated[str, typer.Option(help="tpe, random, or gp (an extra).")] = "tpe",
    pruner: Annotated[str, typer.Option(help="percentile, median, hyperband or none.")] = "percentile",
    max_params: Annotated[
        int | None, typer.Option(help="Larger models are not trained, and the sampler learns to avoid them.")
    ] = None,
    probes: Annotated[
        int | None, typer.Option(help="Cheap start: so many short fits say what is tried first.  [default: none]")
    ] = None,
    warm_start: Annotated[
        str | None, typer.Option(metavar="STUDY", help="Try the best configurations of an earlier study first.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Compute threads of each trial.  [default: cores shared out among workers]")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Run trials on a Dask cluster: tcp://HOST:8786, or local for one made here.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(envvar="SERBENCH_STORAGE", help="Keep Optuna's studies in postgresql://... .")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Show the search in a browser, on this machine only, while it runs.")
    ] = False,
    live_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the live pages.  [default: the first free from 8421]")
    ] = None,
    results: ResultsPath = DEFAULT_RESULTS,
    backend: Annotated[str | None, typer.Option(help="Keras backend: tensorflow, jax or torch.")] = None,
    output: Annotated[
        TableFormat, typer.Option("--format", help="How the leaderboard is printed.")
    ] = TableFormat.table,
) -> None:
    """Searches spaces on a corpus, tests the finalists once, and prints the leaderboard.

    Called bare, it makes the demo corpus and searches both families. The same command again resumes: trials
    that are recorded are not run again. Ctrl-C ends gracefully.
    """
    from rich.console import Console

    from serbench.cli.stopping import stopping
    from serbench.cli.watch import watcher
    from serbench.corpora import choose_corpus
    from serbench.search import SearchPlan, load_space, run_search
    from serbench.search.duration import seconds_of

    names = spaces or (["demo_cnn1d", "demo_cnn2d"] if corpus == "demo" else ["cnn1d", "cnn2d"])
    loaded = [load_space(name) for name in names]
    if split_ratio is not None:
        loaded = [space.with_split(split_ratio) for space in loaded]
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1, got {epochs}")
    if max_params is not None and max_params < 1:
        raise UsageError(f"--max-params must be at least 1, got {max_params}")
    chosen, place = choose_corpus(
        corpus, data, maps=label_map or (), drops=drop or (), names=file_names, test=test_corpus
    )
    changes = {"epochs": epochs, "max_parameters": max_params}
    changes = {name: value for name, value in changes.items() if value is not None}
    plan = SearchPlan(
        spaces=tuple(space.with_training(**changes) for space in loaded),
        corpus=chosen,
        data=place,
        results=results,
        protocol=protocol or ("cross-corpus" if test_corpus else None),
        labels=cast("LabelSource", labels),
        trials=trials,
        seconds=None if time is None else seconds_of(time),
        workers=workers,
        finalists=finalists,
        repeats=repeats,
        run=study,
        seed=seed,
        split_seed=split_seed,
        sampler=sampler,
        pruner=pruner,
        backend=backend,
        threads=threads,
        probes=probes,
        warm_start=warm_start,
        storage=storage,
        cluster=cluster,
    )
    console = Console(stderr=True)
    stop = threading.Event()
    pages = _shown(plan, live or live_port is not None, live_port, console)
    with stopping(stop, console), pages, watcher(console) as view:
        studies = run_search(plan, view, stop)
    _conclude(results, studies, output, console)
    if stop.is_set():
        console.print("stopped; the same command goes on from here", markup=False)
        raise typer.Exit(130)


@contextlib.contextmanager
def _shown(plan: SearchPlan, live: bool, port: int | None, console: Console) -> Iterator[None]:
    """Serves live pages while the block runs, if asked to."""
    if not live:
        yield
        return
    from serbench.site.live.live_site import LiveSite

    with LiveSite(plan.results, plan.corpus.name, plan.protocol_of(plan.spaces[0]), port, plan.storage) as site:
        console.print(f"live pages: {site.address} (until the search ends)", markup=False, highlight=False)
        yield


def _conclude(results: Path, studies: list[str], output: TableFormat, console: Console) -> None:
    """Prints the leaderboard of these studies, the report of the best entry, and where everything lies."""
    from serbench.cli.results import print_leaderboard, print_sheet, print_summary
    from serbench.render import beside_printed
    from serbench.results import Results

    found = Results(results)
    records = [found.study(name).record for name in studies]
    if not any(found.study(name).entry_ids for name in studies):
        console.print(f"no entry was tested yet; trials lie in {results / 'studies'}", markup=False)
        return
    scope = records[0].corpus.name, records[0].protocol.name
    board = found.board(*scope)
    # Figures of others can wait for `serbench leaderboard`: what was just found comes first.
    print_leaderboard(replace(board, reported=()) if output is TableFormat.table else board, output)
    beside = beside_printed(board, studies)
    if output is TableFormat.table and beside is not None:
        print_sheet(beside)
    best = found.best(studies, *scope)
    if output is TableFormat.table and best is not None:
        print_summary(found, best.entry)
    lines = [f"studies    {results / 'studies' / name}" for name in studies]
    if best is not None:
        lines += [
            f"chosen     {best.entry}, of the selected entries the best on validation",
            f"report     serbench report {best.entry} --html report.html",
            "site       serbench leaderboard --html site",
        ]
    if best is not None and best.folds == 1:  # pooled folds are no single model
        lines.append(f"export     serbench export {best.entry} --to bundle")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
