"""Builds the Keras optimiser from hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serbench.families.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    import keras

__all__ = ["build_optimizer", "learning_rate"]


def learning_rate(hp: Hyperparameters, total_steps: int) -> Any:
    """Returns a number for `constant` and `plateau` (a callback lowers it), or a Keras schedule for `cosine`.

    The cosine schedule rises linearly from zero over `warmup * total_steps` steps and ends at zero (Loshchilov and
    Hutter, 2017, https://arxiv.org/abs/1608.03983).
    """
    import keras

    if hp.schedule != "cosine":
        return hp.learning_rate
    warmup = round(hp.warmup * total_steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else hp.learning_rate,
        decay_steps=max(1, total_steps - warmup),
        warmup_target=hp.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def build_optimizer(hp: Hyperparameters, total_steps: int) -> keras.optimizers.Optimizer:
    """Returns a new optimiser.

    Args:
        hp: hyperparameters of any family.
        total_steps: training steps of the whole fit (epochs times batches per epoch); used by `cosine`.
    """
    import keras

    named = keras.optimizers
    common: dict[str, Any] = {"learning_rate": learning_rate(hp, total_steps)}
    if hp.clip_norm:
        common["global_clipnorm"] = hp.clip_norm
    match hp.optimizer:
        case "sgd":
            return named.SGD(momentum=hp.momentum, nesterov=hp.momentum > 0, **common)
        case "rmsprop":
            return named.RMSprop(momentum=hp.momentum, **common)
        case "adam":
            return named.Adam(**common)
        case "nadam":
            return named.Nadam(**common)
        case "adamw":
            optimizer = named.AdamW(weight_decay=hp.weight_decay, **common)
            # Weight decay is a prior on kernels; on shifts and scales it only biases the normalisation.
            optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
            return optimizer
