"""serbench's own Keras layers: backend-neutral, seeded, and registered by name for saved models.

Imports Keras, so only build functions and `custom_objects` import this module.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from serbench.families.warps import PACKAGE, Shape, Warp

__all__ = ["LAYERS", "PACKAGE", "AttentionPooling", "FrequencyMask", "SummaryStatistics", "TimeMask"]


class _SpanMask(keras.layers.Layer):
    """Sets one span along an axis to zero, the mean of normalised features. In training only, per clip.

    Each clip draws a width from 0 to the largest, both included, and then a start such that the whole span lies inside.
    From SpecAugment (Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680).
    """

    def __init__(self, max_width: int, axis: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if max_width < 0 or axis < 1:
            raise ValueError(f"max_width {max_width} must not be negative, axis {axis} not the batch")
        self.max_width = max_width
        self.axis = axis
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Masks one batch."""
        if not training:
            return inputs
        size = inputs.shape[self.axis]
        draws = keras.random.uniform((2, ops.shape(inputs)[0]), dtype="float32", seed=self.seed_generator)
        width = ops.floor(draws[0] * (min(self.max_width, size) + 1))
        start = ops.floor(draws[1] * (size - width + 1))
        place = ops.arange(size, dtype="float32")[None, :]
        hidden = (place >= start[:, None]) & (place < (start + width)[:, None])
        shape = [1] * len(inputs.shape)
        shape[0], shape[self.axis] = -1, size
        return inputs * ops.cast(ops.reshape(~hidden, shape), inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of `call`."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis, "seed": self.seed}


@keras.saving.register_keras_serializable(package=PACKAGE)
class FrequencyMask(_SpanMask):
    """Masks up to `max_bands` adjacent mel bands or features along `axis` in training."""

    def __init__(self, max_bands: int, axis: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(max_bands, axis, seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "max_bands": self.max_width}


@keras.saving.register_keras_serializable(package=PACKAGE)
class TimeMask(_SpanMask):
    """Masks up to `max_frames` adjacent frames along `axis` in training."""

    def __init__(self, max_frames: int, axis: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(max_frames, axis, seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "max_frames": self.max_width}


@keras.saving.register_keras_serializable(package=PACKAGE)
class SummaryStatistics(keras.layers.Layer):
    """Computes mean, standard deviation, minimum and maximum over time, in this order.

    `(batch, frames, features)` becomes `(batch, 4 * features)`.
    """

    def call(self, inputs: Any) -> Any:
        """Summarises one batch."""
        parts = [fn(inputs, axis=1) for fn in (ops.mean, ops.std, ops.min, ops.max)]
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of `call`."""
        features = input_shape[-1]
        return (input_shape[0], None if features is None else 4 * features)


@keras.saving.register_keras_serializable(package=PACKAGE)
class AttentionPooling(keras.layers.Layer):
    """Averages frames with learned weights: `(batch, frames, channels)` becomes `(batch, channels)`.

    One learned query scores each frame, and a softmax over time turns the scores into weights (the local attention of
    Mirsamadi et al., 2017, https://doi.org/10.1109/ICASSP.2017.7952552). The query starts at zero, which gives the
    plain average.
    """

    def build(self, input_shape: Shape) -> None:
        """Creates the query."""
        self.query = self.add_weight(name="query", shape=(input_shape[-1],), initializer="zeros")

    def weights_over_time(self, inputs: Any) -> Any:
        """Returns the weight of each frame, `(batch, frames)`, summing to one."""
        return ops.softmax(ops.sum(inputs * self.query, axis=-1), axis=-1)

    def call(self, inputs: Any) -> Any:
        """Pools one batch."""
        return ops.sum(inputs * self.weights_over_time(inputs)[:, :, None], axis=1)

    def multiply_accumulates(self, input_shape: tuple[int, ...]) -> int:
        """Returns the operations of one clip: every value is multiplied by the query and by its frame's weight."""
        frames, channels = input_shape
        return 2 * frames * channels

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of `call`."""
        return (input_shape[0], input_shape[-1])


LAYERS: tuple[type[keras.layers.Layer], ...] = (AttentionPooling, FrequencyMask, SummaryStatistics, TimeMask, Warp)
