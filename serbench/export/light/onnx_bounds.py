"""Looks through an ONNX file from a stranger before a runtime gets it. Imports onnx."""

from __future__ import annotations

from math import prod
from typing import Final

import onnx
from onnx import TensorProto

__all__ = ["MOST_CLIPS", "check_onnx"]

MOST_CLIPS: Final = 64
"""Most clips that a runtime may get at once: the sizes of tensors are checked for as many."""

_OPERATORS: Final = frozenset(
    {
        "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Concat", "Conv", "CumSum", "DequantizeLinear",
        "Div", "Elu", "Erf", "Exp", "GRU", "Gather", "Identity", "LeakyRelu", "Less", "Log", "MatMul", "Max", "MaxPool",
        "Mul", "Pad", "QuantizeLinear", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape",
        "Sigmoid", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub", "Tanh", "TopK", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
"""All that serbench writes. None of them runs a subgraph or names a file."""

_MOST_VALUES: Final = 1 << 26
_MOST_NODES: Final = 20_000


def check_onnx(data: bytes, n_samples: int, classes: int) -> None:
    """Checks that a file is a graph as serbench writes it, from waveforms to probabilities.

    Args:
        data: the file. Data in other files are not read.
        n_samples: samples of a waveform.
        classes: number of classes.

    Raises:
        ValueError: it is not; the message says where.
    """
    model = onnx.load_model_from_string(data)
    graph = model.graph
    if model.functions or model.training_info or len(graph.node) > _MOST_NODES:
        raise ValueError("it has functions or too many nodes, which serbench does not write")
    if graph.sparse_initializer or any(domain.domain not in ("", "ai.onnx") for domain in model.opset_import):
        raise ValueError("it needs operators of others or sparse data, which serbench does not write")
    for node in graph.node:
        if node.op_type not in _OPERATORS or node.domain not in ("", "ai.onnx"):
            raise ValueError(f"it has the operator '{node.op_type[:60]}', which serbench does not write")
        if any(one.type not in _PLAIN for one in node.attribute):
            raise ValueError(f"an operator '{node.op_type}' has more than numbers for its settings")
    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError("it reads data from another file")
    _check_ends(graph, n_samples, classes)
    for clips in (1, MOST_CLIPS):
        _check_sizes(model, clips, classes)


_PLAIN: Final = (
    onnx.AttributeProto.INT,
    onnx.AttributeProto.INTS,
    onnx.AttributeProto.FLOAT,
    onnx.AttributeProto.FLOATS,
    onnx.AttributeProto.STRING,
)


def _check_ends(graph: onnx.GraphProto, n_samples: int, classes: int) -> None:
    for name, ends, size in (("waveform", graph.input, n_samples), ("probabilities", graph.output, classes)):
        if [one.name for one in ends] != [name] or _sides(ends[0]) != [None, size]:
            raise ValueError(f"its {name} are not of shape (batch, {size})")


def _check_sizes(model: onnx.ModelProto, clips: int, classes: int) -> None:
    """Infers the shape of every tensor for a number of clips; none may be unknown or huge.

    What the file says of shapes counts for nothing: a runtime computes them from the input alone.
    """
    graph = model.graph
    del graph.value_info[:]
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = clips
    graph.output[0].type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    known = {one.name: _sides(one) for one in (*inferred.value_info, *inferred.output)}
    for node in inferred.node:
        for name in filter(None, node.output):
            if not _bounded(known.get(name), clips):
                raise ValueError(f"the tensor '{name[:60]}' has no known size, or one that is too large")
    if known["probabilities"] != [clips, classes]:
        raise ValueError("it does not answer each clip for itself")


def _bounded(sides: list[int | None] | None, clips: int) -> bool:
    if sides is None:
        return False
    known = [size for size in sides if size is not None and size > 0]
    return len(known) == len(sides) and prod(known) <= _MOST_VALUES * clips


def _sides(value: onnx.ValueInfoProto) -> list[int | None] | None:
    """The shape of a tensor; None if nothing is known of it. A side is None where it has no value."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return [side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim]
