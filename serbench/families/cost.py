"""What a model costs, before any of it is spent: parameters, and multiplications for one clip."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

__all__ = ["multiply_accumulates", "parameter_count"]


def parameter_count(model: keras.Model) -> int:
    """Returns the number of values in all weights, those of batch norm's moving averages included."""
    return int(model.count_params())


def multiply_accumulates(model: keras.Model) -> int:
    """Returns the multiply-accumulate operations of one clip's forward pass, convolutions and dense layers only.

    A convolution applies its whole kernel at each output position, padding included; biases, pooling and
    normalisation are left out, as usual in such counts.
    """
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D | keras.layers.Conv2D | keras.layers.Dense):
            kernels = [layer.kernel]
        elif isinstance(layer, keras.layers.SeparableConv1D | keras.layers.SeparableConv2D):
            kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
        else:
            continue
        total += prod(layer.output.shape[1:-1]) * sum(prod(kernel.shape) for kernel in kernels)
    return total
