"""The parts both convolutional families are made of: seeded convolution blocks, heads over time, the classifier.

Keras is imported when a `Blocks` is made, so that this module stays light.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from serbench.families.base import InvalidConfiguration
from serbench.families.hyperparameters import ConvHyperparameters

__all__ = ["MAX_KERNEL", "Blocks", "filter_counts", "seed_stream"]

# Training compares the finished model with its parameter budget. This bound only keeps a single absurd kernel
# (64 MiB of float32) from being allocated before that.
MAX_KERNEL = 2**24


def seed_stream(seed: int) -> Iterator[int]:
    """Yields an endless, reproducible stream of seeds for layers and initialisers."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(1, 2**31 - 1))


def filter_counts(hp: ConvHyperparameters) -> list[int]:
    """Returns the filters of each block: `width * growth ** i`, rounded to a multiple of 8.

    >>> filter_counts(ConvHyperparameters(width=32, growth=1.7, depth=4))
    [32, 56, 96, 160]
    """
    return [max(8, 8 * round(hp.width * hp.growth**i / 8)) for i in range(hp.depth)]


class Blocks:
    """Adds layers to symbolic tensors as one set of hyperparameters says, drawing seeds in order."""

    def __init__(self, hp: ConvHyperparameters, seed: int) -> None:
        import keras

        self.hp = hp
        self.seeds = seed_stream(seed)
        self.layers = keras.layers
        self.keras = keras

    def convolution(
        self,
        x: Any,
        filters: int,
        kernel: tuple[int, ...],
        pool: tuple[int, ...],
        *,
        name: str,
        strides: tuple[int, ...] | None = None,
    ) -> Any:
        """Convolution, batch norm, activation, pooling, dropout. The rank is that of `kernel`: 1 or 2.

        Args:
            x: `(batch, *space, channels)`, as many space axes as `kernel` has.
            filters: channels out.
            kernel: side lengths; edges are padded with zeros.
            pool: factor of each axis; what does not fill a whole pool is dropped.
            name: prefix of the layers' names.
            strides: of the convolution, 1 by default.

        Raises:
            InvalidConfiguration: pooling would leave nothing, or the kernel is beyond `MAX_KERNEL`.
        """
        hp, rank = self.hp, len(kernel)
        self._bounded((*kernel, x.shape[-1], filters), name)
        conv = self.layers.Conv1D if rank == 1 else self.layers.Conv2D
        x = conv(
            filters,
            kernel,
            strides=strides or (1,) * rank,
            padding="same",
            use_bias=not hp.batch_norm,
            kernel_initializer=self.keras.initializers.HeNormal(seed=next(self.seeds)),
            kernel_regularizer=self._regulariser(),
            name=f"{name}_conv",
        )(x)
        if hp.batch_norm:
            # Short epochs of small corpora need moving averages faster than Keras' default of 0.99.
            x = self.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
        x = self.layers.Activation(hp.activation, name=f"{name}_{hp.activation}")(x)
        x = self._pool(x, pool, name)
        return self._dropout(x, hp.dropout, f"{name}_dropout")

    def _pool(self, x: Any, pool: tuple[int, ...], name: str) -> Any:
        if max(pool) == 1:
            return x
        space = tuple(x.shape[1:-1])
        if any(size < factor for size, factor in zip(space, pool, strict=True)):
            raise InvalidConfiguration(
                f"{name} pools by {_times(pool)} what is only {_times(space)} by then: lower depth, pool_size or "
                "strides, or give longer clips"
            )
        kind = "MaxPooling" if self.hp.pooling == "max" else "AveragePooling"
        return getattr(self.layers, f"{kind}{len(pool)}D")(pool, name=f"{name}_pool")(x)

    def clip_vector(self, x: Any) -> Any:
        """Turns `(batch, frames, channels)` into one vector a clip, by the head of the hyperparameters."""
        match self.hp.head:
            case "flatten":
                return self.layers.Flatten(name="flatten")(x)
            case "attention":
                from serbench.families.layers import AttentionPooling

                return AttentionPooling(name="attention")(x)
            case head:
                average = self.layers.GlobalAveragePooling1D(name="average")(x)
                if head == "average":
                    return average
                maximum = self.layers.GlobalMaxPooling1D(name="maximum")(x)
                return self.layers.Concatenate(name="average_max")([average, maximum])

    def classify(self, x: Any, n_classes: int) -> Any:
        """Adds dropout, the hidden dense layer and the softmax named `probabilities` to a clip vector.

        Raises:
            InvalidConfiguration: the dense kernel is beyond `MAX_KERNEL`.
        """
        hp = self.hp
        x = self._dropout(x, hp.dense_dropout, "vector_dropout")
        if hp.dense_width:
            self._bounded((x.shape[-1], hp.dense_width), "dense")
            x = self.layers.Dense(
                hp.dense_width,
                activation=hp.activation,
                kernel_initializer=self.keras.initializers.HeNormal(seed=next(self.seeds)),
                kernel_regularizer=self._regulariser(),
                name="dense",
            )(x)
            x = self._dropout(x, hp.dense_dropout, "dense_dropout")
        return self.layers.Dense(
            n_classes,
            activation="softmax",
            kernel_initializer=self.keras.initializers.GlorotUniform(seed=next(self.seeds)),
            dtype="float32",
            name="probabilities",
        )(x)

    def _dropout(self, x: Any, rate: float, name: str) -> Any:
        return self.layers.Dropout(rate, seed=next(self.seeds), name=name)(x) if rate else x

    def _regulariser(self) -> Any:
        hp = self.hp
        if hp.regulariser == "none":
            return None
        return self.keras.regularizers.L1L2(
            l1=hp.l1 if "l1" in hp.regulariser else 0.0, l2=hp.l2 if "l2" in hp.regulariser else 0.0
        )

    def _bounded(self, kernel: tuple[int, ...], name: str) -> None:
        if prod(kernel) > MAX_KERNEL:
            raise InvalidConfiguration(
                f"{name} alone would have {prod(kernel):,} weights ({_times(kernel)}), more than the "
                f"{MAX_KERNEL:,} that any layer may have: lower width, growth, kernel_size or dense_width, or "
                "choose a head other than flatten"
            )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)
