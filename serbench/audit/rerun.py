"""Trains the configuration of an entry again, on other random splits or on shuffled labels, for an audit.

Each rerun is a separate study in `<study>/audits/` and appears on no leaderboard. It is recorded like any other study,
so an interrupted audit resumes where it stopped.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from serbench.audit.watch import FitObserver
from serbench.errors import SerbenchError
from serbench.families import parse_hyperparameters
from serbench.features import FeatureStore
from serbench.protocols import Ratio, SplitPlan, SplitProtocol
from serbench.records import (
    EntryRecord,
    JobId,
    Ledger,
    ResultsFolder,
    StudyFolder,
    StudyRecord,
    current_environment,
    now,
)
from serbench.search import Coordinator, JobMaker, LocalEngine, Observer, Resources, Session, Study
from serbench.spaces import SearchSpace
from serbench.training import FeatureSource, TrialJob, choose_backend

__all__ = ["Fitted", "Rerun", "Reruns"]

_JOB = "t0000"
_SHUFFLE, _SUBSET = 0x5F1E, 0x5B5E7  # random streams apart from those of the study's seed tree


@dataclass(frozen=True)
class Rerun:
    """Data of a rerun.

    Attributes:
        protocol: how the clips are split.
        train_clips: size of the random subset of the training clips to train on; None for all. The split seed
            determines the subset.
        shuffled: whether the labels are shuffled among all clips outside the test set.
    """

    protocol: SplitProtocol
    train_clips: int | None = None
    shuffled: bool = False

    @property
    def name(self) -> str:
        """The part of the folder's name that follows the entry's id."""
        drawn = f"{self.protocol.name.replace(':', '')}-s{self.protocol.split_seed}"
        size = "" if self.train_clips is None else f"-n{self.train_clips}"
        return f"{drawn}{size}{'-shuffled' if self.shuffled else ''}"


@dataclass(frozen=True)
class Fitted:
    """What became of a rerun.

    Attributes:
        folder: its folder; None if training could not start.
        entry: an entry of its completed runs; None if no run completed.
        error: why training could not start; '' if it could.
    """

    folder: StudyFolder | None = None
    entry: EntryRecord | None = None
    error: str = ""


@dataclass(frozen=True)
class Reruns:
    """Trains the configuration of an entry again.

    Attributes:
        folder: folder of the entry's study.
        record: record of this study.
        space: search space of this study.
        entry: the entry whose configuration is trained.
        clips: clip table of this study, with `path`.
        observer: receives the progress.
        stop: set this event to end gracefully.
    """

    folder: StudyFolder
    record: StudyRecord
    space: SearchSpace
    entry: EntryRecord
    clips: pd.DataFrame
    observer: Observer
    stop: threading.Event
    _preparing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def plan(self, protocol: SplitProtocol) -> SplitPlan:
        """Splits the clips by a protocol without folds.

        Raises:
            SerbenchError: the clips cannot be split by this protocol.
        """
        return protocol.plans(self.clips)[0]

    def train_size(self, protocol: SplitProtocol) -> int:
        """Returns the number of clips that the configuration would be trained on.

        Raises:
            SerbenchError: the clips cannot be split by this protocol.
        """
        ratio = parse_hyperparameters(self.space.family, self.entry.config).split_ratio
        return len(self.plan(protocol).split(Ratio.parse(ratio)).train)

    def fit_all(self, repeats: Mapping[Rerun, int], workers: int | None = None) -> dict[Rerun, Fitted]:
        """Makes several reruns, as many side by side as workers allow.

        Args:
            repeats: number of training runs of each rerun.
            workers: training runs at the same time; None for as many as the machine has room for.

        Returns:
            What became of each; after a stop, only of those that had begun.
        """
        total = sum(repeats.values())
        resources = Resources.choose(workers, total, self._backend).for_jobs(total)
        lanes: queue.SimpleQueue[Resources] = queue.SimpleQueue()
        shares = resources.shared(resources.workers // max(repeats.values()))
        for share in shares:
            lanes.put(share)

        def fit(rerun: Rerun) -> Fitted | None:
            if self.stop.is_set():
                return None
            lane = lanes.get()
            try:
                return Fitted(*self.fit(rerun, repeats[rerun], lane))
            except SerbenchError as error:
                return Fitted(error=str(error))
            except BaseException:
                self.stop.set()  # or the others would train to their end before anybody hears of it
                raise
            finally:
                lanes.put(lane)

        with ThreadPoolExecutor(len(shares), thread_name_prefix="serbench-rerun") as pool:
            fitted = list(pool.map(fit, repeats))
        return {rerun: one for rerun, one in zip(repeats, fitted, strict=True) if one is not None}

    def fit(
        self, rerun: Rerun, repeats: int, resources: Resources | None = None
    ) -> tuple[StudyFolder, EntryRecord | None]:
        """Trains and tests the configuration with seeds of the split's own. Runs that are recorded are not repeated.

        Args:
            rerun: the data to train on.
            repeats: number of training runs.
            resources: workers and threads; None for what the machine has.

        Returns:
            The rerun's folder, and an entry of the completed runs; None if no run completed.

        Raises:
            SerbenchError: training cannot start. Runs that completed are recorded.
        """
        counted = ResultsFolder(self.folder.path.parents[1]).ledger
        results = ResultsFolder(self.folder.path / "audits", Ledger(counted.root, "audit"))
        results.prepare()
        plan = self.plan(rerun.protocol)
        clips = _shuffled(self.clips, plan, rerun.protocol) if rerun.shuffled else self.clips
        study = Study.open(results, self._study_record(rerun, plan), self.space, clips, plan)
        with contextlib.closing(study):
            resources = (resources or Resources.choose(None, repeats, self._backend)).for_jobs(repeats)
            maker = JobMaker(study, resources, self._backend)
            wanted = [_refit_id(repeat) for repeat in range(repeats)]
            study.folder.retire_retryable("refit")
            jobs = [
                replace(
                    _on_subset(maker.refit(job_id, 0, repeat, self.entry.config), rerun),
                    seed=study.seeds.rerun(rerun.protocol.split_seed, repeat),
                    keep_model=False,
                )
                for repeat, job_id in enumerate(wanted)
                if not study.folder.has_job("refit", job_id)
            ]
            if jobs:
                self._run(study, maker, jobs, FitObserver(self.observer, rerun.name))
            return study.folder, self._entry(study, wanted)

    @functools.cached_property
    def _features(self) -> FeatureStore:
        """Features of all reruns: a store reads and checks what it holds once."""
        return FeatureStore.in_cache(note=self.observer.warning)

    @property
    def _backend(self) -> str:
        return choose_backend(self.record.environment.backend)

    def _run(self, study: Study, maker: JobMaker, jobs: list[TrialJob], observer: Observer) -> None:
        with self._preparing:  # the first of several computes what all need
            source = FeatureSource(study.clips, self._features)
            source.paths(
                self.space.features, progress=lambda done, total: observer.progress("computing features", done, total)
            )
        resources = maker.resources
        with contextlib.closing(LocalEngine(source, resources.workers, resources.devices)) as engine:
            Coordinator(Session.on(engine, study, maker, observer, self.stop)).run_jobs(jobs)

    def _study_record(self, rerun: Rerun, plan: SplitPlan) -> StudyRecord:
        return self.record.model_copy(
            update={
                "name": f"{self.entry.entry_id}-{rerun.name}",
                "run": "audit",
                "parent": self.record.name,
                "protocol": rerun.protocol.facts(self.clips, plan),
                "environment": current_environment(self._backend),
                "later_environments": None,
                "identity": uuid.uuid4().hex[:16],
                "warm_start": None,
                "asked": None,
                "created": now(),
            }
        )

    def _entry(self, study: Study, wanted: list[str]) -> EntryRecord | None:
        refits = [study.folder.job("refit", job_id) for job_id in wanted if study.folder.has_job("refit", job_id)]
        good = tuple(refit.job_id for refit in refits if refit.state == "completed")
        if not good:
            return None
        changed: dict[str, Any] = {
            "study": study.record.name,
            "search_value": None,
            "shortlisted": None,
            "out_of_fold": None,
            "finals": "held-out",
            "bag": 0,
            "refits": good,
            "failed_refits": tuple(refit.job_id for refit in refits if refit.state != "completed"),
            "looks": len(good),
        }
        return self.entry.model_copy(update=changed)


def _on_subset(job: TrialJob, rerun: Rerun) -> TrialJob:
    """Returns the job on a random subset of its training clips, if the rerun asks for fewer than it has."""
    if rerun.train_clips is None or rerun.train_clips >= len(job.train):
        return job
    rng = np.random.default_rng([_SUBSET, rerun.protocol.split_seed])
    kept = rng.permutation(len(job.train))[: rerun.train_clips]
    train = tuple(job.train[place] for place in sorted(kept))
    return replace(job, train=train, predict={**job.predict, "train": train})


def _refit_id(repeat: int) -> str:
    return str(JobId(_JOB, "refit", repeat))


def _shuffled(clips: pd.DataFrame, plan: SplitPlan, protocol: SplitProtocol) -> pd.DataFrame:
    """Returns the clips with shuffled labels, except in the test set.

    Validation labels are shuffled, too. Otherwise early stopping would select the epoch that fits the true labels.
    """
    rows = np.array(plan.core_split.outside_test)
    shuffled = rows[np.random.default_rng([_SHUFFLE, protocol.split_seed]).permutation(len(rows))]
    traded = {}
    for column in ("label", "votes"):  # unshuffled votes would give the true labels away as soft labels
        if column in clips:
            traded[column] = clips[column].to_numpy(copy=True)
            traded[column][rows] = traded[column][shuffled]
    return clips.assign(**traded)
