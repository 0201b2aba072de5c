"""`run_search`: runs every space of a plan, one after the other. It is `serbench search` without the terminal."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serbench.corpora import StudyClips, cache_root, corpus_places, lasting_place, load_clips
from serbench.errors import SerbenchError, UsageError
from serbench.features import ClipsWithoutFeaturesError, FeatureStore
from serbench.home import expanded
from serbench.protocols import Ratio, SplitPlan, SplitProtocol
from serbench.records import ResultsFolder, StudyRecord, WarmStart, run_name
from serbench.references import REFERENCES, ReferenceTask, compute_references
from serbench.search.chosen_on import chosen_on, warn_of_choice
from serbench.search.engines.dask.audio import StudyAudio
from serbench.search.engines.dask.cluster import LOCAL, Cluster, open_cluster
from serbench.search.engines.dask.dask_engine import DaskEngine
from serbench.search.engines.engine import Engine
from serbench.search.engines.local import LocalEngine
from serbench.search.jobs import JobMaker
from serbench.search.new_record import new_study_record, space_study
from serbench.search.observer import Observer
from serbench.search.plan import SearchPlan
from serbench.search.resources import Resources
from serbench.search.run_study import run_study
from serbench.search.session import Session
from serbench.search.studies.split_columns import check_split_columns
from serbench.search.studies.study import Study
from serbench.search.transfer.heard import StudySplit, starts_from_its_corpus
from serbench.search.transfer.of_study import recorded_transfer, with_transfer
from serbench.search.warm_start import load_warm_start
from serbench.spaces import SearchSpace, space_for_size
from serbench.training import FeatureSource, Teacher, can_paste, choose_backend, keep_to_one_backend

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


@dataclass(frozen=True)
class _Prepared:
    """A study that was checked and can be opened."""

    space: SearchSpace
    record: StudyRecord
    split_plan: SplitPlan


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
        return FeatureStore(cache_root() / "features", note=self.observer.warning)

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
        prepared = self._all_prepared(clips)
        with_features = self._with_features(clips)
        if with_features is not clips:
            clips = with_features
            prepared = self._all_prepared(clips)
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

    def _all_prepared(self, clips: StudyClips) -> list[list[_Prepared]]:
        """Prepares the studies of each space, and checks that their clips are split as before."""
        prepared = [self._prepared(space, clips) for space in self.plan.spaces]
        records = [one.record for studies in prepared for one in studies]
        check_split_columns(self.results, records, clips.table)
        return prepared

    def _prepared(self, space: SearchSpace, clips: StudyClips) -> list[_Prepared]:
        """Checks a space, and returns its studies, one for each fold. All spaces are checked before one is searched."""
        protocol = SplitProtocol(
            self.plan.protocol_of(space),
            space.test_core,
            space.validation_core,
            self.plan.split_seed,
            space.speaker_normalisation,
        )
        begun = self._begun(space, clips, protocol)
        protocol, reads_votes = _as_begun(begun, space, protocol)
        _check_corpus(space, clips, reads_votes=reads_votes, pastes=begun is None and space.uses("copy_paste"))
        found = []
        plans = protocol.plans(clips.table)
        for split_plan in plans:
            for text in space.ratios():
                protocol.check(clips.table, split_plan, Ratio.parse(text))
            record = new_study_record(
                self.plan,
                space,
                clips,
                protocol,
                split_plan,
                folds=len(plans),
                backend=self.backend,
                reads_votes=reads_votes,
            )
            start = self._warm_start(begun, record.name, space, clips, split_plan)
            begun_with = chosen_on(space, clips.table, record.corpus)
            record = record.model_copy(
                update={"warm_start": start, "sampler": self._sampler(record, begun), "chosen_on": begun_with}
            )
            if begun is not None:  # a fold still to come draws and trains as those before it
                kept = ("draws_by_fold", "late_kicks", "precision")
                record = record.model_copy(update={name: getattr(begun, name) for name in kept})
            split = StudySplit(record, clips.table, split_plan)
            found.append(
                _Prepared(space, with_transfer(self.results, split, self.plan.init, self.plan.teacher), split_plan)
            )
        return found

    def _search_studies(self, studies: Sequence[_Prepared], clips: StudyClips, end: float | None) -> None:
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

    def _begun(self, space: SearchSpace, clips: StudyClips, protocol: SplitProtocol) -> StudyRecord | None:
        """Returns the record of a study that this search resumes, of any fold; None if it begins anew."""
        name = space_study(self.plan, space, clips, protocol)
        known = [
            one for one in self.results.study_names() if run_name(one) == name and (one != name) == protocol.folded
        ]
        return self.results.study(known[0]).record() if known else None

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
        core = ReferenceTask(study.record, study.clips, study.plan.split(study.plan.cores), self._step)
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
        return DaskEngine(self.cluster, audio, resources.threads, self.plan.workers, self.observer.message)

    def _sampler(self, record: StudyRecord, begun: StudyRecord | None) -> dict[str, Any]:
        """Returns the sampler of a study. Without --sampler, a run that has already begun keeps its own."""
        folder = self.results.study(record.name)
        if self.plan.sampler is not None or begun is None:
            return record.sampler
        return folder.record().sampler if folder.record_path.exists() else begun.sampler

    def _warm_start(
        self, begun: StudyRecord | None, name: str, space: SearchSpace, clips: StudyClips, split_plan: SplitPlan
    ) -> WarmStart | None:
        """Returns the warm start of a study. One that has begun, or whose run has, keeps the one it began with."""
        asked, folder = self.plan.warm_start, self.results.study(name)
        known = folder.record() if folder.record_path.exists() else begun
        if known is not None and (asked is None or (known.warm_start and known.warm_start.study == asked)):
            return known.warm_start
        if asked is None:
            return None
        test = split_plan.split(split_plan.cores).test
        return load_warm_start(self.results, asked, space, set(clips.table["digest"].iloc[list(test)]))


def _as_begun(begun: StudyRecord | None, space: SearchSpace, protocol: SplitProtocol) -> tuple[SplitProtocol, bool]:
    """Returns the protocol, and whether fits read the listeners' votes, as recorded where the study has begun.

    Older records hold no digest of the votes if enqueued configurations alone read them; such a study goes on.
    """
    if begun is None:
        return protocol, space.reads_votes
    earlier = begun.protocol
    protocol = replace(
        protocol,
        least_validation=earlier.least_validation,
        every_class=earlier.every_class,
        counts_validation=earlier.counts_validation,
    )
    same = begun.space_hash == space.hash
    return protocol, begun.corpus.votes is not None if same else space.reads_votes


def _check_corpus(space: SearchSpace, clips: StudyClips, *, reads_votes: bool, pastes: bool) -> None:
    """Checks that a corpus has what a space trains on."""
    if reads_votes and clips.table["votes"].isna().all():
        raise UsageError(
            f"space '{space.name}' uses soft_labels, which train on what listeners heard, but corpus "
            f"'{clips.corpus.name}' has no votes; remove soft_labels from the space"
        )
    if pastes and not can_paste(clips.table):
        raise UsageError(
            f"space '{space.name}' uses copy_paste, which puts a neutral clip beside another one of the same speaker, "
            f"but no known speaker of corpus '{clips.corpus.name}' has both; remove copy_paste from the space"
        )


def _share(end: float | None, parts: int) -> float | None:
    """Returns when the first of `parts` equal parts should end, so that all of them end by `end`."""
    return None if end is None else time.monotonic() + max(0.0, end - time.monotonic()) / parts
