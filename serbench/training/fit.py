"""Fits one job in the current process. A child process runs it; tests call it directly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from serbench.evaluation import evaluate
from serbench.families import (
    Hyperparameters,
    InvalidConfiguration,
    build_model,
    build_optimizer,
    fast_training,
    get_family,
    has_training_layers,
    multiply_accumulates,
    parameter_count,
    parse_hyperparameters,
)
from serbench.records import EpochMetrics, ModelCost, are_distributions
from serbench.temporary import temporary_folder
from serbench.training.backend import compile_options
from serbench.training.callbacks import AveragedWeights, EpochExchange, Kick, LastWeights
from serbench.training.copy_paste import NEUTRAL, CopyPaste
from serbench.training.data import (
    TrainingBatches,
    balanced_weights,
    normalisation,
    predict_clips,
    taught,
    training_labels,
)
from serbench.training.feed import fed
from serbench.training.job import ClipTargets, TrialJob, TrialOutcome, Verdict
from serbench.training.latency import model_ms
from serbench.training.precision import dtype_policy
from serbench.training.weights import start_from

__all__ = ["fit"]


def fit(
    job: TrialJob,
    arrays: Sequence[np.ndarray],
    clips: ClipTargets,
    exchange: Callable[[EpochMetrics], Verdict] = lambda _: Verdict.CONTINUE,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrialOutcome:
    """Builds and trains a model, and predicts with it.

    Args:
        job: the job to fit.
        arrays: feature arrays (clips, *shape): the plain clips, then one array per augmentation of the job, then one
            per crop.
        clips: what is to be learned about the clips.
        exchange: called after every epoch; returns the verdict to follow.
        should_stop: checked after every batch.

    Returns:
        An outcome that is `completed`, `pruned`, `diverged`, `invalid`, `interrupted`, or `crashed` where a family
        returns no probabilities. The predictions use the weights of the epoch with the best validation UAR, or of the
        last epoch in a job without validation clips, which has no value. They are in float32 whatever the precision of
        training, so `value` of a fit in bfloat16 may differ a little from the epochs' scores. Normalisation and class
        weights use `job.train` only.

    Raises:
        ValueError: the job has a `teacher_share` or `copy_paste`, and `clips` has no teacher or speakers.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(job.seed)
    try:
        network = _Network.of(job, arrays, clips)
    except InvalidConfiguration as error:
        return TrialOutcome("invalid", error=str(error), error_kind="architecture")
    parameters = parameter_count(network.model)
    if parameters > job.settings.max_parameters:
        reason = f"{parameters:,} parameters, over the budget of {job.settings.max_parameters:,}"
        return TrialOutcome("invalid", parameters=parameters, error=reason, error_kind="parameters")
    batches = _batches(job, network, arrays[: len(arrays) - len(job.crops)], clips.classes)
    _compile(network.model, job, network.hp, len(batches))
    built = time.monotonic()

    validation_rows, crops = job.predict.get("validation", ()), len(job.crops)
    watch = EpochExchange(
        arrays, crops, validation_rows, clips.classes, job.labels, exchange, should_stop, keep_curve=job.keep_curve
    )
    _train(network, job, batches, watch)
    seconds = {"build": round(built - started, 3), "fit": round(time.monotonic() - built, 3)}
    outcome = TrialOutcome(
        "completed", epochs=tuple(watch.epochs), parameters=parameters, copied_parameters=network.copied,
        seconds=seconds,
    )  # fmt: skip
    if watch.diverged:
        reason = f"loss or outputs not finite in epoch {len(watch.epochs) + 1}"
        return outcome.with_parts(state="diverged", error=reason, error_kind="not finite")
    if watch.verdict is Verdict.STOP:
        return outcome.with_parts(state="interrupted", error="told to stop", error_kind="stop")
    return _with_predictions(outcome, job, watch, network.for_predictions(job), arrays, clips.classes)


