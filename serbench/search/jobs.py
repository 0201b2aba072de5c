"""Makes jobs from configurations, and records from outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from serbench.evaluation import evaluate
from serbench.families import Hyperparameters, parse_hyperparameters
from serbench.features import WaveformAugmentation, even_crops, front_end_ms
from serbench.protocols import InnerFold, Ratio, Split, SplitPlan
from serbench.records import JobId, JobKind, ShortlistRecord, StudyFolder, StudyRecord, TrialRecord, now
from serbench.search.resources import Resources
from serbench.search.transfer.transfer import NO_TRANSFER, Transfer
from serbench.spaces import SearchSpace
from serbench.training import SeedTree, TrialJob, TrialOutcome

__all__ = ["JobMaker", "PlannedStudy", "copies_of", "predictions_of", "record_of"]


class PlannedStudy(Protocol):
    """The part of a study that `JobMaker` needs; implemented by `Study` and `RecordedStudy`."""

    @property
    def folder(self) -> StudyFolder:
        """Folder of the study, in which earlier attempts are counted."""

    @property
    def record(self) -> StudyRecord:
        """Record with the name of the study and its labels."""

    @property
    def space(self) -> SearchSpace:
        """Space with the family, the front end and the settings that all fits share."""

    @property
    def plan(self) -> SplitPlan:
        """How the clips are split."""

    @property
    def seeds(self) -> SeedTree:
        """Source of all random seeds."""


@dataclass(frozen=True)
class JobMaker:
    """Makes the jobs of one study.

    Attributes:
        study: the study.
        resources: what each job may use.
        backend: Keras backend.
        transfer: what all fits of the study take over from earlier networks.
    """

    study: PlannedStudy
    resources: Resources
    backend: str
    transfer: Transfer = NO_TRANSFER
    _splits: dict[str, Split] = field(default_factory=dict, repr=False, compare=False)

    def for_jobs(self, count: int) -> JobMaker:
        """Returns a maker for the last `count` jobs. If they are fewer than the workers, each gets more threads."""
        return replace(self, resources=self.resources.for_jobs(count))

    def search(self, job_id: str, number: int, config: dict[str, Any], attempt: int = 0) -> TrialJob:
        """Makes the job of a trial. It predicts the validation core only and contains no test rows.

        Raises:
            UsageError: the configuration is invalid.
        """
        return self._job("search", job_id, self.study.seeds.trial(number), config, attempt)

    def refit(self, job_id: str, number: int, repeat: int, config: dict[str, Any]) -> TrialJob:
        """Makes the job of a finalist's refit: fresh seed, predictions of every subset, and the model is kept."""
        seed = self.study.seeds.refit(number, repeat)
        return self._job("refit", job_id, seed, config, self._attempts(job_id))

    def final(self, shortlisted: ShortlistRecord, repeat: int) -> TrialJob:
        """Makes the job of a refit on all clips outside the test core, for the length that cross-validation found."""
        run = JobId(shortlisted.job_id, "final", repeat)
        job = self.refit(str(run), run.number, repeat, shortlisted.config)
        split = self.study.plan.core_split
        return replace(
            job,
            train=split.outside_test,
            predict={"train": split.outside_test, "test": split.test},
            settings=job.settings.model_copy(update={"epochs": shortlisted.epochs}),
            schedule_epochs=job.settings.epochs,
            learning_rates=shortlisted.learning_rates,
        )

    def fold(self, trial: str, config: dict[str, Any], fold: InnerFold) -> TrialJob:
        """Makes the job of a shortlisted configuration without the clips of one fold, which it answers."""
        named = JobId(trial, "fold", fold.number)
        seed = self.study.seeds.shortlisted(named.number, fold.number)
        job = self._job("fold", str(named), seed, config, self._attempts(str(named)))
        return replace(
            job,
            train=fold.train,
            predict={"validation": fold.held_out},
            fold=fold.number,
            keep_model=True,
            keep_curve=True,
        )

    def bag(self, shortlisted: ShortlistRecord, members: Sequence[bytes]) -> TrialJob:
        """Makes the job that averages the fold models of a configuration and tests the average. Nothing is trained."""
        job_id = str(JobId(shortlisted.job_id, "bag"))
        job = replace(self, transfer=NO_TRANSFER)._job("refit", job_id, 0, shortlisted.config, self._attempts(job_id))
        split = self.study.plan.core_split
        fits = [self.study.folder.job("fold", fold) for fold in shortlisted.folds]
        spent = sum(fit.seconds.get("fit", 0.0) for fit in fits)
        return replace(
            job,
            train=(),
            predict={"test": split.test},
            augmentations=(),
            members=tuple(members),
            members_fit_s=round(spent, 3),
        )

    def probe(self, job_id: str, number: int, config: dict[str, Any], share: float) -> TrialJob:
        """Makes a short fit on a share of the epochs.

        Raises:
            UsageError: the configuration is invalid.
        """
        job = self._job("probe", job_id, self.study.seeds.probe(number), config, self._attempts(job_id))
        return replace(job, settings=job.settings.lasting(share))

    def _attempts(self, job_id: str) -> int:
        return len(self.study.folder.attempts(job_id))

    def _split(self, ratio: str) -> Split:
        """Splits the clips once per ratio; a thousand running jobs share the result."""
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
        return TrialJob(
            job_id=job_id,
            kind=kind,
            study=study.record.name,
            family=study.space.family.name,
            config=hp.model_dump(mode="json"),
            seed=seed,
            settings=study.space.training.lasting(hp.training_length),
            features=study.space.features,
            augmentations=copies_of(hp, study.seeds.augmentation),
            crops=even_crops(hp.prediction_crops),
            labels=study.record.corpus.labels,
            train=split.train,
            predict=predict,
            speaker_normalisation=study.record.protocol.speaker_normalisation,
            init=self.transfer.init,
            init_labels=self.transfer.init_labels,
            teacher_share=0.0 if self.transfer.teacher is None else self.transfer.teacher.share,
            keep_model=kind == "refit",
            late_kicks=study.record.late_kicks,
            threads=self.resources.threads,
            backend=self.backend,
            precision=study.record.precision,
            memory_limit_mib=self.resources.memory_limit_mib,
            attempt=attempt,
        )


