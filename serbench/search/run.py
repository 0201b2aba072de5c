"""`run_search`: the whole of `serbench search` without a terminal."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from serbench.corpora import Corpus, StudyClips, load_clips
from serbench.corpora.folders import cache_root
from serbench.errors import SerbenchError, UsageError
from serbench.features.store import FeatureStore
from serbench.protocols import Protocol, Ratio, SplitPlan
from serbench.records import ResultsFolder
from serbench.records.environment import current_environment
from serbench.records.schemas import StudyRecord
from serbench.search.coordinator import UNCOUNTED_STATES, Coordinator
from serbench.search.engine import LocalEngine
from serbench.search.finalists import Finalist, choose_finalists, test_finalists
from serbench.search.jobs import JobMaker
from serbench.search.observer import Observer
from serbench.search.resources import Resources
from serbench.search.runner import JobRunner
from serbench.search.samplers import pruner_settings, sampler_settings
from serbench.search.space import Budget, SearchSpace
from serbench.search.study import Study, now, study_name
from serbench.training import FeatureSource
from serbench.training.backend import choose_backend

__all__ = ["SearchPlan", "run_search"]


@dataclass(frozen=True)
class SearchPlan:
    """What a search was asked for.

    Attributes:
        spaces: searched one after the other.
        corpus: where clips come from.
        data: folder of the corpus, or None for where it usually lies.
        results: folder that everything is written to.
        protocol: its name; the cores come from each space.
        trials: total a space that count, earlier runs included; None for what the space's budget says.
        seconds: bound on the trials of the command, refits included as far as their time can be foreseen.
        run: name of the run, or None for a derived one.
    """

    spaces: tuple[SearchSpace, ...]
    corpus: Corpus
    data: Path | None
    results: Path
    protocol: str = "speaker"
    trials: int | None = None
    seconds: float | None = None
    workers: int | None = None
    finalists: int | None = None
    repeats: int | None = None
    run: str | None = None
    seed: int = 0
    split_seed: int = 0
    sampler: str = "tpe"
    pruner: str = "median"
    backend: str | None = None

    def budget(self, space: SearchSpace) -> Budget:
        """What one space may spend: as asked, else as the space says."""
        asked = {name: getattr(self, name) for name in Budget.model_fields}
        return space.budget.model_copy(update={key: value for key, value in asked.items() if value is not None})

    def __post_init__(self) -> None:
        for name, least in (("trials", 1), ("finalists", 0), ("repeats", 1), ("seed", 0), ("split_seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
        if self.seconds is not None and self.seconds <= 0:
            raise UsageError(f"--time must be above 0 seconds, got {self.seconds:g}")
        names = [space.name for space in self.spaces]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"space '{twice[0]}' is named twice; each space makes one study")


def run_search(plan: SearchPlan, observer: Observer | None = None, stop: threading.Event | None = None) -> list[str]:
    """Searches every space of the plan, then tests the finalists.

    Returns:
        Names of the studies, in order.

    Raises:
        SerbenchError: something keeps the search from starting or going on; what was done is recorded.
    """
    observer = observer or Observer()
    stop = stop or threading.Event()
    end = time.monotonic() + plan.seconds if plan.seconds else None
    backend = choose_backend(plan.backend)
    pruner_settings(plan.pruner, 1), sampler_settings(plan.sampler)
    results = ResultsFolder(plan.results)
    results.prepare()
    names: list[str] = []
    with contextlib.suppress(_StoppedError):
        _search_all(plan, results, backend, observer, stop, end, names)
    return names


class _StoppedError(Exception):
    """A stop was asked for while audio was prepared; nothing of it was half-written."""


def _progress(observer: Observer, stop: threading.Event, what: str) -> Callable[[int, int], None]:
    """Shows progress, and leaves the preparation when a stop was asked for."""

    def show(done: int, total: int) -> None:
        observer.progress(what, done, total)
        if stop.is_set():
            raise _StoppedError

    return show


def _search_all(
    plan: SearchPlan,
    results: ResultsFolder,
    backend: str,
    observer: Observer,
    stop: threading.Event,
    end: float | None,
    names: list[str],
) -> None:
    clips = load_clips(
        plan.corpus,
        plan.data,
        sample_rate=max(space.features.sample_rate for space in plan.spaces),
        progress=_progress(observer, stop, "preparing audio"),
    )
    for finding in clips.findings:
        observer.warning(finding.message)
    for place, space in enumerate(plan.spaces):
        if stop.is_set():
            break
        share = None
        if end is not None:
            share = time.monotonic() + max(0.0, end - time.monotonic()) / (len(plan.spaces) - place)
        names += _search_space(plan, space, clips, results, backend, observer, stop, share)


def _search_space(
    plan: SearchPlan,
    space: SearchSpace,
    clips: StudyClips,
    results: ResultsFolder,
    backend: str,
    observer: Observer,
    stop: threading.Event,
    end: float | None,
) -> list[str]:
    protocol = Protocol(plan.protocol, space.test_core, space.validation_core, plan.split_seed)
    source = FeatureSource(clips.table, FeatureStore(cache_root() / "features"))
    names = []
    for split_plan in protocol.plans(clips.table):
        for text in space.ratios():
            protocol.check(clips.table, split_plan, Ratio.parse(text))
        record = _study_record(plan, space, clips, protocol, split_plan, backend)
        for warning in record.protocol.warnings:
            observer.warning(f"protocol '{protocol.name}': {warning}")
        with _opened(results, record, space, clips, split_plan) as study:
            if plan.data is not None:
                study.folder.remember_data(plan.data.resolve())
            _run_study(plan, study, source, backend, observer, stop, end)
        names.append(record.name)
    return names


@contextlib.contextmanager
def _opened(
    results: ResultsFolder, record: StudyRecord, space: SearchSpace, clips: StudyClips, split_plan: SplitPlan
) -> Iterator[Study]:
    study = Study.open(results, record, space, clips.table, split_plan)
    try:
        yield study
    finally:
        study.close()


def _run_study(
    plan: SearchPlan,
    study: Study,
    source: FeatureSource,
    backend: str,
    observer: Observer,
    stop: threading.Event,
    end: float | None,
) -> None:
    space = study.space
    source.paths(space.features, progress=_progress(observer, stop, "computing features"))
    budget = plan.budget(space)
    resources = Resources.choose(plan.workers, budget.trials)
    maker = JobMaker(study, resources, backend)
    engine = LocalEngine(source, resources.workers)
    try:
        runner = JobRunner(engine, stop)
        seconds = None if end is None else end - time.monotonic()
        known = [record for record in study.records() if record.state not in UNCOUNTED_STATES]
        best = max((record.value or 0.0 for record in known if record.state == "completed"), default=None)
        observer.study_started(study.record, budget.trials, len(known), best, seconds)
        forced = [known.name for known in space.enqueued if known.finalist]
        rounds = math.ceil((budget.finalists + len(forced)) * budget.repeats / resources.workers)
        Coordinator(study, maker, runner, observer, stop).run(budget.trials, end, rounds)
        if not stop.is_set():
            finalists = choose_finalists(study.records(), budget.finalists, forced)
            for name in set(forced) - {finalist.name for finalist in finalists}:
                observer.warning(f"no trial of '{name}', which the space makes a finalist, has completed yet")
            if not finalists and budget.finalists:
                _nothing_to_test(study, observer, end)
            elif not test_finalists(study, maker, JobRunner(engine, stop), observer, stop, finalists, budget.repeats):
                _nothing_tested(study, stop, finalists)
        observer.study_finished(study.record)
    finally:
        engine.close()


def _nothing_to_test(study: Study, observer: Observer, end: float | None) -> None:
    if end is not None:
        observer.warning(
            f"no trial of study '{study.record.name}' ended within --time; the same command goes on from here"
        )
        return
    raise SerbenchError(
        f"no trial of study '{study.record.name}' completed, so there is nothing to test; the reasons are in the "
        f"records under {study.folder.path / 'trials'}"
    )


def _nothing_tested(study: Study, stop: threading.Event, finalists: Sequence[Finalist]) -> None:
    if finalists and not stop.is_set():
        raise SerbenchError(
            f"no refit of study '{study.record.name}' completed; the reasons are in the records under "
            f"{study.folder.path / 'refits'}, and the same command tries again"
        )


def _study_record(
    plan: SearchPlan, space: SearchSpace, clips: StudyClips, protocol: Protocol, split_plan: SplitPlan, backend: str
) -> StudyRecord:
    name = study_name(plan.run, space.name, clips.corpus.name, protocol.name)
    return StudyRecord(
        name=name if split_plan.fold == 0 else f"{name}-fold{split_plan.fold}",
        run=plan.run or f"{clips.corpus.name}-{protocol.name}",
        family=space.family.name,
        space_name=space.name,
        space_hash=space.hash,
        space_text=space.text,
        space=space.describe(),
        corpus=clips.facts(),
        protocol=protocol.facts(clips.table, split_plan),
        features=space.features.model_dump(mode="json"),
        feature_shape=space.features.shape,
        seed=plan.seed,
        sampler=sampler_settings(plan.sampler),
        pruner=pruner_settings(plan.pruner, space.training.epochs),
        environment=current_environment(backend),
        created=now(),
    )
