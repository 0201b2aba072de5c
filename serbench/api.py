"""serbench from Python: `import serbench`, then the functions of this module.

Nothing heavy is imported before a function is called.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from serbench.corpora import Corpus
    from serbench.records import LabelSource
    from serbench.search import Observer
    from serbench.spaces import SearchSpace
    from serbench.views import Bundle, Comparison, CorpusView, Entry, Results

    Space: TypeAlias = str | Path | SearchSpace
    LabelMap: TypeAlias = str | Mapping[str, str]

__all__ = [
    "Bundle",
    "Comparison",
    "CorpusView",
    "Entry",
    "Results",
    "corpus",
    "load_bundle",
    "load_space",
    "open_results",
    "search",
]

_VIEWS = ("Bundle", "Comparison", "CorpusView", "Entry", "Results")


def search(
    spaces: Space | Sequence[Space] | None = None,
    corpus: str | Path | Corpus = "demo",
    data: str | Path | None = None,
    *,
    results: str | Path = "results",
    trials: int | None = None,
    time: float | str | None = None,
    workers: int | None = None,
    finalists: int | None = None,
    repeats: int | None = None,
    probes: int | None = None,
    epochs: int | None = None,
    max_params: int | None = None,
    split_ratio: str | None = None,
    protocol: str | None = None,
    labels: LabelSource = "intended",
    label_map: LabelMap | None = None,
    drop: str | Sequence[str] = (),
    file_names: str | None = None,
    test_corpus: str | None = None,
    study: str | None = None,
    warm_start: str | None = None,
    seed: int = 0,
    split_seed: int = 0,
    sampler: str = "tpe",
    pruner: str = "percentile",
    threads: int | None = None,
    backend: str | None = None,
    cluster: str | None = None,
    storage: str | None = None,
    stop: threading.Event | None = None,
    observer: Observer | None = None,
    progress: bool = True,
) -> Results:
    """Searches spaces on a corpus and tests the finalists once: `serbench search` from Python.

    The same call again resumes: trials that are recorded are not run again. A script needs no `__main__` guard, since
    the processes that train never run it.

    Ctrl-C ends the search gracefully: running fits are told to stop, what was done is recorded, and then
    `KeyboardInterrupt` is raised. A second Ctrl-C raises it at once. This takes the main thread; a search in another
    thread is ended by `stop`.

    Args:
        spaces: names or files of search spaces, or loaded ones; None for both families.
        corpus: a name (`serbench corpus list`), several as 'a+b', a folder with a folder per class, or a table.
        data: folder of the corpus; None for where it usually lies. The demo corpus makes itself.
        results: folder that everything is written to.
        trials: total a space, earlier calls included; None for what the space says, as for all below.
        time: bound on the whole call, in seconds or as '90s', '15m', '1h30m'.
        workers: trials side by side; None chooses by cores, memory and trials.
        finalists: best configurations on validation that are trained again and tested.
        repeats: fresh seeds that each finalist is trained on.
        probes: short fits that say which configurations are tried first.
        epochs: of a fit at the most.
        max_params: larger models are not trained.
        split_ratio: one split for all trials, e.g. '72/8/20' (percent to train on, validate and test).
        protocol: who may be in which set, e.g. 'speaker', 'loso' or 'random'; None for what the space says.
        labels: 'intended' by the speaker, or 'perceived' by most listeners.
        label_map: other names for labels, as a dict or a set such as 'big6'.
        drop: labels to leave out.
        file_names: what file names of a folder or table say, e.g. '{speaker}_{sentence}_*'.
        test_corpus: test on all of this corpus and learn from `corpus`.
        study: name of the run; the same name resumes it.
        warm_start: an earlier study whose best configurations are tried first.
        seed: of sampling and training.
        split_seed: of the split; another one is another test set.
        sampler: 'tpe', 'random', or 'gp' (an extra).
        pruner: 'percentile', 'median', 'hyperband' or 'none'.
        threads: compute threads of each trial.
        backend: of Keras: 'tensorflow', 'jax' or 'torch'.
        cluster: address of a Dask scheduler, or 'local'.
        storage: address of a PostgreSQL database that keeps Optuna's studies.
        stop: set it from another thread to end the search gracefully; what was done is returned.
        observer: is told everything, instead of the display.
        progress: whether a display shows how far it is: in a notebook one output that updates itself, else one line a
            study on standard error.

    Returns:
        The results folder. `best()` chooses among the studies that were searched.

    Raises:
        UsageError: an argument is wrong; the sentence says which and what would be right.
        SerbenchError: something keeps the search from starting or going on; what was done is recorded.
        KeyboardInterrupt: Ctrl-C, after everything that was done has been recorded.
    """
    from serbench.corpora import Corpus
    from serbench.errors import UsageError
    from serbench.views import Results

    with warnings.catch_warnings():  # tqdm, which Optuna imports, asks notebooks for widgets that nothing here shows
        warnings.filterwarnings("ignore", message="IProgress not found")
        from serbench.search import SearchPlan, SearchRequest, run_search

    loaded = corpus if isinstance(corpus, Corpus) else None
    if loaded is not None and (label_map or drop or file_names or test_corpus):
        raise UsageError("label_map, drop, file_names and test_corpus go with a corpus by name or path")
    maps, drops = _label_options(label_map, drop)
    request = SearchRequest(
        corpus=loaded.name if loaded is not None else str(corpus),
        data=_path(data),
        label_map=tuple(maps),
        drop=tuple(drops),
        file_names=file_names,
        test_corpus=test_corpus,
        labels=labels,
        protocol=protocol,
        split_ratio=split_ratio,
        split_seed=split_seed,
        trials=trials,
        seconds=_seconds(time),
        finalists=finalists,
        repeats=repeats,
        probes=probes,
        epochs=epochs,
        max_params=max_params,
        run=study,
        seed=seed,
        sampler=sampler,
        pruner=pruner,
        warm_start=warm_start,
        workers=workers,
        threads=threads,
        backend=backend,
        cluster=cluster,
        storage=storage,
        results=Path(results),
    )
    plan = SearchPlan.of(request, _spaces(spaces), loaded)
    stop = stop or threading.Event()
    with _interruptible(stop), _watching(observer, progress) as watcher:
        studies = run_search(plan, watcher, stop)
    return Results(results, studies)


def open_results(path: str | Path = "results") -> Results:
    """Opens a folder of results, to look at what earlier searches found.

    Args:
        path: the folder; what a question needs is read when it is asked.

    Raises:
        SerbenchError: it is not there, or was written by a newer serbench.
    """
    from serbench.errors import SerbenchError
    from serbench.views import Results

    if not Path(path).is_dir():
        raise SerbenchError(f"there is no folder {path}; run a search first, or name the folder of its results")
    return Results(path)


def load_bundle(path: str | Path) -> Bundle:
    """Loads an exported model, to label sounds with it.

    Args:
        path: the folder that `Entry.export` or `serbench export` wrote. It may come from anybody: nothing in it is run.

    Raises:
        UsageError: the folder is no bundle.
        SerbenchError: it is damaged, or written by a newer serbench.
    """
    from serbench.views import Bundle

    return Bundle(path)


def load_space(space: str | Path) -> SearchSpace:
    """Reads and checks a search space.

    Args:
        space: its file, or its name.

    Raises:
        UsageError: there is none, or anything in it is wrong; the sentence says where and how to mend it.
    """
    from serbench.spaces import load_space as load

    return load(space)


def corpus(
    name: str | Path,
    data: str | Path | None = None,
    *,
    labels: LabelSource = "intended",
    label_map: LabelMap | None = None,
    drop: str | Sequence[str] = (),
    file_names: str | None = None,
) -> CorpusView:
    """Reads a corpus and examines its audio, to look at the clips that a search would use.

    Args:
        name: as in `search`.
        data: as in `search`.
        labels: as in `search`.
        label_map: as in `search`.
        drop: as in `search`.
        file_names: as in `search`.

    Raises:
        UsageError: no such corpus, or options that do not go together.
        SerbenchError: it is not there, or no clip is usable.
    """
    from serbench.corpora import choose_corpus, load_clips
    from serbench.views import CorpusView

    maps, drops = _label_options(label_map, drop)
    chosen, place = choose_corpus(str(name), _path(data), maps=maps, drops=drops, names=file_names)
    return CorpusView(load_clips(chosen, place, labels=labels))


def __getattr__(name: str) -> object:
    """Loads the classes that the functions return, when they are asked for."""
    if name in _VIEWS:
        from serbench import views

        return getattr(views, name)
    raise AttributeError(f"module 'serbench.api' has no attribute '{name}'")


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path).expanduser()


def _seconds(time: float | str | None) -> float | None:
    from serbench.search import seconds_of

    return seconds_of(time) if isinstance(time, str) else time


def _label_options(label_map: LabelMap | None, drop: str | Sequence[str]) -> tuple[list[str], list[str]]:
    """Label maps and drops as the command line writes them."""
    if isinstance(label_map, Mapping):
        maps = [f"{old}={new}" for old, new in label_map.items()]
    else:
        maps = [] if label_map is None else [label_map]
    return maps, [drop] if isinstance(drop, str) else list(drop)


def _spaces(spaces: Space | Sequence[Space] | None) -> list[str | SearchSpace]:
    """The spaces one by one, names as text; none for those that go with the corpus."""
    from serbench.errors import UsageError
    from serbench.spaces import SearchSpace

    if spaces is None:
        return []
    listed = [spaces] if isinstance(spaces, str | os.PathLike | SearchSpace) else list(spaces)
    if not listed:
        raise UsageError("no space to search; name one, for example 'cnn1d'")
    return [space if isinstance(space, SearchSpace) else os.fspath(space) for space in listed]


@contextlib.contextmanager
def _watching(observer: Observer | None, progress: bool) -> Iterator[Observer | None]:
    """Who watches the search: the caller's observer, else a display where one is wanted."""
    if observer is not None or not progress:
        yield observer
        return
    from serbench.views import progress_view

    view = progress_view()
    try:
        yield view
    finally:
        view.close()


@contextlib.contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C sets `stop`; once the block has ended in its own way, KeyboardInterrupt follows.

    Does nothing outside the main thread, where no signal arrives, and where Ctrl-C is ignored (a job in background).
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in {signal.SIG_IGN, None}:
        yield
        return
    asked = False

    def handle(_number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stop.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt("stopped; what was done is recorded, and the same call goes on from there")
