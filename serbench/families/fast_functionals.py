"""Functionals whose frames NumPy sorts, for training.

TensorFlow sorts on a CPU by keeping the largest values and their places, which took most of a step of a network on
functionals. NumPy sorts the same values faster.

Imports TensorFlow, so only `training_layers.functionals` imports this module, on that backend.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from serbench.families.layers import Functionals

__all__ = ["FastFunctionals"]


class FastFunctionals(Functionals):
    """`Functionals` with the same results. Nothing is learnt before it, so it passes no gradient back to the frames."""

    only_for_training = True

    @staticmethod
    def _in_order(frames: Any) -> Any:
        ordered = tf.numpy_function(_sorted, [frames], frames.dtype, stateful=False)
        ordered.set_shape(frames.shape)
        return ordered


def _sorted(frames: np.ndarray) -> np.ndarray:
    return np.sort(frames, axis=1)
