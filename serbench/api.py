"""serbench from Python: `import serbench`, then the functions of this module.

Nothing heavy is imported before a function is called.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from serbench.home import expanded

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
    corpus: str | Path | Corpus | CorpusView = "demo",
    data: str | Path | None = None,
    *,
    results: str | Path = "results",
    trials: int | None = None,
    time: float | str | timedelta | None = None,
    workers: int | None = None,
    shortlist: int | None = None,
    finalists: int | None = None,
    repeats: int | None = None,
    finals: str | None = None,
    probes: int | None = None,
    epochs: int | None = None,
    max_params: int | None = None,
    split_ratio: str | None = None,
    protocol: str | None = None,
    labels: LabelSource = "intended",
    label_map: LabelMap | None = None,
    drop: str | Sequence[str] = (),
    file_names: str | None = None,
    test_corpus: str | Path | None = None,
    study: str | None = None,
    warm_start: str | None = None,
    init: str | Path | None = None,
    teacher: str | None = None,
    seed: int = 0,
    split_seed: int = 0,
    sampler: str | None = None,
    pruner: str = "percentile",
    threads: int | None = None,
    backend: str | None = None,
    precision: str = "auto",
    cluster: str | None = None,
    storage: str | None = None,
    stop: threading.Event | None = None,
    observer: Observer | None = None,
    progress: bool = True,
) -> Results:
    """Searches hyperparameters on a corpus and tests the finalists once, like the command `serbench search`.

    The same call again resumes: recorded trials are not run again. A script needs no `__main__` guard, since the
    training processes do not run the script.

    Ctrl-C stops the search gracefully: running trials end and are recorded, then `KeyboardInterrupt` is raised. A
    second Ctrl-C raises it at once. This works in the main thread only; use `stop` for a search in another thread.

    Args:
        spaces: names or files of search spaces, or loaded spaces; None for the default space of each installed
            family, or the demo's own on the demo corpus.
        corpus: a name (`serbench corpus list`), several as 'a+b', a folder with one folder per class, a table, or what
            `serbench.corpus` returned.
        data: folder of the corpus; None for its default folder. The demo corpus is created if needed.
        results: results folder to write to.
        trials: total number of trials per space, earlier calls included. Here and below, None takes the value from the
            space if it has one.
        time: time limit of the whole call, in seconds, as '90s', '15m', '1h30m', or as a `timedelta`.
        workers: trials at the same time; None chooses by CPU cores, memory and trials.
        shortlist: number of configurations, best on validation, that are compared by cross-validation over all clips
            outside the test set; 0 for none.
        finalists: number of configurations, best in that comparison, that are trained again and tested.
        repeats: number of seeds that each finalist is trained with.
        finals: what these final runs train on: 'all' clips outside the test set (the default with a shortlist), or
            'held-out', which leaves the validation clips out and chooses an epoch on them.
        probes: number of short trials that decide which configurations are tried first.
        epochs: largest number of epochs of a trial.
        max_params: largest number of parameters of a model.
        split_ratio: the split of all trials, e.g. '72/8/20' (percent for training, validation, test).
        protocol: split protocol, e.g. 'speaker', 'loso' or 'random'; None for that of the space.
        labels: 'intended' by the speaker, or 'perceived' by the majority of listeners.
        label_map: new names of labels, as a dict or the name of a set such as 'big6'.
        drop: labels to leave out.
        file_names: pattern of the file names of a folder or table, e.g. '{speaker}_{sentence}_*'.
        test_corpus: a second corpus that is the test set; `corpus` is then used for training and validation only.
        study: name of the run; its studies are called NAME-SPACE, with -foldN behind it for each fold. The same name
            resumes it.
        warm_start: an earlier study whose best configurations are tried first.
        init: an entry in `results`, or the folder of a bundle, whose weights every trial starts from. It is refused if
            that network has heard a test speaker.
        teacher: an entry in `results`, on the same corpus and split, whose out-of-fold answers every trial learns from
            besides the labels.
        seed: seed of sampling and training.
        split_seed: seed of the split. Another seed gives another test set.
        sampler: 'prior' (near known configurations), 'tpe', 'random', or 'gp' (needs an extra); None for that of the
            study if it exists, else 'prior'.
        pruner: 'percentile', 'median', 'hyperband' or 'none'.
        threads: compute threads of each trial.
        backend: Keras backend: 'tensorflow', 'jax' or 'torch'.
        precision: of training: 'float32', 'bfloat16', or 'auto' for bfloat16 where the hardware multiplies it.
        cluster: address of a Dask scheduler, or 'local'.
        storage: address of a PostgreSQL database for Optuna's studies.
        stop: set this event from another thread to stop gracefully. The results so far are returned.
        observer: receives all events, in place of the progress display.
        progress: whether to show progress: in a notebook one output that is updated, otherwise one line per study on
            standard error.

    Returns:
        The results. `best()` selects among the studies of this search.

    Raises:
        UsageError: an argument is wrong. The message says which one, and names valid values.
        SerbenchError: the search cannot start or continue. Completed trials are recorded.
        KeyboardInterrupt: Ctrl-C, after all completed work is recorded.
    """
    from serbench.views import Results

    with warnings.catch_warnings():  # Optuna imports tqdm, which warns in notebooks about widgets that we do not use
        warnings.filterwarnings("ignore", message="IProgress not found")
        from serbench.search import SearchPlan, SearchRequest, run_search

    loaded, place, labels = _loaded_corpus(corpus, _path(data), labels)
    _check_loaded(loaded, label_map, drop, file_names, test_corpus)
    maps, drops = _label_options(label_map, drop)
    request = SearchRequest(
        corpus=loaded.name if loaded is not None else _corpus_name(corpus),
        data=place,
        label_map=tuple(maps),
        drop=tuple(drops),
        file_names=file_names,
        test_corpus=None if test_corpus is None else _corpus_name(test_corpus),
        labels=labels,
        protocol=protocol,
        split_ratio=split_ratio,
        split_seed=split_seed,
        trials=trials,
        seconds=_seconds(time),
        shortlist=shortlist,
        finalists=finalists,
        repeats=repeats,
        finals=finals,
        probes=probes,
        epochs=epochs,
        max_params=max_params,
        run=study,
        seed=seed,
        sampler=sampler,
        pruner=pruner,
        warm_start=warm_start,
        init=None if init is None else os.fspath(init),
        teacher=teacher,
        workers=workers,
        threads=threads,
        backend=backend,
        precision=precision,
        cluster=cluster,
        storage=storage,
        results=expanded(results),
    )
    plan = SearchPlan.of(request, _spaces(spaces), loaded)
    stop = stop or threading.Event()
    with _interruptible(stop), _watching(observer, progress) as watcher:
        studies = run_search(plan, watcher, stop)
    return Results(results, studies)


def open_results(path: str | Path = "results") -> Results:
    """Opens a results folder of earlier searches.

    Args:
        path: the folder. Its files are read when they are needed.

    Raises:
        SerbenchError: the folder does not exist, or was written by a newer serbench.
    """
    from serbench.errors import SerbenchError
    from serbench.views import Results

    path = expanded(path)
    if not path.is_dir():
        raise SerbenchError(f"there is no folder {path}; run a search first, or name the folder of its results")
    return Results(path)


def load_bundle(path: str | Path, *, runtime: str = "keras") -> Bundle:
    """Loads an exported model, to label audio with it.

    Args:
        path: folder written by `Entry.export` or `serbench export`. It may come from an untrusted source: no code in it
            is run.
        runtime: what runs the model: `keras`, or `onnx`, `litert`, `onnx-int8` or `litert-int8` if the bundle holds
            that file.

    Raises:
        UsageError: the folder is not a bundle, or holds no file for this runtime.
        SerbenchError: the bundle is damaged, was changed, or was written by a newer serbench.
    """
    from serbench.views import Bundle

    return Bundle(path, runtime=runtime)


def load_space(space: str | Path) -> SearchSpace:
    """Reads and checks a search space.

    Args:
        space: file or name of the space.

    Raises:
        UsageError: the space does not exist or has a mistake. The message says where, and how to fix it.
    """
    from serbench.spaces import load_space as load

    return load(_space(space))


def corpus(
    name: str | Path,
    data: str | Path | None = None,
    *,
    labels: LabelSource = "intended",
    label_map: LabelMap | None = None,
    drop: str | Sequence[str] = (),
    file_names: str | None = None,
) -> CorpusView:
    """Reads a corpus and checks its audio, to show the clips that a search would use.

    Args:
        name: as in `search`.
        data: as in `search`.
        labels: as in `search`.
        label_map: as in `search`.
        drop: as in `search`.
        file_names: as in `search`.

    Raises:
        UsageError: the corpus is unknown, or the options cannot be combined.
        SerbenchError: the audio is missing, or no clip is usable.
    """
    from serbench.corpora import choose_corpus, load_clips
    from serbench.views import CorpusView

    maps, drops = _label_options(label_map, drop)
    chosen, place = choose_corpus(_corpus_name(name), _path(data), maps=maps, drops=drops, names=file_names)
    return CorpusView(load_clips(chosen, place, labels=labels), place)


def __getattr__(name: str) -> object:
    """Loads the classes that the functions return on first use."""
    if name in _VIEWS:
        from serbench import views

        return getattr(views, name)
    raise AttributeError(f"module 'serbench.api' has no attribute '{name}'")


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else expanded(path)


def _corpus_name(corpus: object) -> str:
    """Text for a corpus by name or path. A path object is a place, never a name: `Path("./demo")` has lost its `./`."""
    return str(expanded(corpus).absolute()) if isinstance(corpus, os.PathLike) else str(corpus)


def _space(space: str | os.PathLike[str]) -> str | Path:
    return space if isinstance(space, str) else expanded(space)


def _seconds(time: float | str | timedelta | None) -> float | None:
    from serbench.errors import UsageError
    from serbench.search import seconds_of

    if isinstance(time, str):
        return seconds_of(time)
    if isinstance(time, timedelta):
        return time.total_seconds()
    try:
        return None if time is None else float(time)
    except (TypeError, ValueError):
        raise UsageError(f"time must be a number of seconds or a duration such as '15m', got {time!r}") from None


def _loaded_corpus(
    corpus: object, data: Path | None, labels: LabelSource
) -> tuple[Corpus | None, Path | None, LabelSource]:
    """A corpus that is loaded already, its folder and whose labels; None for a corpus by name or path."""
    from serbench.corpora import Corpus
    from serbench.errors import UsageError
    from serbench.views import CorpusView

    if isinstance(corpus, CorpusView):
        if data is not None or labels != "intended":
            raise UsageError("a corpus from serbench.corpus() brings its folder and labels; leave data and labels out")
        return corpus.source
    if isinstance(corpus, Corpus):
        return corpus, data, labels
    if isinstance(corpus, str | os.PathLike):
        return None, data, labels
    raise UsageError(f"corpus must be a name, a path or a corpus, not a {type(corpus).__name__}")


def _check_loaded(loaded: Corpus | None, *options: object) -> None:
    from serbench.errors import UsageError

    if loaded is not None and any(options):
        raise UsageError("label_map, drop, file_names and test_corpus need a corpus by name or path, not a loaded one")


def _label_options(label_map: LabelMap | None, drop: str | Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns label maps and dropped labels in the form of the command line."""
    from serbench.errors import UsageError

    if isinstance(label_map, Mapping):
        for old, new in label_map.items():
            if {",", "="} & set(f"{old}{new}"):
                raise UsageError(f"label_map: {old!r} or {new!r} has a comma or an equals sign; use another name")
        maps = [f"{old}={new}" for old, new in label_map.items()]
    else:
        maps = [] if label_map is None else [label_map]
    return maps, [drop] if isinstance(drop, str) else list(drop)


