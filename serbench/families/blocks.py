"""Building blocks of both convolutional families: seeded convolution blocks, pooling over time, the classifier.

Keras is imported when a `Blocks` is made, so that this module stays light.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from serbench.families.base import InvalidConfiguration
from serbench.families.hyperparameters import ConvHyperparameters
from serbench.families.training_layers import batch_normalization

__all__ = ["MAX_KERNEL", "Blocks", "filter_counts", "idle_in_blocks"]

# The parameter budget is checked on the finished model. This limit only prevents that a single absurd kernel
# (64 MiB of float32) is allocated before that.
MAX_KERNEL = 2**24

_MOST_UNITS = 128

_MONOTONE = frozenset({"relu", "leaky_relu"})
"""Activations that never fall: the largest of activated values is the activation of the largest value.

So does `elu`, but after pooling it would hide values that are not finite: pooling makes the least number of NaN, and
`elu` makes -1 of that.
"""


def filter_counts(hp: ConvHyperparameters) -> list[int]:
    """Returns the filters of each block: `width * growth ** i`, rounded to a multiple of 8.

    >>> filter_counts(ConvHyperparameters(width=32, growth=1.7, depth=4))
    [32, 56, 96, 160]
    """
    return [max(8, 8 * round(hp.width * hp.growth**i / 8)) for i in range(hp.depth)]


def idle_in_blocks(hp: ConvHyperparameters) -> frozenset[str]:
    """Returns the fields that no block uses: the growth of a single one, and the pooling of single values.

    >>> sorted(idle_in_blocks(ConvHyperparameters(depth=1, pool_size=1)))
    ['growth', 'pooling']
    """
    idle = {"growth": hp.depth == 1, "pooling": hp.pool_size == 1}
    return frozenset(name for name, unused in idle.items() if unused)


class Blocks:
    """Adds layers to symbolic tensors according to one set of hyperparameters, drawing seeds in order."""

    def __init__(self, hp: ConvHyperparameters, seeds: Iterator[int]) -> None:
        import keras

        self.hp = hp
        self.seeds = seeds
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
        block: str | None = None,
        place: int = 0,
    ) -> Any:
        """Adds convolution, batch norm, activation, pooling and dropout, and the extra layers of the block's kind.

        The number of space axes is that of `kernel`: 1 or 2.

        Args:
            x: `(batch, *space, channels)`, with as many space axes as `kernel` has.
            filters: number of output channels.
            kernel: side lengths; edges are padded with zeros.
            pool: pooling factor of each axis; a remainder smaller than a whole pool is dropped.
            name: prefix of the layers' names.
            strides: strides of the convolution, 1 by default.
            block: kind of block; None for the one in the hyperparameters.
            place: number of the block among those of its kind, from 0; dilation doubles with it.

        Raises:
            InvalidConfiguration: pooling would leave nothing, or the kernel exceeds `MAX_KERNEL`.
        """
        hp = self.hp
        kind = block or hp.block
        x = self._normed(self._convolved(x, filters, kernel, strides, name, kind, 2**place), name)
        last = name
        if kind == "residual":
            x = self._activated(x, name)
            second = self._convolved(x, filters, kernel, None, f"{name}_second", kind, 1)
            second = self._normed(second, f"{name}_second")
            x = self.layers.Add(name=f"{name}_sum")([x, second])
            last = f"{name}_sum"
        if hp.pooling == "max" and hp.activation in _MONOTONE and not hp.squeeze:
            # The same as activation, then pooling, on a fraction of the values.
            x = self._activated(self._pool(x, pool, name), last)
        else:
            x = self._activated(x, last)
            if hp.squeeze:
                x = self._excited(x, name)
            x = self._pool(x, pool, name)
        return self._dropout(x, hp.dropout, f"{name}_dropout")

    def side_by_side(
        self,
        x: Any,
        filters: int,
        kernels: tuple[tuple[int, ...], ...],
        pool: tuple[int, ...],
        *,
        name: str,
        strides: tuple[int, ...],
    ) -> Any:
        """Adds plain blocks of several kernels that read the same, and joins their channels.

        Args:
            x: as in `convolution`.
            filters: number of output channels of all together; each kernel gets an equal share, rounded up.
            kernels: side lengths of each.
            pool: pooling factor of each axis.
            name: prefix of the layers' names.
            strides: strides of all convolutions.

        Raises:
            InvalidConfiguration: as in `convolution`.
        """
        share = -(-filters // len(kernels))
        paths = [
            self.convolution(x, share, kernel, pool, name=f"{name}{i}", strides=strides, block="plain")
            for i, kernel in enumerate(kernels, start=1)
        ]
        return self.layers.Concatenate(name=f"{name}_paths")(paths)

    def _convolved(
        self,
        x: Any,
        filters: int,
        kernel: tuple[int, ...],
        strides: tuple[int, ...] | None,
        name: str,
        kind: str,
        dilation: int,
    ) -> Any:
        rank = len(kernel)
        options = {
            "strides": strides or (1,) * rank,
            "padding": "same",
            "use_bias": not self.hp.batch_norm,
            "name": f"{name}_conv",
        }
        start = self.keras.initializers.HeNormal
        if kind == "separable":
            self._bounded((x.shape[-1], filters), name)
            layer = self.layers.SeparableConv1D if rank == 1 else self.layers.SeparableConv2D
            return layer(
                filters,
                kernel,
                depthwise_initializer=start(seed=next(self.seeds)),
                pointwise_initializer=start(seed=next(self.seeds)),
                depthwise_regularizer=self._regulariser(),
                pointwise_regularizer=self._regulariser(),
                **options,
            )(x)
        self._bounded((*kernel, x.shape[-1], filters), name)
        layer = self.layers.Conv1D if rank == 1 else self.layers.Conv2D
        return layer(
            filters,
            kernel,
            kernel_initializer=start(seed=next(self.seeds)),
            kernel_regularizer=self._regulariser(),
            dilation_rate=dilation if kind == "dilated" else 1,
            **options,
        )(x)

    def _normed(self, x: Any, name: str) -> Any:
        if not self.hp.batch_norm:
            return x
        # Short epochs of small corpora need faster moving averages than Keras' default of 0.99.
        return batch_normalization(momentum=0.9, name=f"{name}_norm")(x)

    def _activated(self, x: Any, name: str) -> Any:
        return self.layers.Activation(self.hp.activation, name=f"{name}_{self.hp.activation}")(x)

    def _excited(self, x: Any, name: str) -> Any:
        """Squeeze and excitation (J. Hu, L. Shen and G. Sun, CVPR 2018)."""
        channels = x.shape[-1]
        average = self.layers.GlobalAveragePooling1D if len(x.shape) == 3 else self.layers.GlobalAveragePooling2D
        weights = average(keepdims=True, name=f"{name}_squeeze")(x)
        for part, units, activation in (
            ("reduce", max(4, channels // self.hp.squeeze), "relu"),
            ("excite", channels, "sigmoid"),
        ):
            weights = self.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=self.keras.initializers.GlorotUniform(seed=next(self.seeds)),
                name=f"{name}_{part}",
            )(weights)
        return self.layers.Multiply(name=f"{name}_weighed")([x, weights])

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
        """Turns `(batch, frames, channels)` into one vector per clip, by the `head` of the hyperparameters."""
        match self.hp.head:
            case "flatten":
                return self.layers.Flatten(name="flatten")(x)
            case "attention":
                from serbench.families.layers import AttentionPooling

                return AttentionPooling(dtype="float32", name="attention")(x)
            case "recurrent":
                return self._recurrent(x)
            case head:
                average = self.layers.GlobalAveragePooling1D(dtype="float32", name="average")(x)
                if head == "average":
                    return average
                maximum = self.layers.GlobalMaxPooling1D(dtype="float32", name="maximum")(x)
                parts = [average, maximum]
                if head == "average_deviation_max":
                    from serbench.families.layers import DeviationPooling

                    parts.insert(1, DeviationPooling(dtype="float32", name="deviation")(x))
                return self.layers.Concatenate(dtype="float32", name=head)(parts)

    def _recurrent(self, x: Any) -> Any:
        """A gated recurrent layer in either direction, each of half as many units as the frames have channels."""
        units = max(8, min(x.shape[-1] // 2, _MOST_UNITS))
        layer = self.layers.GRU(
            units,
            kernel_initializer=self.keras.initializers.GlorotUniform(seed=next(self.seeds)),
            recurrent_initializer=self.keras.initializers.Orthogonal(seed=next(self.seeds)),
            dtype="float32",
            name="gru",
        )
        return self.layers.Bidirectional(layer, dtype="float32", name="recurrent")(x)

    def standardised(self, x: Any, name: str) -> Any:
        """Adds a normalisation of each value over the clips of a batch, with no weight to learn."""
        layer = self.layers.BatchNormalization
        return layer(momentum=0.9, center=False, scale=False, dtype="float32", name=f"{name}_norm")(x)

    def joined(self, vectors: list[Any]) -> Any:
        """Returns several vectors per clip as one."""
        if len(vectors) == 1:
            return vectors[0]
        return self.layers.Concatenate(dtype="float32", name="clip_vector")(vectors)

    def classify(self, x: Any, n_classes: int) -> Any:
        """Adds dropout, the hidden dense layer and the softmax named `probabilities` to a clip vector.

        Raises:
            InvalidConfiguration: the dense kernel exceeds `MAX_KERNEL`.
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
