"""`TrialJob`: everything one fit needs, frozen and serialisable. `TrialOutcome`: the result of a fit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from pydantic import Field

from serbench.features import FeatureSpec, WaveformAugmentation
from serbench.records import EpochMetrics, FrozenModel, JobKind, ModelCost, Precision, TrialState

__all__ = ["ClipTargets", "FitSettings", "TrialJob", "TrialOutcome", "Verdict"]


class FitSettings(FrozenModel):
    """The `[training]` table of a space file: settings that all its trials share."""

    epochs: int = Field(default=40, ge=1, le=10_000, description="epochs at the most")
    patience: int = Field(default=10, ge=1, description="epochs without a better validation UAR before training stops")
    max_parameters: int = Field(default=2_000_000, ge=1, description="larger models are not trained")
    trial_timeout_s: float | None = Field(default=None, gt=0, description="a trial that takes longer is ended")

    def lasting(self, share: float) -> FitSettings:
        """Returns the settings with a share of the epochs, at least one.

        >>> FitSettings(epochs=40).lasting(0.5).epochs
        20
        """
        return self if share == 1 else self.model_copy(update={"epochs": max(1, round(share * self.epochs))})


class Verdict(Enum):
    """The coordinator's answer to an epoch."""

    CONTINUE = "continue"
    PRUNE = "prune"
    STOP = "stop"


@dataclass(frozen=True)
class ClipTargets:
    """What a fit learns about the clips besides their features. Rows are those of the feature arrays.

    Attributes:
        classes: class index of each clip, int64 (clips,).
        votes: the listeners' majority votes as shares, float32 (clips, classes), NaN where there are none; for
            `soft_labels`.
        teacher: the teacher's out-of-fold probabilities, float32 (clips, classes), NaN where there are none; for a job
            with a `teacher_share`.
        speakers: number of each clip's speaker, int64 (clips,), below zero where not known; for `copy_paste` and
            normalisation by speaker.
    """

    classes: np.ndarray
    votes: np.ndarray | None = None
    teacher: np.ndarray | None = None
    speakers: np.ndarray | None = None


@dataclass(frozen=True)
class TrialJob:
    """One configuration to be fitted once.

    In a search job, `predict` holds the validation core only, in the job of a fold only the clips that are held out.
    Test rows are not in the job, so the code that runs it cannot use them.

    Attributes:
        job_id: stable id in the study; a repeat after an interruption keeps it.
        config: the family's hyperparameters, complete.
        seed: seed of weights, batches and masks.
        augmentations: waveform copies of the training clips, one feature array each.
        crops: windows of each clip whose answers are averaged, one feature array each; empty for the usual window.
        labels: class names in the order of the probabilities.
        train: rows of the clip table to train on.
        predict: rows of each subset to predict with the best weights. Without `validation` no epoch is chosen: the
            weights of the last one are kept.
        speaker_normalisation: whether features are normalised by each speaker's own clips.
        keep_model: whether the outcome contains the trained model and its cost.
        keep_curve: whether the outcome contains the answers on `validation` after each epoch.
        fold: number of the fold that is held out; None outside of a cross-validation.
        schedule_epochs: epochs that the learning-rate schedule spans, where the fit ends earlier; None for its length.
        late_kicks: whether a fit without validation clips is kicked (`escape`) until its end.
        learning_rates: of each epoch, in place of a schedule that follows the validation loss.
        members: trained models (`.keras` files) to average, in place of training.
        members_fit_s: seconds that it took to train the members, all together.
        init: a trained model of the family (a `.keras` file) whose weights are copied before training; empty for none.
        init_labels: class names of that model. Its classifier is copied only if they are those of the job.
        teacher_share: part of each training label that the teacher's answers get; 0 without a teacher.
        threads: compute threads of the child.
        backend: Keras backend.
        precision: what the model is trained in. Predictions are those of the model in float32; the answers after each
            epoch, `TrialOutcome.curve`, are those of the model in training.
        memory_limit_mib: limit of the child's own (anonymous) resident memory, in MiB.
        attempt: number of earlier, interrupted attempts; separates late messages of an old attempt from the repeat.
    """

    job_id: str
    kind: JobKind
    study: str
    family: str
    config: dict[str, Any]
    seed: int
    settings: FitSettings
    features: FeatureSpec
    augmentations: tuple[WaveformAugmentation, ...]
    labels: tuple[str, ...]
    train: tuple[int, ...]
    predict: dict[str, tuple[int, ...]]
    crops: tuple[WaveformAugmentation, ...] = ()
    speaker_normalisation: bool = False
    keep_model: bool = False
    keep_curve: bool = False
    fold: int | None = None
    schedule_epochs: int | None = None
    late_kicks: bool = False
    learning_rates: tuple[float, ...] = ()
    members: tuple[bytes, ...] = field(default=(), repr=False)
    members_fit_s: float = 0.0
    init: bytes = field(default=b"", repr=False)
    init_labels: tuple[str, ...] = ()
    teacher_share: float = 0.0
    threads: int = 1
    backend: str = "tensorflow"
    precision: Precision = "float32"
    memory_limit_mib: int | None = None
    attempt: int = 0

    @property
    def copies(self) -> tuple[WaveformAugmentation, ...]:
        """What is computed of each clip besides its plain features, in the order of the arrays."""
        return (*self.augmentations, *self.crops)


@dataclass(frozen=True)
class TrialOutcome:
    """Result of a job.

    Attributes:
        state: how it ended, see `serbench.records.STATES`.
        value: mean recall of the classes in the validation clips, a fraction (UAR if all are there); None without such
            clips.
        epochs: what each epoch said.
        best_epoch: number of the epoch whose weights were kept, from 0.
        parameters: number of weights of the model.
        copied_parameters: number of these that were copied from `TrialJob.init`.
        predictions: class probabilities of each subset, float32 (rows, classes).
        model: the trained model as a `.keras` file, if the job keeps it.
        seconds: wall time of each part: `features` (waiting for the cache), `start` (of the child), `build`, `fit`,
            `predict`, and `total`.
        peak_memory_mib: largest resident memory of the child.
        error: why it did not complete, in a sentence.
        error_kind: `architecture`, `parameters` or `configuration` (state `invalid`), `not finite` (`diverged`),
            `limit` (`memory` or `timeout`), `kernel` (`memory`), `no probabilities`, `start`, `exit`, `features gone`
            (`crashed`), `stop` or `kill` (`interrupted`), `worker` (`lost`), a signal, or the class of an exception.
        traceback: of an exception, or the stacks of a trial that took too long.
        cost: what a prediction costs, of a kept model.
        curve: answers on `validation` after each epoch, float32 (epochs, rows, classes), if the job keeps them.
    """

    state: TrialState
    value: float | None = None
    epochs: tuple[EpochMetrics, ...] = ()
    best_epoch: int | None = None
    parameters: int | None = None
    copied_parameters: int | None = None
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    model: bytes | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_mib: float | None = None
    error: str | None = None
    error_kind: str | None = None
    traceback: str | None = None
    cost: ModelCost | None = None
    curve: np.ndarray | None = None

    def with_parts(self, **changes: Any) -> TrialOutcome:
        """Returns a copy with some fields replaced."""
        return replace(self, **changes)
