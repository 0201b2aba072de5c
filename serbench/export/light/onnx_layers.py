"""What each Keras layer is in ONNX. `LAYERS` is the table; a layer that is not in it is refused.

Imports onnx, so only the conversion imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from serbench.errors import SerbenchError
from serbench.export.light.onnx_graph import OnnxGraph, Value

__all__ = ["LAYERS", "Handler", "kind_of", "refused"]

Handler = Callable[[OnnxGraph, Any, Sequence[Value]], Value]


def kind_of(layer: Any) -> str:
    """Returns the name under which Keras saves a layer's class, such as `Conv1D` or `serbench>Warp`."""
    import keras

    return str(keras.saving.get_registered_name(type(layer)))


def refused(layer: Any, reason: str) -> SerbenchError:
    """Returns the error of a layer that has no counterpart."""
    return SerbenchError(
        f"layer '{layer.name}' ({kind_of(layer).split('>')[-1]}) cannot be written as ONNX: {reason}; export the "
        "format keras only"
    )


def _same(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:  # noqa: ARG001
    """A layer that acts in training only."""
    return inputs[0]


def _normalization(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    if layer.invert:
        raise refused(layer, "it inverts a normalisation")
    x = graph.last(inputs[0])
    mean, variance = (np.asarray(part, dtype=np.float32) for part in (layer.mean, layer.variance))
    least = np.float32(1e-7)  # as in the layer
    centred = graph.node("Sub", x.name, graph.constant(mean))
    return Value(graph.node("Div", centred, graph.constant(np.maximum(np.sqrt(variance), least))), x.shape)


def _activated(graph: OnnxGraph, layer: Any, value: Value, function: Any, **options: float) -> Value:
    """Applies an activation function of Keras."""
    name = getattr(function, "__name__", type(function).__name__)
    x = value.name
    match name:
        case "linear":
            return value
        case "relu":
            x = graph.node("Relu", x)
        case "elu":
            x = graph.node("Elu", x, alpha=options.get("alpha", 1.0))
        case "leaky_relu":
            x = graph.node("LeakyRelu", x, alpha=options.get("alpha", 0.2))
        case "sigmoid" | "tanh":
            x = graph.node(name.capitalize(), x)
        case "silu" | "swish":
            x = graph.node("Mul", x, graph.node("Sigmoid", x))
        case "gelu":
            bent = graph.node("Erf", graph.node("Mul", x, graph.constant(np.sqrt(0.5))))
            x = graph.node("Mul", x, graph.constant(0.5))
            x = graph.node("Mul", x, graph.node("Add", bent, graph.constant(1.0)))
        case "softmax":
            value = graph.last(value)
            x = graph.node("Softmax", value.name, axis=-1)
        case _:
            raise refused(layer, f"its activation '{name}' is not known")
    return Value(x, value.shape, value.first)


def _activation(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    return _activated(graph, layer, inputs[0], layer.activation)


def _rectified(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    if layer.max_value is not None or layer.threshold or layer.negative_slope:
        raise refused(layer, "it is more than max(x, 0)")
    return Value(graph.node("Relu", inputs[0].name), inputs[0].shape, inputs[0].first)


def _extent(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, int, int]:
    """Returns the size of a convolution's or pool's output, and the padding before and after."""
    reach = (kernel - 1) * dilation + 1
    if padding == "valid":
        return (size - reach) // stride + 1, 0, 0
    if padding == "causal":
        return (size - 1) // stride + 1, reach - 1, 0
    out = -(-size // stride)
    lacking = max((out - 1) * stride + reach - size, 0)
    return out, lacking // 2, lacking - lacking // 2


def _window(layer: Any, x: Value, sides: Sequence[int], dilations: Sequence[int]) -> tuple[list[int], dict[str, Any]]:
    """Returns the output's side lengths and the attributes of a convolution or pool."""
    if layer.data_format != "channels_last":
        raise refused(layer, "its channels come first")
    strides = list(layer.strides)
    extents = [_extent(*one, layer.padding) for one in zip(x.shape[:-1], sides, strides, dilations, strict=True)]
    pads = [before for _, before, _ in extents] + [after for _, _, after in extents]
    return [size for size, _, _ in extents], {"kernel_shape": list(sides), "strides": strides, "pads": pads}


def _to_front(kernel: Any) -> np.ndarray[Any, Any]:
    """Turns a kernel (*sides, inputs, outputs) into ONNX' (outputs, inputs, *sides)."""
    array = np.asarray(kernel, dtype=np.float32)
    rank = array.ndim
    return array.transpose(rank - 1, rank - 2, *range(rank - 2))


def _by_channel(kernel: Any) -> np.ndarray[Any, Any]:
    """Turns a depthwise kernel (*sides, inputs, multiplier) into (inputs * multiplier, 1, *sides)."""
    array = np.asarray(kernel, dtype=np.float32)
    rank = array.ndim
    moved = array.transpose(rank - 2, rank - 1, *range(rank - 2))
    return moved.reshape(-1, 1, *array.shape[:-2])


def _finished(graph: OnnxGraph, layer: Any, inputs: list[str], sides: list[int], options: dict[str, Any]) -> Value:
    """Adds the last convolution of a layer, its bias and its activation."""
    filters = options.pop("filters")
    if layer.use_bias:
        inputs.append(graph.constant(layer.bias))
    value = Value(graph.node("Conv", *inputs, **options), (*sides, filters), first=True)
    return _activated(graph, layer, value, layer.activation)


def _convolution(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x, kernel = graph.first(inputs[0]), _to_front(layer.kernel)
    dilations = list(layer.dilation_rate)
    sides, options = _window(layer, x, kernel.shape[2:], dilations)
    options |= {"dilations": dilations, "group": layer.groups, "filters": kernel.shape[0]}
    return _finished(graph, layer, [x.name, graph.constant(kernel)], sides, options)


def _depthwise(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x, kernel = graph.first(inputs[0]), _by_channel(layer.kernel)
    dilations = list(layer.dilation_rate)
    sides, options = _window(layer, x, kernel.shape[2:], dilations)
    options |= {"dilations": dilations, "group": x.shape[-1], "filters": kernel.shape[0]}
    return _finished(graph, layer, [x.name, graph.constant(kernel)], sides, options)


def _separable(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x, kernel = graph.first(inputs[0]), _by_channel(layer.depthwise_kernel)
    dilations = list(layer.dilation_rate)
    sides, options = _window(layer, x, kernel.shape[2:], dilations)
    each = graph.node("Conv", x.name, graph.constant(kernel), dilations=dilations, group=x.shape[-1], **options)
    point = _to_front(layer.pointwise_kernel)
    return _finished(graph, layer, [each, graph.constant(point)], sides, {"filters": point.shape[0]})


def _batch_normalization(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x = inputs[0]
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    if axis not in (-1, len(x.shape)):
        raise refused(layer, f"it normalises along axis {axis}, which is not that of the channels")
    x = graph.first(x)
    channels = x.shape[-1]
    scale = np.ones(channels) if layer.gamma is None else layer.gamma
    offset = np.zeros(channels) if layer.beta is None else layer.beta
    parts = [graph.constant(part) for part in (scale, offset, layer.moving_mean, layer.moving_variance)]
    return Value(graph.node("BatchNormalization", x.name, *parts, epsilon=layer.epsilon), x.shape, x.first)


def _pool(operator: str) -> Handler:
    def pooled(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
        x, sides = graph.first(inputs[0]), list(layer.pool_size)
        out, options = _window(layer, x, sides, [1] * len(sides))
        return Value(graph.node(operator, x.name, **options), (*out, x.shape[-1]), first=True)

    return pooled


def _global_pool(operator: str) -> Handler:
    def pooled(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
        if layer.data_format != "channels_last":
            raise refused(layer, "its channels come first")
        x, keep = inputs[0], bool(layer.keepdims)
        start = 2 if x.first else 1
        axes = graph.constant(range(start, start + len(x.shape) - 1), np.int64)
        shape = (*(1,) * (len(x.shape) - 1), x.shape[-1]) if keep else x.shape[-1:]
        return Value(graph.node(operator, x.name, axes, keepdims=int(keep)), shape, x.first and keep)

    return pooled


def _reshape(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x = graph.last(inputs[0])
    shape = tuple(int(size) for size in layer.compute_output_shape((None, *x.shape))[1:])
    return Value(graph.node("Reshape", x.name, graph.constant((-1, *shape), np.int64)), shape)


def _permute(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x = graph.last(inputs[0])
    return Value(
        graph.node("Transpose", x.name, perm=[0, *layer.dims]), tuple(x.shape[place - 1] for place in layer.dims)
    )


def _dense(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x = graph.last(inputs[0])
    kernel = np.asarray(layer.kernel, dtype=np.float32)
    product = graph.node("MatMul", x.name, graph.constant(kernel))
    if layer.use_bias:
        product = graph.node("Add", product, graph.constant(layer.bias))
    return _activated(graph, layer, Value(product, (*x.shape[:-1], kernel.shape[-1])), layer.activation)


def _alike(graph: OnnxGraph, inputs: Sequence[Value]) -> list[Value]:
    """Brings values into one order of axes."""
    if any(value.first for value in inputs) and all(len(value.shape) > 1 for value in inputs):
        return [graph.first(value) for value in inputs]
    return [graph.last(value) for value in inputs]


def _merged(operator: str) -> Handler:
    def merged(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
        if len({len(value.shape) for value in inputs}) > 1:
            raise refused(layer, "its inputs have different numbers of axes")
        values = _alike(graph, inputs)
        name = values[0].name
        for value in values[1:]:
            name = graph.node(operator, name, value.name)
        shape = np.broadcast_shapes(*(value.shape for value in values))
        return Value(name, shape, values[0].first)

    return merged


def _average(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    total = _merged("Add")(graph, layer, inputs)
    return Value(graph.node("Div", total.name, graph.constant(len(inputs))), total.shape, total.first)


def _concatenated(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    rank = len(inputs[0].shape) + 1
    axis = layer.axis % rank
    values = _alike(graph, inputs) if axis == rank - 1 else [graph.last(value) for value in inputs]
    shape = list(values[0].shape)
    shape[axis - 1] = sum(value.shape[axis - 1] for value in values)
    place = 1 if values[0].first else axis
    return Value(graph.node("Concat", *(value.name for value in values), axis=place), tuple(shape), values[0].first)


def _gru_parts(layer: Any, gru: Any) -> list[np.ndarray[Any, Any]]:
    """Returns kernel, recurrent kernel and biases of one direction as ONNX has them."""
    plain = gru.return_sequences or gru.return_state or gru.stateful or not gru.reset_after
    if plain or gru.activation.__name__ != "tanh" or gru.recurrent_activation.__name__ != "sigmoid":
        raise refused(layer, "it is not a GRU with Keras' defaults that answers with its last state")
    cell = gru.cell
    bias = np.zeros(6 * gru.units) if cell.bias is None else np.asarray(cell.bias).reshape(-1)
    # The gates have the same order: update, reset, candidate.
    return [np.asarray(cell.kernel).T, np.asarray(cell.recurrent_kernel).T, bias]


def _recurrent(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    """A GRU, or one in either direction, over time."""
    directions = [layer]
    if kind_of(layer) == "Bidirectional":
        directions = [layer.forward_layer, layer.backward_layer]
        if layer.merge_mode != "concat" or any(kind_of(one) != "GRU" for one in directions):
            raise refused(layer, "it is not two GRU side by side")
    backwards = [bool(one.go_backwards) for one in directions]
    if backwards not in ([False], [False, True]):
        raise refused(layer, "its directions are not forwards, then backwards")
    parts = [np.stack(part) for part in zip(*(_gru_parts(layer, one) for one in directions), strict=True)]
    x, units = graph.last(inputs[0]), directions[0].units
    turned = graph.node("Transpose", x.name, perm=[1, 0, 2])
    _, state = graph.several(
        "GRU", 2, turned, *map(graph.constant, parts), hidden_size=units, linear_before_reset=1,
        direction="bidirectional" if len(directions) > 1 else "forward",
    )  # fmt: skip
    width = units * len(directions)
    clips = graph.node("Transpose", state, perm=[1, 0, 2])
    return Value(graph.node("Reshape", clips, graph.constant((-1, width), np.int64)), (width,))


LAYERS: dict[str, Handler] = {
    **dict.fromkeys(
        (
            "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise",
            "ActivityRegularization", "serbench>FrequencyMask", "serbench>TimeMask", "serbench>Warp",
        ),
        _same,
    ),
    "Normalization": _normalization,
    "Activation": _activation,
    "ReLU": _rectified,
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "BatchNormalization": _batch_normalization,
    "MaxPooling1D": _pool("MaxPool"),
    "MaxPooling2D": _pool("MaxPool"),
    "AveragePooling1D": _pool("AveragePool"),
    "AveragePooling2D": _pool("AveragePool"),
    "GlobalAveragePooling1D": _global_pool("ReduceMean"),
    "GlobalAveragePooling2D": _global_pool("ReduceMean"),
    "GlobalMaxPooling1D": _global_pool("ReduceMax"),
    "GlobalMaxPooling2D": _global_pool("ReduceMax"),
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Permute": _permute,
    "Dense": _dense,
    "Add": _merged("Add"),
    "Multiply": _merged("Mul"),
    "Average": _average,
    "Concatenate": _concatenated,
    "GRU": _recurrent,
    "Bidirectional": _recurrent,
}  # fmt: skip
"""Handlers by the name under which Keras saves the class. `onnx_own_layers` adds those of serbench's own layers."""
