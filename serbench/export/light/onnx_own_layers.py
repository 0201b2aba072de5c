"""serbench's own Keras layers in ONNX, beside the definitions in `serbench.families.layers`.

A new layer there needs a function here and a line in `OWN_LAYERS`. Imports onnx.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serbench.export.light.onnx_graph import OnnxGraph, OnnxOps, Value
from serbench.export.light.onnx_layers import Handler

__all__ = ["OWN_LAYERS"]

_PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEAST_FRAMES = 3
_ABOVE_LEAST = 0.01
_FAR = 1e6
_LEAST_VARIANCE = 1e-3


def _over_time(graph: OnnxGraph, operator: str, name: str, *, keep: bool = False) -> str:
    return graph.node(operator, name, graph.constant([1], np.int64), keepdims=int(keep))


def _variance(graph: OnnxGraph, name: str) -> str:
    centred = graph.node("Sub", name, _over_time(graph, "ReduceMean", name, keep=True))
    return _over_time(graph, "ReduceMean", graph.node("Mul", centred, centred))


def _summary_statistics(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:  # noqa: ARG001
    x = graph.last(inputs[0])
    mean, least, largest = (_over_time(graph, name, x.name) for name in ("ReduceMean", "ReduceMin", "ReduceMax"))
    deviation = graph.node("Sqrt", _variance(graph, x.name))
    return Value(graph.node("Concat", mean, deviation, least, largest, axis=-1), (4 * x.shape[-1],))


def _attention_pooling(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x = graph.last(inputs[0])
    query = np.asarray(layer.query, dtype=np.float32)[:, None]
    weights = graph.node("Softmax", graph.node("MatMul", x.name, graph.constant(query)), axis=1)
    return Value(_over_time(graph, "ReduceSum", graph.node("Mul", x.name, weights)), x.shape[-1:])


def _deviation_pooling(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:  # noqa: ARG001
    import keras

    x = graph.last(inputs[0])
    varied = graph.node("Add", _variance(graph, x.name), graph.constant(keras.config.epsilon()))
    return Value(graph.node("Sqrt", varied), x.shape[-1:])


def _sound(graph: OnnxGraph, ops: OnnxOps, x: Value, energy: int | None) -> str:
    """1 for each frame that counts and 0 for the others, (batch, frames, 1)."""
    if energy is None:
        first = ops.part(x.name, 2, 0, 1)
        return ops.add(ops.multiply(first, 0.0), 1.0)
    levels = ops.part(x.name, 2, energy, energy + 1)
    least = _over_time(graph, "ReduceMin", levels, keep=True)
    silent = ops.less(ops.subtract(ops.add(least, _ABOVE_LEAST), levels), 0.0)
    few = ops.less(_over_time(graph, "ReduceSum", silent, keep=True), _LEAST_FRAMES - 0.5)
    return ops.maximum(silent, few)


def _functionals(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    """The nine statistics of `Functionals`, step by step as there."""
    ops, x = OnnxOps(graph), graph.last(inputs[0])
    frames, features = x.shape
    sound = _sound(graph, ops, x, layer.energy)
    count = _over_time(graph, "ReduceSum", sound, keep=True)
    squeezed = graph.node("Squeeze", count, graph.constant([1], np.int64))
    mean = ops.divide(_over_time(graph, "ReduceSum", ops.multiply(x.name, sound)), squeezed)
    centred = ops.multiply(ops.subtract(x.name, graph.node("Unsqueeze", mean, graph.constant([1], np.int64))), sound)
    squares = _over_time(graph, "ReduceSum", ops.multiply(centred, centred))
    deviation = ops.square_root(ops.divide(squares, squeezed))
    passed = graph.node("CumSum", sound, graph.constant(1, np.int64))
    share = ops.divide(ops.subtract(passed, 1.0), ops.maximum(ops.subtract(count, 1.0), 1.0))
    place = ops.subtract(ops.multiply(share, 2.0), 1.0)
    slope = ops.divide(
        _over_time(graph, "ReduceSum", ops.multiply(place, centred)),
        _over_time(graph, "ReduceSum", ops.multiply(ops.multiply(place, place), sound)),
    )
    later, earlier = (1, 1, frames), (1, 0, frames - 1)
    both = ops.multiply(ops.part(sound, *later), ops.part(sound, *earlier))
    steps = ops.absolute(ops.subtract(ops.part(x.name, *later), ops.part(x.name, *earlier)))
    steps = ops.multiply(steps, both)
    pairs = ops.maximum(_over_time(graph, "ReduceSum", both), 1.0)
    change = ops.divide(_over_time(graph, "ReduceSum", steps), pairs)
    parts = [mean, deviation, _percentiles(graph, ops, x, sound, count), slope, change]
    return Value(ops.joined(parts, axis=-1), (9 * features,))


def _percentiles(graph: OnnxGraph, ops: OnnxOps, x: Value, sound: str, count: str) -> str:
    frames, features = x.shape
    silent = ops.less(sound, 0.5)
    # Silent frames go to the end of the order, where no weight lies.
    moved = ops.add(ops.multiply(x.name, sound), ops.multiply(silent, _FAR))
    ordered = graph.several("TopK", 2, moved, graph.constant([frames], np.int64), axis=1, largest=0, sorted=1)[0]
    ordered = ops.multiply(ordered, ops.less(ordered, _FAR))
    shares = np.array(_PERCENTILES, dtype=np.float32).reshape(1, -1, 1)
    places = np.arange(frames, dtype=np.float32).reshape(1, 1, -1)
    away = ops.absolute(ops.subtract(ops.multiply(ops.subtract(count, 1.0), shares), places))
    weights = ops.maximum(ops.subtract(1.0, away), 0.0)
    return ops.reshaped(graph.node("MatMul", weights, ordered), (len(_PERCENTILES) * features,))


def _slopes(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    ops, x, axis = OnnxOps(graph), graph.last(inputs[0]), layer.axis
    size = x.shape[axis - 1]

    def moved(by: int) -> str:
        places = np.clip(np.arange(size) + by, 0, size - 1)
        return graph.node("Gather", x.name, graph.constant(places, np.int64), axis=axis)

    far, near = ops.subtract(moved(2), moved(-2)), ops.subtract(moved(1), moved(-1))
    return Value(ops.divide(ops.add(ops.multiply(far, 2.0), near), 10.0), x.shape)


def _standardised(graph: OnnxGraph, layer: Any, inputs: Sequence[Value]) -> Value:
    x = graph.last(inputs[0])
    axes = graph.constant([layer.axis], np.int64)
    centred = graph.node("Sub", x.name, graph.node("ReduceMean", x.name, axes, keepdims=1))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes, keepdims=1)
    deviation = graph.node("Sqrt", graph.node("Add", variance, graph.constant(_LEAST_VARIANCE)))
    return Value(graph.node("Div", centred, deviation), x.shape)


OWN_LAYERS: dict[str, Handler] = {
    "serbench>AttentionPooling": _attention_pooling,
    "serbench>DeviationPooling": _deviation_pooling,
    "serbench>Functionals": _functionals,
    "serbench>Slopes": _slopes,
    "serbench>StandardisedOverTime": _standardised,
    "serbench>SummaryStatistics": _summary_statistics,
}
