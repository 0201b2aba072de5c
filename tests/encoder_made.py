"""A tiny speech encoder as an ONNX file: sizes of a strided convolution; their hyperbolic tangent is a second layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

UNITS, WINDOW, HOP = 6, 200, 100


def write_encoder(folder: Path, seed: int = 0, inputs: tuple[str, ...] = (), external: bool = False) -> Path:
    """Writes the encoder into a new folder.

    Args:
        folder: the folder.
        seed: of its weights.
        inputs: further inputs, of int64.
        external: whether its weights lie in a file beside the graph.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    weights = (rng.standard_normal((UNITS, 1, WINDOW)) / np.sqrt(WINDOW)).astype(np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["input_values", "axis"], ["channel"]),
        helper.make_node("Conv", ["channel", "weights"], ["units"], strides=[HOP]),
        helper.make_node("Abs", ["units"], ["sizes"]),
        helper.make_node("Transpose", ["sizes"], ["first"], perm=[0, 2, 1]),
        helper.make_node("Tanh", ["first"], ["second"]),
    ]
    given = [helper.make_tensor_value_info("input_values", TensorProto.FLOAT, ["clips", "samples"])]
    given += [helper.make_tensor_value_info(name, TensorProto.INT64, ["clips", "samples"]) for name in inputs]
    found = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["clips", "frames", UNITS])
        for name in ("first", "second")
    ]
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
    ]
    graph = helper.make_graph(nodes, "tiny", given, found, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(parents=True)
    if external:
        onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    else:
        onnx.save(model, folder / "model.onnx")
    return folder


def states_of(waveform: np.ndarray, seed: int = 0) -> list[np.ndarray]:
    """What the encoder gives for one waveform, computed with NumPy: both layers, (frames, units)."""
    rng = np.random.default_rng(seed)
    weights = (rng.standard_normal((UNITS, 1, WINDOW)) / np.sqrt(WINDOW)).astype(np.float32)[:, 0]
    frames = np.lib.stride_tricks.sliding_window_view(waveform, WINDOW)[::HOP]
    first = np.abs(frames @ weights.T)
    return [first, np.tanh(first)]
