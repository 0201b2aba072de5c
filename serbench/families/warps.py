"""A layer that moves and stretches clips along time or frequency, in training only."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["Warp"]

PACKAGE = "serbench"
Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package=PACKAGE)
class Warp(keras.layers.Layer):
    """Resamples each clip along one axis: stretched about its middle, then shifted, linearly interpolated.

    Along time this is another pace and another start; along the bands of a mel spectrogram it stands for another
    length of the vocal tract (N. Jaitly and G. Hinton, ICML workshop 2013). What comes in from outside is 0, the
    mean of normalised features, or with `hold` the value at the edge.

    Args:
        max_stretch: factors are drawn evenly from 1 - `max_stretch` to 1 + `max_stretch`.
        max_shift: shifts are drawn evenly from minus to plus so many steps of the axis.
        axis: of the batch that is warped, 1 or 2.
        hold: whether edges are held rather than filled with 0.
        seed: of the draws.
    """

    def __init__(
        self,
        max_stretch: float = 0.0,
        max_shift: float = 0.0,
        axis: int = 1,
        hold: bool = False,
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
        self.hold = hold
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Transforms one batch of rank 3."""
        if not training:
            return inputs
        size = inputs.shape[self.axis]
        draws = keras.random.uniform((2, ops.shape(inputs)[0], 1), -1, 1, dtype="float32", seed=self.seed_generator)
        middle = (size - 1) / 2
        place = ops.arange(size, dtype="float32")[None, :] - middle - self.max_shift * draws[1]
        source = place / (1 + self.max_stretch * draws[0]) + middle
        inside = ops.cast((source >= 0) & (source <= size - 1), inputs.dtype)
        source = ops.clip(source, 0, size - 1)
        low = ops.floor(source)
        share = self._along(ops.cast(source - low, inputs.dtype))
        first = ops.cast(low, "int32")
        warped = (1 - share) * self._taken(inputs, first)
        warped = warped + share * self._taken(inputs, ops.minimum(first + 1, size - 1))
        return warped if self.hold else warped * self._along(inside)

    def _along(self, steps: Any) -> Any:
        """(batch, size) as factors of the axis."""
        return steps[:, :, None] if self.axis == 1 else steps[:, None, :]

    def _taken(self, inputs: Any, steps: Any) -> Any:
        """The values at each clip's own steps of the axis."""
        return ops.take_along_axis(inputs, ops.broadcast_to(self._along(steps), ops.shape(inputs)), axis=self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape that `call` gives."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(), "max_stretch": self.max_stretch, "max_shift": self.max_shift, "axis": self.axis,
            "hold": self.hold, "seed": self.seed,
        }  # fmt: skip
