"""A layer that shifts and stretches clips along time or frequency, in training only."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["PACKAGE", "Shape", "Warp"]

PACKAGE = "serbench"
"""Package name under which saved models store serbench's own layers."""

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package=PACKAGE)
class Warp(keras.layers.Layer):
    """Resamples each clip along one axis: stretches it about an anchor, then shifts it, with linear interpolation.

    Along time this changes tempo and start. Along the bands of a mel spectrogram, anchored at 0 Hz, it moves all
    formants up or down, as another vocal tract length does. N. Jaitly and G. Hinton (ICML workshop 2013) scale
    frequencies; this layer scales positions on the mel axis, which is the same up to 1 kHz and less above. Values
    beyond an edge repeat the edge.

    Training data must contain what the model meets later. So shifts are whole steps, which need no interpolation, and
    half of the clips are not stretched. Measured on CREMA-D: a network trained only on blurred (interpolated) clips
    lost 9 points on sharp ones.

    Args:
        max_stretch: factors are drawn uniformly from 1 - `max_stretch` to 1 + `max_stretch`.
        max_shift: shifts are drawn uniformly from -`max_shift` to `max_shift` steps of the axis, then rounded.
        axis: axis of the batch to warp, 1 or 2.
        anchor: the step that a stretch leaves in place; None for the middle.
        seed: seed of the draws.
    """

    def __init__(
        self,
        max_stretch: float = 0.0,
        max_shift: float = 0.0,
        axis: int = 1,
        anchor: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= max_stretch < 1 or max_shift < 0 or axis not in {1, 2}:
            raise ValueError(
                f"max_stretch {max_stretch} must lie in [0, 1), max_shift {max_shift} not be negative, axis be 1 or 2"
            )
        self.max_stretch = max_stretch
        self.max_shift = max_shift
        self.axis = axis
        self.anchor = anchor
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Warps one batch of rank 3."""
        if not training:
            return inputs
        size = inputs.shape[self.axis]
        draws = keras.random.uniform((3, ops.shape(inputs)[0], 1), -1, 1, dtype="float32", seed=self.seed_generator)
        anchor = (size - 1) / 2 if self.anchor is None else self.anchor
        factor = 1 + self.max_stretch * draws[0] * ops.cast(draws[2] < 0, "float32")
        place = ops.arange(size, dtype="float32")[None, :] - anchor - ops.round(self.max_shift * draws[1])
        source = ops.clip(place / factor + anchor, 0, size - 1)
        low = ops.floor(source)
        first = ops.cast(low, "int32")
        if not self.max_stretch:
            return self._taken(inputs, first)
        share = self._along(ops.cast(source - low, inputs.dtype))
        second = ops.minimum(first + 1, size - 1)
        return (1 - share) * self._taken(inputs, first) + share * self._taken(inputs, second)

    def _along(self, steps: Any) -> Any:
        """Reshapes (batch, size) to broadcast along the axis."""
        return steps[:, :, None] if self.axis == 1 else steps[:, None, :]

    def _taken(self, inputs: Any, steps: Any) -> Any:
        """Returns the values at each clip's own steps of the axis.

        They are taken as whole rows of one table with the steps of all clips, several times as fast as value by value.
        """
        table = inputs if self.axis == 1 else ops.swapaxes(inputs, 1, 2)
        size, width = table.shape[1:]
        rows = steps + size * ops.arange(ops.shape(steps)[0], dtype="int32")[:, None]
        taken = ops.take(ops.reshape(table, (-1, width)), ops.reshape(rows, (-1,)), axis=0)
        taken = ops.reshape(taken, (-1, size, width))
        return taken if self.axis == 1 else ops.swapaxes(taken, 1, 2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape of `call`."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(), "max_stretch": self.max_stretch, "max_shift": self.max_shift, "axis": self.axis,
            "anchor": self.anchor, "seed": self.seed,
        }  # fmt: skip
