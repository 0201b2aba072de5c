"""From configurations to jobs, and from outcomes to records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from serbench.evaluation import evaluate
from serbench.families import parse_hyperparameters
from serbench.features import WaveformAugmentation, front_end_ms
from serbench.protocols import Ratio, Split, SplitPlan
from serbench.records import JobKind, StudyFolder, StudyRecord, TrialRecord, now
from serbench.search.resources import Resources
from serbench.spaces import SearchSpace
from serbench.training import SeedTree, TrialJob, TrialOutcome

__all__ = ["JobMaker", "PlannedStudy", "predictions_of", "record_of"]


class PlannedStudy(Protocol):
    """A study as far as jobs are made of it: an opened one, or one rebuilt from its record."""

    @property
    def folder(self) -> StudyFolder:
        """Where earlier attempts are counted."""

    @property
    def record(self) -> StudyRecord:
        """Names the study and the labels."""

    @property
    def space(self) -> SearchSpace:
        """Has the family, the front end and what all fits share."""

    @property
    def plan(self) -> SplitPlan:
        """How clips are split."""

    @property
    def seeds(self) -> SeedTree:
        """Where random draws come from."""


@dataclass(frozen=True)
class JobMaker:
    """Makes the jobs of one study."""

    study: PlannedStudy
    resources: Resources
    backend: str
    _splits: dict[str, Split] = field(default_factory=dict, repr=False, compare=False)

    def for_jobs(self, count: int) -> JobMaker:
        """The same, for `count` last jobs: where they are fewer than the workers, each gets more threads."""
        return replace(self, resources=self.resources.for_jobs(count))

    def search(self, job_id: str, number: int, config: dict[str, Any], attempt: int = 0) -> TrialJob:
        """A trial. Only the validation core is predicted; test rows are not in the job.

        Raises:
            UsageError: the configuration is invalid.
        """
        return self._job("search", job_id, self.study.seeds.trial(number), config, attempt)

    def refit(self, job_id: str, number: int, repeat: int, config: dict[str, Any]) -> TrialJob:
        """A finalist's refit: a fresh seed, every subset predicted, the model kept."""
        seed = self.study.seeds.refit(number, repeat)
        return self._job("refit", job_id, seed, config, len(self.study.folder.attempts(job_id)))

    def probe(self, job_id: str, number: int, config: dict[str, Any], share: float) -> TrialJob:
        """A short fit on a share of the epochs.

        Raises:
            UsageError: the configuration is invalid.
        """
        seed, attempt = self.study.seeds.probe(number), len(self.study.folder.attempts(job_id))
        job = self._job("probe", job_id, seed, config, attempt)
        epochs = max(1, round(share * job.settings.epochs))
        return replace(job, settings=job.settings.model_copy(update={"epochs": epochs}))

    def _split(self, ratio: str) -> Split:
        """Rows by ratio, made once: a thousand running jobs share them."""
        if ratio not in self._splits:
            self._splits[ratio] = self.study.plan.split(Ratio.parse(ratio))
        return self._splits[ratio]

    def _job(self, kind: JobKind, job_id: str, seed: int, config: dict[str, Any], attempt: int) -> TrialJob:
        study = self.study
        hp = parse_hyperparameters(study.space.family, config)
        split = self._split(hp.split_ratio)
        predict = {"validation": split.validation}
        if kind == "refit":
            predict |= {"train": split.train, "test": split.test, "test_rest": split.test_rest}
        copies = tuple(
            WaveformAugmentation(
                noise_snr_db=hp.noise_snr_db or None,
                shift_s=hp.shift_s or None,
                copy_index=copy,
                seed=study.seeds.augmentation,
            )
            for copy in range(hp.waveform_copies)
        )
        return TrialJob(
            job_id=job_id,
            kind=kind,
            study=study.record.name,
            family=study.space.family.name,
            config=hp.model_dump(mode="json"),
            seed=seed,
            settings=study.space.training,
            features=study.space.features,
            augmentations=copies,
            labels=study.record.corpus.labels,
            train=split.train,
            predict=predict,
            speaker_normalisation=study.record.protocol.speaker_normalisation,
            keep_model=kind == "refit",
            threads=self.resources.threads,
            backend=self.backend,
            memory_limit_mib=self.resources.memory_limit_mib,
            attempt=attempt,
        )


def predictions_of(job: TrialJob, outcome: TrialOutcome, clips: pd.DataFrame) -> pd.DataFrame | None:
    """Raw predictions as a table: `clip_id, subset, label, p_<label>...`."""
    parts = []
    for subset, probabilities in outcome.predictions.items():
        rows = clips.iloc[list(job.predict[subset])]
        part = pd.DataFrame({"clip_id": rows["clip_id"].to_numpy(), "subset": subset})
        part["label"] = rows["label"].to_numpy()
        for column, label in enumerate(job.labels):
            part[f"p_{label}"] = probabilities[:, column]
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else None


def record_of(
    job: TrialJob,
    outcome: TrialOutcome,
    clips: pd.DataFrame,
    started: str,
    number: int | None = None,
    origin: str | None = None,
) -> TrialRecord:
    """The record of a fit."""
    index = {label: place for place, label in enumerate(job.labels)}
    scores = {}
    for subset, probabilities in outcome.predictions.items():
        truth = np.array([index[label] for label in clips["label"].iloc[list(job.predict[subset])]])
        scores[subset] = evaluate(truth, probabilities, job.labels).to_scores()
    return TrialRecord(
        study=job.study,
        job_id=job.job_id,
        kind=job.kind,
        number=number,
        attempt=job.attempt,
        origin=origin,
        state=outcome.state,
        value=outcome.value,
        config=job.config,
        seed=job.seed,
        threads=job.threads,
        train_clips=len(job.train),
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        scores=scores,
        parameters=outcome.parameters,
        cost=outcome.cost and outcome.cost.model_copy(update={"features_ms": front_end_ms(job.features)}),
        seconds=outcome.seconds,
        peak_memory_mib=outcome.peak_memory_mib,
        error=outcome.error,
        error_kind=outcome.error_kind,
        started=started,
        finished=now(),
    )
