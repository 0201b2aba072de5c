"""Layers that are cheaper to train. Importing this module imports no Keras.

They have the weights of Keras' own layers and compute the same, up to rounding. So a model is built with them to be
trained, and without them to predict and to be saved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

__all__ = ["batch_normalization", "fast_training", "functionals", "has_training_layers"]

_fast: ContextVar[bool] = ContextVar("fast", default=False)


@contextlib.contextmanager
def fast_training() -> Iterator[None]:
    """Models that are built in its block may have layers that only training needs."""
    token = _fast.set(True)
    try:
        yield
    finally:
        _fast.reset(token)


def has_training_layers(model: keras.Model) -> bool:
    """Tells whether a model, or one nested in it, has layers that only training needs."""
    return any(
        getattr(layer, "only_for_training", False) or has_training_layers(layer)
        for layer in getattr(model, "layers", ())
    )


def batch_normalization(**options: Any) -> keras.layers.Layer:
    """Returns a layer of batch normalisation over the last axis: a faster one in a block of `fast_training`.

    Args:
        options: arguments of `keras.layers.BatchNormalization`.
    """
    import keras

    if not _fast.get() or keras.config.backend() != "tensorflow":
        return keras.layers.BatchNormalization(**options)
    from serbench.families.fused_norm import FusedBatchNormalization

    return FusedBatchNormalization(**options)


def functionals(energy: int | None, **options: Any) -> keras.layers.Layer:
    """Returns a layer of statistics over frames: a faster one in a block of `fast_training`.

    Args:
        energy: column of the energy in dB; None if there is none.
        options: further arguments of `serbench.families.layers.Functionals`.
    """
    import keras

    if not _fast.get() or keras.config.backend() != "tensorflow":
        from serbench.families.layers import Functionals

        return Functionals(energy, **options)
    from serbench.families.fast_functionals import FastFunctionals

    return FastFunctionals(energy, **options)
