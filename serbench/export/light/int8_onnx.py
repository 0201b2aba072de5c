"""Quantises the network of an ONNX file to int8. Imports onnx and onnxruntime."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from serbench.export.light.int8_steps import Step, int8_steps
from serbench.temporary import temporary_folder

__all__ = ["fold_norms", "int8_onnx"]

_PASSING: Final = ("AveragePool", "Concat", "MaxPool", "Relu", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
_MERGING: Final = ("Add", "Mul")


class _Waveforms(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, waveforms: np.ndarray[Any, Any]) -> None:
        self._left = iter(waveforms)

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        one = next(self._left, None)
        return None if one is None else {"waveform": one[None]}


def int8_onnx(data: bytes, waveforms: np.ndarray[Any, Any]) -> bytes | None:
    """Returns the file with weights and activations of the network as int8, and all else as it was.

    Weights have a scale for each channel, activations one for each tensor, from their least and largest values
    (pairs of `QuantizeLinear` and `DequantizeLinear`). Weights use seven of their eight bits: on processors without
    instructions for such sums (VNNI), the sum of two products of eight bits overflows without an error.

    Args:
        data: a file that serbench wrote.
        waveforms: float32 (n, n_samples), of training clips.

    Returns:
        The file; None if the network has no convolution and no dense layer.
    """
    model = onnx.load_model_from_string(data)
    fold_norms(model.graph)
    chosen = int8_steps(_steps(model.graph), _PASSING, _MERGING)
    if not chosen:
        return None
    logging.getLogger().setLevel(logging.ERROR)  # it recommends a preparation that was done here
    with temporary_folder() as folder:
        target = folder / "model.onnx"
        quantize_static(
            model, str(target), _Waveforms(waveforms), quant_format=QuantFormat.QDQ, per_channel=True,
            reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_quantize=chosen,
            extra_options={"MatMulConstBOnly": True, "CalibMaxIntermediateOutputs": 16},
        )  # fmt: skip
        return _finished(target, model)


def _finished(path: Path, source: onnx.ModelProto) -> bytes:
    """The written file without what its writer left besides, and with the facts of the source."""
    model = onnx.load_model(str(path), load_external_data=False)
    del model.graph.value_info[:]
    del model.metadata_props[:]
    model.metadata_props.extend(source.metadata_props)
    kept = [one for one in model.opset_import if one.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _steps(graph: onnx.GraphProto) -> list[Step]:
    known = {one.name for one in graph.initializer}
    steps = []
    for node in graph.node:
        weighted = node.op_type == "Conv" or (node.op_type == "MatMul" and node.input[1] in known)
        inputs = tuple(name for name in node.input if name and name not in known)
        steps.append(Step(node.name, node.op_type, inputs, tuple(node.output), weighted, len(inputs) < len(node.input)))
    return steps


def fold_norms(graph: onnx.GraphProto) -> None:
    """Multiplies each batch normalisation into the convolution before it, which is the same function.

    It would stay float otherwise, and every layer would be turned to float and back.
    """
    constants = {one.name: one for one in graph.initializer}
    made = {node.output[0]: node for node in graph.node}
    readers = Counter(name for node in graph.node for name in node.input)
    gone = []
    for node in graph.node:
        conv = made.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if conv is None or conv.op_type != "Conv" or readers[node.input[0]] > 1:
            continue
        scale, offset, mean, variance = (numpy_helper.to_array(constants[name]) for name in node.input[1:5])
        epsilon = next((one.f for one in node.attribute if one.name == "epsilon"), 1e-5)
        factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
        kernel = numpy_helper.to_array(constants[conv.input[1]])
        bias = numpy_helper.to_array(constants[conv.input[2]]) if len(conv.input) > 2 else np.zeros(len(scale))
        folded = {
            "kernel": kernel * factor.reshape(-1, *[1] * (kernel.ndim - 1)),
            "bias": (bias - mean) * factor + offset,
        }
        names = [f"{conv.name}_{part}" for part in folded]
        for name, value in zip(names, folded.values(), strict=True):
            graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
        source = conv.input[0]
        del conv.input[:]
        conv.input.extend([source, *names])
        conv.output[0] = node.output[0]
        gone.append(node)
    for node in gone:
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