def copies_of(hp: Hyperparameters, seed: int) -> tuple[WaveformAugmentation, ...]:
    """Returns the waveform copies that a configuration trains on.

    Args:
        hp: hyperparameters of any family.
        seed: seed of the copies, which all trials share.

    >>> [copy.semitones for copy in copies_of(Hyperparameters(pitch_shift=2.0), 0)]
    [-2.0, 2.0]
    """
    copies = [
        WaveformAugmentation(
            noise_snr_db=hp.noise_snr_db or None,
            noise_kind=hp.noise_kind if hp.noise_snr_db else "white",
            shift_s=hp.shift_s or None,
            room_rt60_s=hp.room_rt60_s or None,
            level_db=hp.level_db or None,
            telephone=hp.telephone,
            copy_index=copy,
            seed=seed,
        )
        for copy in range(hp.waveform_copies)
    ]
    if change := hp.speed_perturbation:
        copies += [WaveformAugmentation(speed=round(speed, 3)) for speed in (1 - change, 1 + change)]
    if pitch := hp.pitch_shift:
        copies += [WaveformAugmentation(semitones=semitones) for semitones in (-pitch, pitch)]
    copies += [WaveformAugmentation(random_crop=True, copy_index=copy, seed=seed) for copy in range(hp.random_crops)]
    return tuple(copies)


def predictions_of(job: TrialJob, outcome: TrialOutcome, clips: pd.DataFrame) -> pd.DataFrame | None:
    """Returns the raw predictions of a job as a table with the columns `clip_id, subset, label, p_<label>...`."""
    parts = []
    for subset, probabilities in outcome.predictions.items():
        rows = clips.iloc[list(job.predict[subset])]
        part = pd.DataFrame({"clip_id": rows["clip_id"].to_numpy(), "subset": subset})
        part["label"] = rows["label"].to_numpy()
        for column, label in enumerate(job.labels):
            part[f"p_{label}"] = probabilities[:, column]
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else None


def _features_ms(job: TrialJob) -> float | None:
    measured = front_end_ms(job.features)
    return None if measured is None else max(1, len(job.crops)) * measured


def record_of(
    job: TrialJob,
    outcome: TrialOutcome,
    clips: pd.DataFrame,
    started: str,
    number: int | None = None,
    origin: str | None = None,
) -> TrialRecord:
    """Makes the record of a fit."""
    index = {label: place for place, label in enumerate(job.labels)}
    scores = {}
    for subset, probabilities in outcome.predictions.items():
        truth = np.array([index[label] for label in clips["label"].iloc[list(job.predict[subset])]])
        scores[subset] = evaluate(truth, probabilities, job.labels).to_scores()
    return TrialRecord(
        study=job.study,
        job_id=job.job_id,
        kind=job.kind,
        fold=job.fold,
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
        copied_parameters=outcome.copied_parameters,
        cost=outcome.cost and outcome.cost.model_copy(update={"features_ms": _features_ms(job)}),
        seconds=outcome.seconds,
        peak_memory_mib=outcome.peak_memory_mib,
        error=outcome.error,
        error_kind=outcome.error_kind,
        started=started,
        finished=now(),
    )
