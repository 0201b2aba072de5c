"""A configuration fitted again on other draws of the clips, or on labels that mean nothing: what an audit needs.

Each rerun is a study of its own in `<study>/audits/`, beside the entry that it asks about and on no leaderboard. It is
recorded like any other, so that a broken-off audit goes on where it was.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from serbench.corpora import cache_root
from serbench.families import parse_hyperparameters
from serbench.features import FeatureStore
from serbench.protocols import Ratio, SplitPlan, SplitProtocol
from serbench.records import (
    STATES,
    EntryRecord,
    JobKind,
    ResultsFolder,
    StudyFolder,
    StudyRecord,
    current_environment,
    now,
)
from serbench.search import Coordinator, JobMaker, LocalEngine, Observer, Resources, Session, Study
from serbench.spaces import SearchSpace
from serbench.training import FeatureSource, TrialJob, choose_backend

__all__ = ["Rerun", "Reruns"]

_JOB = "t0000"
_SHUFFLE, _SUBSET = 0x5F1E, 0x5B5E7  # streams of their own, beside those of the study's seed tree


@dataclass(frozen=True)
class Rerun:
    """One way of fitting a configuration again.

    Attributes:
        protocol: how clips are split.
        train_clips: train on so many of the training clips, drawn by the split seed; None for all of them.
        shuffled: whether all clips but those of the test core trade their labels.
    """

    protocol: SplitProtocol
    train_clips: int | None = None
    shuffled: bool = False

    @property
    def name(self) -> str:
        """Of its folder, beside the entry's id."""
        drawn = f"{self.protocol.name.replace(':', '')}-s{self.protocol.split_seed}"
        size = "" if self.train_clips is None else f"-n{self.train_clips}"
        return f"{drawn}{size}{'-shuffled' if self.shuffled else ''}"


@dataclass(frozen=True)
class Reruns:
    """Fits an entry's configuration again.

    Attributes:
        folder: of the study that the entry belongs to.
        record: that study's.
        space: that it searched.
        entry: whose configuration is fitted.
        clips: the study's, with `path`.
        observer: is told.
        stop: set from outside to end gracefully.
    """

    folder: StudyFolder
    record: StudyRecord
    space: SearchSpace
    entry: EntryRecord
    clips: pd.DataFrame
    observer: Observer
    stop: threading.Event

    def plan(self, protocol: SplitProtocol) -> SplitPlan:
        """How a protocol without folds splits the clips.

        Raises:
            SerbenchError: it cannot.
        """
        return protocol.plans(self.clips)[0]

    def train_size(self, protocol: SplitProtocol) -> int:
        """Clips that the configuration would be trained on.

        Raises:
            SerbenchError: the protocol cannot split the clips so.
        """
        ratio = parse_hyperparameters(self.space.family, self.entry.config).split_ratio
        return len(self.plan(protocol).split(Ratio.parse(ratio)).train)

    def fit(self, rerun: Rerun, repeats: int, workers: int | None = None) -> tuple[StudyFolder, EntryRecord | None]:
        """Fits `repeats` times on fresh seeds, or reads what was fitted before.

        Returns:
            The rerun's folder, and what was tested there; None where no fit completed.

        Raises:
            SerbenchError: something keeps the fits from starting; what was done is recorded.
        """
        results = ResultsFolder(self.folder.path / "audits")
        results.prepare()
        plan = self.plan(rerun.protocol)
        backend = choose_backend(self.record.environment.backend)
        clips = _shuffled(self.clips, plan, rerun.protocol) if rerun.shuffled else self.clips
        study = Study.open(results, self._study_record(rerun, plan, backend), self.space, clips, plan)
        with contextlib.closing(study):
            resources = Resources.choose(workers, repeats, backend).for_jobs(repeats)
            maker = _Maker(study, resources, backend, train_clips=rerun.train_clips)
            wanted = [_refit_id(repeat) for repeat in range(repeats)]
            for refit in list(study.folder.jobs("refit")):
                if STATES[refit.state].refit_again:
                    study.folder.retire_job("refit", refit.job_id)
            jobs = [
                maker.refit(job_id, 0, repeat, self.entry.config)
                for repeat, job_id in enumerate(wanted)
                if not study.folder.has_job("refit", job_id)
            ]
            if jobs:
                self._run(study, maker, jobs)
            return study.folder, self._entry(study, wanted)

    def _run(self, study: Study, maker: JobMaker, jobs: list[TrialJob]) -> None:
        source = FeatureSource(study.clips, FeatureStore(cache_root() / "features"))
        source.paths(
            self.space.features, progress=lambda done, total: self.observer.progress("computing features", done, total)
        )
        resources = maker.resources
        with contextlib.closing(LocalEngine(source, resources.workers, resources.devices)) as engine:
            Coordinator(Session.on(engine, study, maker, self.observer, self.stop)).run_jobs(jobs)

    def _study_record(self, rerun: Rerun, plan: SplitPlan, backend: str) -> StudyRecord:
        return self.record.model_copy(
            update={
                "name": f"{self.entry.entry_id}-{rerun.name}",
                "run": "audit",
                "parent": self.record.name,
                "protocol": rerun.protocol.facts(self.clips, plan),
                "environment": current_environment(backend),
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
            "refits": good,
            "failed_refits": tuple(refit.job_id for refit in refits if refit.state != "completed"),
            "looks": len(good),
        }
        return self.entry.model_copy(update=changed)


@dataclass(frozen=True)
class _Maker(JobMaker):
    """Makes jobs that train on a part of the training clips."""

    train_clips: int | None = None

    def _job(self, kind: JobKind, job_id: str, seed: int, config: dict[str, Any], attempt: int) -> TrialJob:
        job = super()._job(kind, job_id, seed, config, attempt)
        job = replace(job, keep_model=False)
        if self.train_clips is None or self.train_clips >= len(job.train):
            return job
        rng = np.random.default_rng([_SUBSET, self.study.record.protocol.split_seed])
        kept = rng.permutation(len(job.train))[: self.train_clips]
        train = tuple(job.train[place] for place in sorted(kept))
        return replace(job, train=train, predict={**job.predict, "train": train})


def _refit_id(repeat: int) -> str:
    return f"{_JOB}-r{repeat}"


def _shuffled(clips: pd.DataFrame, plan: SplitPlan, protocol: SplitProtocol) -> pd.DataFrame:
    """The clips with all labels traded but those of the test core: else validation would choose what fits the truth."""
    split = plan.split(plan.cores)
    rows = np.array(sorted((*split.train, *split.validation, *split.validation_rest, *split.test_rest)))
    shuffled = rows[np.random.default_rng([_SHUFFLE, protocol.split_seed]).permutation(len(rows))]
    traded = {}
    for column in ("label", "votes"):  # soft labels would tell the truth otherwise
        if column in clips:
            traded[column] = clips[column].to_numpy(copy=True)
            traded[column][rows] = traded[column][shuffled]
    return clips.assign(**traded)
