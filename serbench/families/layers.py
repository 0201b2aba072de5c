"""serbench's own Keras layers: backend-neutral, seeded, and registered by name for saved models.

Imports Keras, so only build functions and `custom_objects` import this module.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from serbench.families.warps import PACKAGE, Shape, Warp

__all__ = [
    "LAYERS", "PACKAGE", "AttentionPooling", "DeviationPooling", "FrequencyMask", "Functionals", "Slopes",
    "StandardisedOverTime", "SummaryStatistics", "TimeMask",
]  # fmt: skip

_PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEAST_FRAMES = 3
_ABOVE_LEAST = 0.01
_FAR = 1e6
_LEAST_VARIANCE = 1e-3


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
class Functionals(keras.layers.Layer):
    """Computes nine statistics of each feature over the frames that hold sound.

    They are those of `serbench.features.functionals`, in its order: mean, deviation, five percentiles, the slope of a
    straight line and the mean absolute change from frame to frame. `(batch, frames, features)` becomes
    `(batch, 9 * features)`.

    A frame is silent where its energy is the clip's least: there lie the zeros that fill up a short clip, and all that
    `top_db` cut off. If fewer than three frames hold sound, all of them count. Changes are those between neighbours
    that both hold sound.

    Args:
        energy: column of the energy in dB; None if there is none. All frames count then.
    """

    def __init__(self, energy: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.energy = energy

    def call(self, inputs: Any) -> Any:
        """Summarises one batch."""
        sound = self._sound(inputs)[:, :, None]
        count = ops.sum(sound, axis=1, keepdims=True)
        mean = ops.sum(inputs * sound, axis=1, keepdims=True) / count
        centred = (inputs - mean) * sound
        deviation = ops.sqrt(ops.sum(ops.square(centred), axis=1) / count[:, 0])
        place = 2 * (ops.cumsum(sound, axis=1) - 1) / ops.maximum(count - 1, 1) - 1
        slope = ops.sum(place * centred, axis=1) / ops.sum(ops.square(place) * sound, axis=1)
        both = sound[:, 1:] * sound[:, :-1]
        change = ops.sum(ops.abs(inputs[:, 1:] - inputs[:, :-1]) * both, axis=1)
        change = change / ops.maximum(ops.sum(both, axis=1), 1)
        percentiles = self._percentiles(inputs, sound, count)
        return ops.concatenate([mean[:, 0], deviation, percentiles, slope, change], axis=-1)

    def _sound(self, inputs: Any) -> Any:
        """Returns 1 for each frame that counts and 0 for the others, `(batch, frames)`."""
        if self.energy is None:
            return ops.ones_like(inputs[:, :, 0])
        energy = inputs[:, :, self.energy]
        sound = ops.cast(energy > ops.min(energy, axis=1, keepdims=True) + _ABOVE_LEAST, inputs.dtype)
        enough = ops.sum(sound, axis=1, keepdims=True) >= _LEAST_FRAMES
        return ops.where(enough, sound, ops.ones_like(sound))

    @staticmethod
    def _in_order(frames: Any) -> Any:
        """Returns each feature's values in order of size, `(batch, frames, features)`."""
        return ops.sort(frames, axis=1)

    def _percentiles(self, inputs: Any, sound: Any, count: Any) -> Any:
        """Returns `(batch, 5 * features)`: frames in order of size, interpolated by weights that sum to one."""
        ordered = self._in_order(ops.where(sound > 0, inputs, _FAR))
        ordered = ops.where(ordered < _FAR, ordered, 0.0)
        shares = ops.reshape(ops.convert_to_tensor(_PERCENTILES, dtype=inputs.dtype), (1, -1, 1))
        place = ops.reshape(ops.arange(inputs.shape[1], dtype=inputs.dtype), (1, 1, -1))
        weights = ops.maximum(1 - ops.abs(shares * (count - 1) - place), 0)
        return ops.reshape(ops.matmul(weights, ordered), (-1, len(_PERCENTILES) * inputs.shape[-1]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of `call`."""
        features = input_shape[-1]
        return (input_shape[0], None if features is None else (4 + len(_PERCENTILES)) * features)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "energy": self.energy}


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


@keras.saving.register_keras_serializable(package=PACKAGE)
class DeviationPooling(keras.layers.Layer):
    """Computes the standard deviation over time: `(batch, frames, channels)` becomes `(batch, channels)`.

    Half of the statistics pooling of D. Snyder et al., 2017, https://doi.org/10.21437/Interspeech.2017-620. A small
    constant keeps the gradient finite where nothing varies.
    """

    def call(self, inputs: Any) -> Any:
        """Pools one batch."""
        return ops.sqrt(ops.var(inputs, axis=1) + keras.config.epsilon())

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of `call`."""
        return (input_shape[0], input_shape[-1])


class _OverTime(keras.layers.Layer):
    """Computes a value of the same place for each value, from what lies before and after it on one axis."""

    def __init__(self, axis: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of `call`."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Slopes(_OverTime):
    """Computes the slope of a straight line through five neighbours. Beyond its ends, a clip goes on as it ends."""

    def call(self, inputs: Any) -> Any:
        """Computes the slopes of one batch."""
        size = inputs.shape[self.axis]
        place = ops.arange(size)

        def moved(by: int) -> Any:
            return ops.take(inputs, ops.clip(place + by, 0, size - 1), axis=self.axis)

        return (2 * (moved(2) - moved(-2)) + moved(1) - moved(-1)) / 10


@keras.saving.register_keras_serializable(package=PACKAGE)
class StandardisedOverTime(_OverTime):
    """Subtracts the mean of each clip along the axis, and divides by its standard deviation there."""

    def call(self, inputs: Any) -> Any:
        """Standardises one batch."""
        mean = ops.mean(inputs, axis=self.axis, keepdims=True)
        variance = ops.var(inputs, axis=self.axis, keepdims=True)
        return (inputs - mean) / ops.sqrt(variance + _LEAST_VARIANCE)


LAYERS: tuple[type[keras.layers.Layer], ...] = (
    AttentionPooling,
    DeviationPooling,
    FrequencyMask,
    Functionals,
    Slopes,
    StandardisedOverTime,
    SummaryStatistics,
    TimeMask,
    Warp,
)
