"""Looks through a LiteRT file from a stranger before the runtime gets it. Imports ai-edge-litert."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

__all__ = ["check_litert"]

_OPERATORS: Final = frozenset(
    {
        "ABS", "ADD", "AVERAGE_POOL_2D", "BATCH_MATMUL", "BROADCAST_TO", "CAST", "CONCATENATION", "CONV_2D", "CUMSUM",
        "DEPTHWISE_CONV_2D", "DEQUANTIZE", "DIV", "ELU", "EXP", "EXPAND_DIMS", "FULLY_CONNECTED", "GATHER", "GELU",
        "GREATER", "GREATER_EQUAL", "LEAKY_RELU", "LESS", "LOG", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN",
        "MINIMUM", "MUL", "NEG", "PACK", "PAD", "PADV2", "POW", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU",
        "RESHAPE", "REVERSE_V2", "RSQRT", "SELECT", "SELECT_V2", "SHAPE", "SLICE", "SOFTMAX", "SPLIT", "SQRT",
        "SQUARE", "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TOPK_V2",
        "TRANSPOSE", "UNPACK",
    }
)  # fmt: skip
"""What the conversion of serbench's layers makes. None of them calls another graph, keeps a state or is custom."""

_MOST_VALUES: Final = 1 << 26
_MOST_PARTS: Final = 20_000


def check_litert(data: bytes, n_samples: int, classes: int) -> None:
    """Checks that a file is one graph as serbench writes it, from one waveform to its probabilities.

    Args:
        data: the file.
        n_samples: samples of a waveform.
        classes: number of classes.

    Raises:
        ValueError: it is not; the message says where.
    """
    from ai_edge_litert import schema_py_generated as schema

    if data[4:8] != b"TFL3":
        raise ValueError("it is no LiteRT file")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    if len(model.subgraphs) != 1 or len(model.signatureDefs or ()) != 1:
        raise ValueError("it has several graphs, which serbench does not write")
    graph = model.subgraphs[0]
    if max(len(graph.tensors), len(graph.operators)) > _MOST_PARTS:
        raise ValueError("it has too many parts")
    _check_operators(model, graph, schema)
    for tensor in graph.tensors:
        if min(_sides(tensor), default=1) < 0 or prod(_sides(tensor)) > _MOST_VALUES:
            raise ValueError("a tensor has no known size, or one that is too large")
    for place, size, name in ((graph.inputs, n_samples, "waveform"), (graph.outputs, classes, "probabilities")):
        if len(place) != 1 or _sides(graph.tensors[place[0]]) != [1, size]:
            raise ValueError(f"its {name} are not of shape (1, {size})")
    _check_allocated(data, [one for operator in graph.operators for one in _numbers(operator.outputs)])


def _check_allocated(data: bytes, computed: Sequence[int]) -> None:
    """Checks the shapes that the runtime finds out before it computes, whatever the file says of them.

    Args:
        data: the file.
        computed: numbers of the tensors that operators write.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # a delegate would hide what is within it
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    for tensor in interpreter.get_tensor_details():
        if prod(int(side) for side in tensor["shape"]) > _MOST_VALUES:
            raise ValueError(f"the tensor '{tensor['name'][:60]}' is too large")
    for number in computed:
        try:
            interpreter.tensor(number)()
        except ValueError as error:  # it has no memory yet
            raise ValueError("the size of a tensor depends on what is computed") from error


def _check_operators(model: Any, graph: Any, schema: Any) -> None:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = [names.get(max(one.builtinCode, one.deprecatedBuiltinCode), "?") for one in model.operatorCodes]
    if strange := sorted(set(codes) - _OPERATORS):
        raise ValueError(f"it has the operator {strange[0]}, which serbench does not write")
    if any(getattr(one, "size", 0) for one in model.buffers):
        raise ValueError("it keeps data behind its end, which serbench does not write")
    count = len(graph.tensors)
    for operator in graph.operators:
        ends = [*_numbers(operator.inputs), *_numbers(operator.outputs)]
        if operator.opcodeIndex >= len(codes) or any(not -1 <= one < count for one in ends):
            raise ValueError("an operator names a part that does not exist")
    if any(not 0 <= tensor.buffer < len(model.buffers) for tensor in graph.tensors):
        raise ValueError("a tensor names a part that does not exist")


def _numbers(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _sides(tensor: Any) -> list[int]:
    return _numbers(tensor.shape)
