"""Keras callbacks of a fit: the report to the coordinator after each epoch, weight averaging, and the kick."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from serbench.evaluation import evaluate
from serbench.records import EpochMetrics
from serbench.training.data import predict_clips
from serbench.training.job import Verdict
from serbench.training.seeds import KICKS, fit_stream

__all__ = ["AveragedWeights", "EpochExchange", "Kick", "LastWeights"]


class EpochExchange(keras.callbacks.Callback):
    """Scores the validation clips after each epoch, reports the score, and follows the coordinator's answer.

    Must come before all callbacks that read `val_loss` or `val_uar`, since it adds both to the logs. Without validation
    clips it reports the training loss only.
    """

    def __init__(
        self,
        arrays: Sequence[np.ndarray],
        crops: int,
        rows: Sequence[int],
        targets: np.ndarray,
        labels: tuple[str, ...],
        exchange: Callable[[EpochMetrics], Verdict],
        should_stop: Callable[[], bool],
        *,
        keep_curve: bool = False,
    ) -> None:
        super().__init__()
        self._arrays, self._crops = arrays, crops
        self._rows = rows
        self._truth = targets[np.asarray(rows, dtype=np.intp)]
        self._keep_curve = keep_curve
        self._labels = labels
        self._exchange = exchange
        self._should_stop = should_stop
        self._began = 0.0
        self.epochs: list[EpochMetrics] = []
        self.curve: list[np.ndarray] = []
        self.verdict = Verdict.CONTINUE
        self.diverged = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Starts the timer of the epoch."""
        self._began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Stops in the middle of an epoch when told to."""
        if self._should_stop():
            self.verdict = Verdict.STOP
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Scores the epoch, reports it and follows the answer."""
        if self.verdict is Verdict.STOP or logs is None:
            return
        probabilities = predict_clips(self.model, self._arrays, self._crops, self._rows) if self._rows else None
        finite = probabilities is None or bool(np.isfinite(probabilities).all())
        self.diverged = not (math.isfinite(float(logs["loss"])) and finite)
        if self.diverged:
            self.model.stop_training = True
            return
        found = {} if probabilities is None else self._validation_metrics(probabilities)
        metrics = EpochMetrics(
            epoch=epoch,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            **{name: found.get(name) for name in ("val_loss", "val_accuracy", "val_uar")},
            learning_rate=_shortest(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            seconds=round(time.monotonic() - self._began, 3),
        )
        logs.update(found)
        if self._keep_curve and probabilities is not None:
            self.curve.append(probabilities)
        self.epochs.append(metrics)
        self.verdict = self._exchange(metrics)
        if self.verdict is not Verdict.CONTINUE:
            self.model.stop_training = True

    def _validation_metrics(self, probabilities: np.ndarray) -> dict[str, float]:
        chosen = np.take_along_axis(probabilities, self._truth[:, None], axis=1)
        scores = evaluate(self._truth, probabilities, self._labels)
        return {
            "val_loss": float(-np.log(np.clip(chosen, 1e-7, 1.0)).mean()),
            "val_accuracy": scores.accuracy,
            "val_uar": scores.mean_recall_present,
        }


class AveragedWeights(keras.callbacks.Callback):
    """Keeps a running average of the weights and puts it into the model whenever the model is evaluated.

    After `restore` training continues with the raw weights (B. Polyak and A. Juditsky, SIAM J. Control Optim. 30,
    1992). The moving statistics of batch normalisation are not averaged. The average warms up over the first steps, so
    that the first epochs are not evaluated on the initial weights: after n steps a share of at most n / (n + 9)
    remains, a rule of our own.

    Args:
        momentum: share of the average that remains after each step, once it has warmed up.
    """

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self._momentum = momentum
        self._steps = 0
        self._average: list[np.ndarray] = []
        self._own: list[np.ndarray] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Adds the weights of this step to the average."""
        if hasattr(self.model, "jax_state_sync"):  # on JAX the model has its weights only when asked
            self.model.jax_state_sync()
        self._steps += 1
        momentum = min(self._momentum, self._steps / (self._steps + 9))
        if not self._average:
            self._average = self._weights()
            return
        for average, variable in zip(self._average, self.model.trainable_variables, strict=True):
            change = keras.ops.convert_to_numpy(variable) - average
            change *= 1 - momentum
            average += change  # noqa: PLW2901 - in place

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Puts the average into the model."""
        self._own = self._weights()
        self._put(self._average)

    def restore(self) -> keras.callbacks.Callback:
        """Callback that restores the raw weights. Add it after every callback that evaluates the averaged ones."""
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: self._put(self._own))

    def _weights(self) -> list[np.ndarray]:
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self.model.trainable_variables]

    def _put(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self.model.trainable_variables, values, strict=True):
            variable.assign(value)


class LastWeights(keras.callbacks.Callback):
    """Keeps the weights that the model is evaluated with after the last epoch, averaged ones included."""

    def __init__(self) -> None:
        super().__init__()
        self._weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Takes the weights of this epoch."""
        self._weights = self.model.get_weights()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Puts the weights of the last epoch into the model."""
        if self._weights is not None:
            self.model.set_weights(self._weights)


class Kick(keras.callbacks.Callback):
    """Perturbs a model that is stuck in a local minimum.

    If the training loss has not improved for `patience` epochs, every kernel gets Gaussian noise of `strength` times
    its own standard deviation. With validation clips the best weights so far are kept elsewhere, so a bad kick costs
    epochs but no result. Without them the last weights are kept: there no kick should come near the end.

    Args:
        patience: epochs without a better training loss before a kick.
        strength: of the noise.
        seed: of the fit.
        until: number of epochs after which no kick comes.
    """

    def __init__(self, patience: int, strength: float, seed: int, until: float = math.inf) -> None:
        super().__init__()
        self._patience = patience
        self._until = until
        self._strength = strength
        self._rng = fit_stream(seed, KICKS)
        self._best = math.inf
        self._waited = 0
        self.kicks = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the epochs without a better training loss, and kicks."""
        loss = float((logs or {}).get("loss", math.nan))
        if loss < self._best - 1e-4:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self._patience and epoch + 1 <= self._until:
            self._shake()
            self._waited, self._best = 0, math.inf

    def _shake(self) -> None:
        self.kicks += 1
        for variable in self.model.trainable_variables:
            if len(variable.shape) < 2:
                continue
            value = np.asarray(keras.ops.convert_to_numpy(variable))
            noise = self._rng.standard_normal(value.shape) * value.std() * self._strength
            variable.assign((value + noise).astype(value.dtype))


def _shortest(rate: np.ndarray) -> float:
    """A float32 as the shortest decimal that is read as the same float32: 0.001, not 0.0010000000474974513."""
    return float(str(np.float32(rate)))