@dataclass(frozen=True)
class _Network:
    """A model that is about to be trained.

    Attributes:
        model: the model.
        blueprint: arguments of `build_model` that make it again.
        hp: its hyperparameters.
        labels: what it learns for each clip, float32 (clips, classes).
        paste: what puts neutral clips beside emotional ones; None for nothing.
        copied: number of its parameters that come from another network; None if it starts anew.
    """

    model: keras.Model
    blueprint: tuple[Any, ...]
    hp: Hyperparameters
    labels: np.ndarray
    paste: CopyPaste | None
    copied: int | None

    @classmethod
    def of(cls, job: TrialJob, arrays: Sequence[np.ndarray], clips: ClipTargets) -> _Network:
        """Builds the model of a job.

        Raises:
            InvalidConfiguration: its hyperparameters make no model.
        """
        family = get_family(job.family)
        hp = parse_hyperparameters(family, job.config)
        labels, paste = _labels(job, hp, clips), _copy_paste(job, hp, clips)
        mean, std = normalisation(arrays[0], job.train, family.feature_axis)
        blueprint = (family, hp, tuple(arrays[0].shape[1:]), len(job.labels), mean, std, job.seed)
        with dtype_policy(job.precision), fast_training():
            model = build_model(*blueprint)
        return cls(model, blueprint, hp, labels, paste, start_from(model, job) if job.init else None)

    def for_predictions(self, job: TrialJob) -> keras.Model:
        """Returns the trained model for predictions: in float32, of Keras' own layers, with its weights."""
        if job.precision == "float32" and not has_training_layers(self.model):
            return self.model
        with dtype_policy("float32"):
            plain = build_model(*self.blueprint)
        plain.set_weights(self.model.get_weights())
        return plain


def _train(network: _Network, job: TrialJob, batches: TrainingBatches, watch: EpochExchange) -> None:
    source, more = fed(batches, job.backend)
    callbacks = [*_callbacks(job, network.hp, watch), *more]
    network.model.fit(**source, epochs=job.settings.epochs, verbose=0, callbacks=callbacks)


def _with_predictions(
    fitted: TrialOutcome,
    job: TrialJob,
    watch: EpochExchange,
    model: keras.Model,
    arrays: Sequence[np.ndarray],
    targets: np.ndarray,
) -> TrialOutcome:
    """Adds predictions, their score and, for a refit, the model to the outcome of a fit."""
    started = time.monotonic()
    crops = len(job.crops)
    predictions = {name: predict_clips(model, arrays, crops, rows) for name, rows in job.predict.items() if rows}
    if not all(np.isfinite(probabilities).all() for probabilities in predictions.values()):
        return fitted.with_parts(state="diverged", error="outputs are not finite", error_kind="not finite")
    if not all(map(are_distributions, predictions.values())):
        message = f"family '{job.family}' returns no probabilities: they are negative or do not sum to 1 (softmax?)"
        return fitted.with_parts(state="crashed", error=message, error_kind="no probabilities")
    validated = bool(job.predict.get("validation"))
    best = _kept(watch.epochs) if validated else watch.epochs[-1]
    saved = saved_model(model) if job.keep_model else None
    return fitted.with_parts(
        state="pruned" if watch.verdict is Verdict.PRUNE else "completed",
        value=_uar(job, targets, predictions["validation"]) if validated else None,
        best_epoch=best.epoch,
        predictions=predictions,
        model=saved,
        cost=None if saved is None else model_cost(model, len(saved), max(1, crops)),
        curve=np.stack(watch.curve) if watch.curve else None,
        seconds={**fitted.seconds, "predict": round(time.monotonic() - started, 3)},
    )


def _kept(epochs: Sequence[EpochMetrics]) -> EpochMetrics:
    """The epoch whose weights Keras kept: it compares in float32, where equal recalls differ in no last bit."""
    return max(epochs, key=lambda metrics: (np.float32(metrics.val_uar), -metrics.epoch))


def _uar(job: TrialJob, targets: np.ndarray, probabilities: np.ndarray) -> float:
    truth = targets[np.asarray(job.predict["validation"])]
    return evaluate(truth, probabilities, job.labels).mean_recall_present


def _labels(job: TrialJob, hp: Hyperparameters, clips: ClipTargets) -> np.ndarray:
    labels = training_labels(clips.classes, len(job.labels), clips.votes, hp.soft_labels)
    if not job.teacher_share:
        return labels
    if clips.teacher is None:
        raise ValueError("the job has a teacher_share and there are no answers of a teacher")
    return taught(labels, clips.teacher, job.teacher_share)


