"""`OnnxGraph`: builds an ONNX graph node by node. Imports onnx, so only the conversion imports this module."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["OPSET", "OnnxGraph", "OnnxOps", "Value"]

OPSET = 18
"""Version of the operators: old enough for runtimes of 2023."""

_IR_VERSION = 9


@dataclass(frozen=True)
class Value:
    """A tensor of the graph.

    Attributes:
        name: its name in the graph.
        shape: shape without the batch, in Keras' order: channels last.
        first: whether the tensor lies in ONNX' order: channels right after the batch.
    """

    name: str
    shape: tuple[int, ...]
    first: bool = False


class OnnxGraph:
    """Nodes and constants of one graph. Its inputs and outputs are (batch, ...) of float32."""

    def __init__(self) -> None:
        self.scope = ""  # what the names of the nodes to come begin with
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._turned: dict[str, Value] = {}
        self._count = 0

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Returns the name of a constant. Equal constants are kept once."""
        array = np.array(np.asarray(value), dtype=dtype, order="C")
        digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()[:16]
        name = f"constant_{digest}"
        self._constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node with one output and returns the output's name."""
        return self.several(operator, 1, *inputs, **attributes)[0]

    def several(self, operator: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Adds a node with several outputs and returns their names."""
        self._count += 1
        name = f"{self.scope}{operator.lower()}_{self._count}"
        names = [name, *(f"{name}_{place}" for place in range(1, outputs))]
        self._nodes.append(helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return names

    def last(self, value: Value) -> Value:
        """Returns the value with its channels last."""
        return self._turn(value) if value.first else value

    def first(self, value: Value) -> Value:
        """Returns the value with its channels after the batch. A vector per clip stays as it is."""
        return value if value.first or len(value.shape) < 2 else self._turn(value)

    def _turn(self, value: Value) -> Value:
        if value.name not in self._turned:
            rank = len(value.shape)
            order = [0, *range(2, rank + 1), 1] if value.first else [0, rank, *range(1, rank)]
            turned = Value(self.node("Transpose", value.name, perm=order), value.shape, not value.first)
            self._turned[value.name] = turned
            self._turned[turned.name] = value
        return self._turned[value.name]

    def model(self, source: Value, answer: Value, facts: dict[str, str]) -> onnx.ModelProto:
        """Returns the checked model.

        Args:
            source: its input.
            answer: its output.
            facts: what to write into the model's metadata.
        """
        inputs, outputs = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *value.shape])]
            for name, value in ((source.name, source), ("probabilities", answer))
        )
        self._nodes.append(helper.make_node("Identity", [answer.name], ["probabilities"], name="probabilities"))
        graph = helper.make_graph(self._nodes, "serbench", inputs, outputs, list(self._constants.values()))
        model = helper.make_model(
            graph, producer_name="serbench", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION
        )
        helper.set_model_props(model, facts)
        onnx.checker.check_model(model, full_check=True)
        return model


class OnnxOps:
    """`serbench.features.GraphOps` that add nodes to a graph. Tensors are names."""

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph

    def _name(self, value: Any) -> str:
        return value if isinstance(value, str) else self.graph.constant(value)

    def _both(self, operator: str, a: Any, b: Any) -> str:
        return self.graph.node(operator, self._name(a), self._name(b))

    def _sizes(self, *values: int) -> str:
        return self.graph.constant(values, np.int64)

    def add(self, a: Any, b: Any) -> str:
        """See `GraphOps.add`."""
        return self._both("Add", a, b)

    def subtract(self, a: Any, b: Any) -> str:
        """See `GraphOps.subtract`."""
        return self._both("Sub", a, b)

    def multiply(self, a: Any, b: Any) -> str:
        """See `GraphOps.multiply`."""
        return self._both("Mul", a, b)

    def divide(self, a: Any, b: Any) -> str:
        """See `GraphOps.divide`."""
        return self._both("Div", a, b)

    def maximum(self, a: Any, b: Any) -> str:
        """See `GraphOps.maximum`."""
        return self._both("Max", a, b)

    def less(self, a: Any, limit: float) -> str:
        """See `GraphOps.less`."""
        return self.graph.node("Cast", self._both("Less", a, limit), to=TensorProto.FLOAT)

    def absolute(self, a: str) -> str:
        """See `GraphOps.absolute`."""
        return self.graph.node("Abs", a)

    def square_root(self, a: str) -> str:
        """See `GraphOps.square_root`."""
        return self.graph.node("Sqrt", a)

    def logarithm(self, a: str) -> str:
        """See `GraphOps.logarithm`."""
        return self.graph.node("Log", a)

    def exponential(self, a: str) -> str:
        """See `GraphOps.exponential`."""
        return self.graph.node("Exp", a)

    def matmul(self, a: str, matrix: Any) -> str:
        """See `GraphOps.matmul`."""
        return self._both("MatMul", a, matrix)

    def total(self, a: str) -> str:
        """See `GraphOps.total`."""
        return self.graph.node("ReduceSum", a, self._sizes(-1), keepdims=1)

    def largest(self, a: str, axes: Sequence[int]) -> str:
        """See `GraphOps.largest`."""
        return self.graph.node("ReduceMax", a, self._sizes(*axes), keepdims=1)

    def part(self, a: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """See `GraphOps.part`."""
        return self.graph.node("Slice", a, self._sizes(start), self._sizes(stop), self._sizes(axis), self._sizes(step))

    def joined(self, parts: Sequence[str], axis: int) -> str:
        """See `GraphOps.joined`."""
        return self.graph.node("Concat", *parts, axis=axis)

    def padded(self, a: str, before: int, after: int) -> str:
        """See `GraphOps.padded`."""
        return self.graph.node("Pad", a, self._sizes(0, before, 0, after))

    def reshaped(self, a: str, shape: Sequence[int]) -> str:
        """See `GraphOps.reshaped`."""
        return self.graph.node("Reshape", a, self._sizes(-1, *shape))

    def swapped(self, a: str) -> str:
        """See `GraphOps.swapped`."""
        return self.graph.node("Transpose", a, perm=[0, 2, 1])

    def taken(self, a: str, places: np.ndarray[Any, Any]) -> str:
        """See `GraphOps.taken`."""
        return self.graph.node("Gather", a, self.graph.constant(places, np.int32), axis=1)