def _spaces(spaces: Space | Sequence[Space] | None) -> list[str | SearchSpace]:
    """Returns the spaces as a list, names and paths as strings; empty for the default spaces of the corpus."""
    from serbench.errors import UsageError
    from serbench.spaces import SearchSpace

    if spaces is None:
        return []
    if isinstance(spaces, str | os.PathLike | SearchSpace) or not isinstance(spaces, Iterable):
        listed: list[Any] = [spaces]
    else:
        listed = list(spaces)
    if not listed:
        raise UsageError("no space to search; name one, for example 'cnn1d'")
    for space in listed:
        if not isinstance(space, str | os.PathLike | SearchSpace):
            raise UsageError(f"spaces must be names, files or loaded spaces, got {space!r}")
    return [space if isinstance(space, SearchSpace) else str(_space(space)) for space in listed]


@contextlib.contextmanager
def _watching(observer: Observer | None, progress: bool) -> Iterator[Observer | None]:
    """Yields the caller's observer, else a progress display if `progress` is set."""
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
    """Makes Ctrl-C set `stop`, and raises KeyboardInterrupt after the block has ended gracefully.

    It does nothing outside the main thread, which receives no signals, nor if Ctrl-C is ignored (a background job).
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
            stop.clear()  # the caller never set it, and may search again with it
    if asked:
        raise KeyboardInterrupt("stopped; what was done is recorded, and the same call resumes")
