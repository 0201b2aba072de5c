"""A Keras layer of this package's own. Imports Keras, so only functions import this module."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["ChannelGate"]


@keras.saving.register_keras_serializable(package="serbench_plugin_example")
class ChannelGate(keras.layers.Layer):
    """Weighs each channel of `(batch, frames, channels)` by a learned number between 0 and 1.

    Args:
        bias: what the gates begin with, before the sigmoid.
    """

    def __init__(self, bias: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bias = bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates one weight for each channel."""
        start = keras.initializers.Constant(self.bias)
        self.gate = self.add_weight(name="gate", shape=(input_shape[-1],), initializer=start)

    def call(self, inputs: Any) -> Any:
        """Transforms one batch."""
        return inputs * ops.sigmoid(self.gate)

    def multiply_accumulates(self, input_shape: tuple[int, ...]) -> int:
        """Returns those of one clip: each value is multiplied once."""
        frames, channels = input_shape
        return frames * channels

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape that `call` gives."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "bias": self.bias}