def _copy_paste(job: TrialJob, hp: Hyperparameters, clips: ClipTargets) -> CopyPaste | None:
    if not hp.copy_paste:
        return None
    time_axis = job.features.front_end.time_axis
    if time_axis is None:
        raise InvalidConfiguration(
            f"copy_paste needs features with an axis of time, and those of '{job.features.kind}' have none: set "
            "copy_paste to 0"
        )
    if clips.speakers is None:
        raise ValueError("the job has copy_paste and there are no speakers")
    neutral = np.array([label.casefold() == NEUTRAL for label in job.labels])[clips.classes]
    return CopyPaste(hp.copy_paste, job.train, neutral, clips.speakers, time_axis, job.seed)


def _batches(job: TrialJob, network: _Network, arrays: Sequence[np.ndarray], classes: np.ndarray) -> TrainingBatches:
    hp = network.hp
    weights = balanced_weights(classes[np.asarray(job.train)], len(job.labels)) if hp.class_weights else None
    return TrainingBatches(
        arrays,
        job.train,
        network.labels,
        batch_size=hp.batch_size,
        mixup=hp.mixup,
        class_weights=weights,
        versions=[place for place, copy in enumerate(job.augmentations, start=1) if copy.is_version],
        paste=network.paste,
        seed=job.seed,
    )


def _compile(model: keras.Model, job: TrialJob, hp: Hyperparameters, steps_per_epoch: int) -> None:
    model.compile(
        optimizer=build_optimizer(hp, steps_per_epoch * (job.schedule_epochs or job.settings.epochs)),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=hp.label_smoothing, dtype="float32"),
        metrics=["accuracy"],
        **compile_options(job.backend),
    )
    # TensorFlow traces a step twice if the optimiser makes its variables in the first one.
    model.optimizer.build(model.trainable_variables)


def _callbacks(job: TrialJob, hp: Hyperparameters, watch: EpochExchange) -> list[keras.callbacks.Callback]:
    # First, so that all other callbacks see the averaged weights at the end of an epoch.
    averaged = [AveragedWeights(hp.weight_averaging)] if hp.weight_averaging else []
    callbacks: list[keras.callbacks.Callback] = [*averaged, watch, _keeper(job)]
    if rates := job.learning_rates:
        callbacks.append(keras.callbacks.LearningRateScheduler(lambda epoch, _: rates[min(epoch, len(rates) - 1)]))
    elif hp.schedule == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor="val_loss", factor=hp.plateau_factor, patience=hp.plateau_patience, min_lr=1e-6
            )
        )
    callbacks += [one.restore() for one in averaged]
    if hp.escape == "kick":
        callbacks.append(Kick(hp.escape_patience, hp.escape_strength, job.seed, _last_kick(job, hp)))
    return callbacks


def _last_kick(job: TrialJob, hp: Hyperparameters) -> float:
    """The number of epochs after which no kick comes, so that a fit which keeps its last weights can recover."""
    if job.late_kicks or job.predict.get("validation"):
        return math.inf
    epochs = job.settings.epochs
    return epochs - max(hp.escape_patience, epochs / 4)


def _keeper(job: TrialJob) -> keras.callbacks.Callback:
    """Returns the callback that decides which epoch's weights are kept."""
    if not job.predict.get("validation"):
        return LastWeights()
    return keras.callbacks.EarlyStopping(
        monitor="val_uar", mode="max", patience=job.settings.patience, restore_best_weights=True
    )


def model_cost(model: keras.Model, model_bytes: int, windows: int) -> ModelCost:
    """Measures what the answer to a clip costs that is long enough for all windows."""
    counted = _counted(model)
    return ModelCost(
        multiply_accumulates=None if counted is None else windows * counted,
        model_bytes=model_bytes,
        model_ms=windows * model_ms(model),
    )


def _counted(model: keras.Model) -> int | None:
    """Counts the multiply-accumulates; None if that fails: a layer of a plug-in counts itself, and the fit is done."""
    try:
        return multiply_accumulates(model)
    except Exception:
        return None


def saved_model(model: keras.Model) -> bytes:
    """Returns the model as a `.keras` file without the optimiser's state, which is never used and twice its size."""
    bare = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    with temporary_folder() as folder:
        path = folder / "model.keras"
        bare.save(path)
        return path.read_bytes()
