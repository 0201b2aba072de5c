"""Quantises the network of a LiteRT file to int8. Imports ai-edge-quantizer."""

from __future__ import annotations

import re
from typing import Any, Final

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import calibrator, quantizer, recipe_manager

from serbench.export.light.int8_steps import Step, int8_steps

__all__ = ["int8_litert"]

_WEIGHTED: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_PASSING: Final = ("AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D", "MEAN", "RELU", "RESHAPE", "TRANSPOSE")
_MERGING: Final = ("ADD", "LOGISTIC", "MUL")
_SIGNATURE: Final = "serving_default"
_EVERY: Final = "*"


def int8_litert(data: bytes, waveforms: np.ndarray[Any, Any]) -> bytes | None:
    """Returns the file with weights and activations of the network as int8, and all else as it was.

    Weights have a scale for each channel, activations one for each tensor, from their least and largest values.

    Args:
        data: a file that serbench wrote.
        waveforms: float32 (n, n_samples), of training clips.

    Returns:
        The file; None if the network has no convolution and no dense layer.
    """
    chosen = int8_steps(_steps(data), _PASSING, _MERGING)
    if not chosen:
        return None
    work = quantizer.Quantizer(bytearray(data))
    for name in chosen:
        work.add_static_config(f"^{re.escape(name)};$", _EVERY, activation_num_bits=8, weight_num_bits=8)
    recipe = recipe_manager.RecipeManager()
    recipe.load_quantization_recipe(work.get_quantization_recipe())
    ranges = calibrator.Calibrator(data, num_threads=1, qsv_update_func=_widest)
    ranges.calibrate({_SIGNATURE: [{"waveform": one[None]} for one in waveforms]}, recipe)
    found = ranges.get_model_qsvs()
    return _in_one(bytes(work.quantize(found, enable_progress_bar=False, enable_progress_report=False).quantized_model))


def _widest(known: Any, found: Any) -> Any:
    """The range of both. The default, a moving average, forgets loud clips."""
    if not known:
        return found
    return {"min": np.minimum(known["min"], found["min"]), "max": np.maximum(known["max"], found["max"])}


def _in_one(data: bytes) -> bytes:
    """Moves the constants that lie behind the end of the graph into it, as in all files that serbench writes."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for one in model.buffers:
        if one.size:
            one.data = np.frombuffer(data, np.uint8, one.size, one.offset)
            one.offset = one.size = 0
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _steps(data: bytes) -> list[Step]:
    """The steps by the names of their outputs, as ai-edge-quantizer calls them."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = model.subgraphs[0]
    operators = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    names = [tensor.name.decode() for tensor in graph.tensors]
    constant = [bool(model.buffers[tensor.buffer].data is not None) for tensor in graph.tensors]
    steps = []
    for one in graph.operators:
        code = model.operatorCodes[one.opcodeIndex]
        operator = operators[max(code.builtinCode, code.deprecatedBuiltinCode)]
        read = [int(place) for place in one.inputs if place >= 0]
        inputs = tuple(names[place] for place in read if not constant[place])
        outputs = tuple(names[int(place)] for place in one.outputs)
        weighted = operator in _WEIGHTED and constant[read[1]]
        steps.append(Step(";".join(outputs), operator, inputs, outputs, weighted, len(inputs) < len(read)))
    return steps
