"""`run_search`: runs every space of a plan, one after the other. It is `serbench search` without the terminal."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from serbench.corpora import StudyClips, corpus_places, lasting_place, load_clips
from serbench.errors import SerbenchError
from serbench.features import ClipsWithoutFeaturesError, FeatureStore
from serbench.home import expanded
from serbench.records import ResultsFolder
from serbench.references import REFERENCES, ReferenceTask, compute_references
from serbench.search.chosen_on import warn_of_choice
from serbench.search.engines.dask.audio import StudyAudio
from serbench.search.engines.dask.cluster import LOCAL, Cluster, open_cluster
from serbench.search.engines.dask.dask_engine import DaskEngine
from serbench.search.engines.engine import Engine
from serbench.search.engines.local import LocalEngine
from serbench.search.jobs import JobMaker
from serbench.search.observer import Observer
from serbench.search.plan import SearchPlan
from serbench.search.prepared import Prepared, check_begun, prepared_studies
from serbench.search.resources import Resources
from serbench.search.run_study import run_study
from serbench.search.session import Session
from serbench.search.studies.study import Study
from serbench.search.transfer.heard import StudySplit, starts_from_its_corpus
from serbench.search.transfer.resolve import recorded_transfer
from serbench.spaces import space_for_size
from serbench.training import FeatureSource, Teacher, choose_backend, keep_to_one_backend

__all__ = ["run_search"]


def run_search(plan: SearchPlan, observer: Observer | None = None, stop: threading.Event | None = None) -> list[str]:
    """Searches every space of the plan, then tests the finalists.

    Returns:
        Names of the studies, in order.

    Raises:
        SerbenchError: the search cannot start or go on. Everything done so far is recorded.
    """
    plan.check()
    end = time.monotonic() + plan.seconds if plan.seconds else None
    results = ResultsFolder(plan.results)
    backend = choose_backend(plan.backend)
    if plan.cluster is None:
        keep_to_one_backend(backend)
    results.check_writable()
    search = _Search(plan, results, backend, observer or Observer(), stop or threading.Event(), [])
    search.check_memory()
    with contextlib.suppress(_StoppedError), search.connected():
        search.run(end)
    return search.names


class _StoppedError(Exception):
    """A stop was requested while audio was prepared. No file is left half-written."""


@dataclass
class _Search:
    """One search command. `names` collects its studies so far."""

    plan: SearchPlan
    results: ResultsFolder
    backend: str
    observer: Observer
    stop: threading.Event
    names: list[str]
    cluster: Cluster | None = None

    @functools.cached_property
    def _features(self) -> FeatureStore:
        """The feature cache. One for the whole search, since each store checks an entry once."""
        return FeatureStore.in_cache(note=self.observer.warning)

    @property
    def _most_trials(self) -> int:
        return max((self.plan.budget(space).trials for space in self.plan.spaces), default=1)

    def check_memory(self) -> None:
        """Notes that the workers asked for leave little memory to each fit, before anything is read.

        Raises:
            UsageError: they leave too little to start one.
        """
        if self.plan.workers and (shortage := self._resources(self._most_trials).shortage()):
            self.observer.warning(shortage)

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Opens the cluster connection, if one was requested, before any long step begins."""
        if self.plan.cluster is None:
            yield
            return
        with open_cluster(self.plan.cluster, self.backend, self._resources(self._most_trials)) as self.cluster:
            yield

    def run(self, end: float | None) -> None:
        """Reads the corpus, then searches the spaces one after the other."""
        spaces = self.plan.spaces
        for note in self.plan.notes:
            self.observer.warning(f"left out: {note}")
        self.plan.corpus.prepare(self.plan.data, self._progress("making the corpus"))
        clips = load_clips(
            self.plan.corpus,
            self.plan.data,
            sample_rate=max(space.features.sample_rate for space in spaces),
            progress=self._progress("examining clips"),
            labels=self.plan.label_source,
        )
        for finding in clips.findings:
            self.observer.warning(finding.message)
        if better := space_for_size([space.name for space in spaces], len(clips.table)):
            self.observer.warning(
                f"{len(clips.table):,} clips are few for {' and '.join(space.name for space in spaces)}: the space "
                f"'{better}' is made for corpora of this size: `serbench search {better}` with the same options"
            )
        prepared = prepared_studies(self.plan, clips, self.results, self.backend, provisional=True)
        with_features = self._with_features(clips)
        if with_features is not clips or self.plan.init is not None or self.plan.teacher is not None:
            clips = with_features
            prepared = prepared_studies(self.plan, clips, self.results, self.backend)
        check_begun(self.results, prepared)
        self.observer.search_planned([self.plan.budget(one.space) for studies in prepared for one in studies])
        for place, studies in enumerate(prepared):
            if self.stop.is_set():
                return
            self._search_studies(studies, clips, _share(end, len(spaces) - place))

    def _with_features(self, clips: StudyClips) -> StudyClips:
        """Computes the features of all spaces, and returns the clips without those that a front end fails for.

        Workers on other machines compute their own: there such a clip is named and ends the study.
        """
        if self.plan.cluster not in {None, LOCAL}:
            return clips
        for space in self.plan.spaces:
            try:
                self._features.get(clips.table, space.features, progress=self._progress("computing features"))
            except ClipsWithoutFeaturesError as error:
                for clip, reason in error.faults.items():
                    self.observer.warning(f"clip '{clip}' is left out, since it has no features: {reason}")
                return self._with_features(clips.without(error.faults))
        return clips

    def _progress(self, what: str) -> Callable[[int, int], None]:
        """Reports progress, and aborts the preparation if a stop was requested."""

        def show(done: int, total: int) -> None:
            self.observer.progress(what, done, total)
            if self.stop.is_set():
                raise _StoppedError

        return show

    def _search_studies(self, studies: Sequence[Prepared], clips: StudyClips, end: float | None) -> None:
        """Searches the studies of one space, one after the other."""
        for place, one in enumerate(studies):
            if self.stop.is_set():
                return
            record = one.record
            if text := warn_of_choice(StudySplit(record, clips.table, one.split_plan)):
                self.observer.warning(text)
            for warning in record.protocol.warnings:
                self.observer.warning(f"protocol '{record.protocol.name}': {warning}")
            if starts_from_its_corpus(record):
                self.observer.warning(
                    f"--init: the network of '{self.plan.init}' has heard clips of this corpus, so validation and "
                    "out-of-fold scores are too high; the test clips are new to it"
                )
            self.results.prepare()
            study = Study.open(self.results, record, one.space, clips.table, one.split_plan, self.plan.storage)
            with contextlib.closing(study):
                if self.plan.data is not None:
                    study.folder.remember_data(lasting_place(self.plan.data))
                study.folder.remember_places(corpus_places(self.plan.corpus))
                if self.plan.init is not None and record.init is not None and record.init.bundle:
                    study.folder.remember_init(expanded(self.plan.init).resolve())
                self._explain_precision(study)
                self._run_study(study, _share(end, len(studies) - place))
                self.names.append(record.name)
                self._compute_references(study)

    def _explain_precision(self, study: Study) -> None:
        asked, recorded = self.plan.precision, study.record.precision
        if asked not in {"auto", recorded}:
            self.observer.warning(
                f"study '{study.record.name}' was begun in {recorded} and goes on in it; for {asked}, begin another "
                "study with --study NAME"
            )

    def _run_study(self, study: Study, end: float | None) -> None:
        budget = self.plan.budget(study.space)
        resources = self._resources(budget.trials)
        transfer = recorded_transfer(self.results, study.folder, study.record)
        with contextlib.closing(self._engine(study, resources, transfer.teacher)) as engine:
            maker = JobMaker(study, resources, self.backend, transfer)
            run_study(Session.on(engine, study, maker, self.observer, self.stop, end), budget)

    def _compute_references(self, study: Study) -> None:
        """Computes the reference rows of a study, to compare its scores with. A failure here never ends a search."""
        if self.stop.is_set():
            return
        core = ReferenceTask(study.record, study.clips, study.plan.core_split, self._step)
        for name, reference in REFERENCES.items():
            try:
                compute_references(self.results.root, core, {name: reference})
            except _StoppedError:
                return
            except Exception as error:
                reason = str(error) if isinstance(error, SerbenchError) else f"{type(error).__name__}: {error}"
                self.observer.warning(f"no reference row '{name}' for study '{study.record.name}': {reason}")

    def _step(self, what: str, done: int, total: int) -> None:
        self._progress(what)(done, total)

    def _resources(self, trials: int) -> Resources:
        if self.plan.cluster in {None, LOCAL}:
            return Resources.choose(self.plan.workers, trials, self.backend, self.plan.threads)
        return Resources.elsewhere(self.plan.threads or 1)

    def _engine(self, study: Study, resources: Resources, teacher: Teacher | None) -> Engine:
        """Makes the engine. Features are computed here if workers share this machine's cache, else by the workers."""
        if self.plan.cluster in {None, LOCAL}:
            source = FeatureSource(study.clips, self._features, teacher)
            source.paths(study.space.features, progress=self._progress("computing features"))
        if self.cluster is None:
            return LocalEngine(source, resources.workers, resources.devices, self.stop)
        audio = StudyAudio.of(study.clips, corpus_places(self.plan.corpus).get("audio", self.plan.data), teacher)
        return DaskEngine(self.cluster, audio, self.plan.workers, self.observer.message)


def _share(end: float | None, parts: int) -> float | None:
    """Returns when the first of `parts` equal parts should end, so that all of them end by `end`."""
    return None if end is None else time.monotonic() + max(0.0, end - time.monotonic()) / parts
