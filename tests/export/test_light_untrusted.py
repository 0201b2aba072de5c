"""Light files of strangers: digests, operators and sizes are checked before a runtime gets them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from serbench.errors import SerbenchError, UsageError  # noqa: E402
from serbench.export.bundle import BundleCheck, BundleRecord, LightFile  # noqa: E402
from serbench.export.light.onnx_bounds import check_onnx  # noqa: E402
from serbench.export.light.runtimes import load_light  # noqa: E402
from serbench.features import FeatureSpec  # noqa: E402

SAMPLES, CLASSES = 400, 3


def model(nodes=None, constants=None, samples: int = SAMPLES, name: str = "waveform"):
    """A graph of one product and a softmax."""
    weights = np.random.default_rng(0).standard_normal((SAMPLES, CLASSES)).astype(np.float32)
    nodes = nodes or [
        helper.make_node("MatMul", [name, "w"], ["product"]),
        helper.make_node("Softmax", ["product"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", samples])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(weights, "w"), *(constants or [])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def bundle(folder: Path, data: bytes, digest: str | None = None) -> BundleRecord:
    """A record that describes `data` as its ONNX file."""
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    file = LightFile(
        format="onnx", path="../elsewhere", sha256=digest or hashlib.sha256(data).hexdigest(), bytes=len(data),
        runtime="onnxruntime", check=BundleCheck(clips=1, largest_difference=0.0),
    )  # fmt: skip
    spec = FeatureSpec(kind="log_mel", sample_rate=4_000, duration_s=0.1, window_length=64, hop_length=32, n_mels=8)
    return BundleRecord.model_construct(features=spec, labels=("a", "b", "c"), light=(file,))


def test_a_file_as_described_answers(tmp_path: Path) -> None:
    data = model().SerializeToString()
    answer = load_light(tmp_path, bundle(tmp_path, data), "onnx")
    found = answer(np.zeros((2, SAMPLES), np.float32))
    np.testing.assert_allclose(found, np.full((2, CLASSES), 1 / 3), atol=1e-6)


def test_another_file_than_the_described_one_is_refused(tmp_path: Path) -> None:
    record = bundle(tmp_path, model().SerializeToString(), "0" * 64)
    with pytest.raises(SerbenchError, match=r"model\.onnx is damaged or was replaced"):
        load_light(tmp_path, record, "onnx")


def test_a_bundle_without_the_file_names_the_way_to_one(tmp_path: Path) -> None:
    record = bundle(tmp_path, b"")
    with pytest.raises(UsageError, match="holds no file for litert; export it with --format keras,litert"):
        load_light(tmp_path, record, "litert")
    with pytest.raises(UsageError, match="unknown runtime 'onnxx'; did you mean 'onnx'"):
        load_light(tmp_path, record, "onnxx")


def test_data_in_another_file_are_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\0" * 4 * SAMPLES * CLASSES)
    outside = model()
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    with pytest.raises(SerbenchError, match=r"model\.onnx cannot be used: it reads data from another file"):
        load_light(tmp_path, bundle(tmp_path, outside.SerializeToString()), "onnx")


def test_data_of_an_operator_in_another_file_are_never_read() -> None:
    value = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.0])
    value.data_location = TensorProto.EXTERNAL
    nodes = [helper.make_node("Constant", [], ["probabilities"], value=value)]
    with pytest.raises(ValueError, match="operator 'Constant', which serbench does not write"):
        check_onnx(model(nodes).SerializeToString(), SAMPLES, CLASSES)


def test_an_operator_of_somebody_else_is_refused() -> None:
    nodes = [helper.make_node("Softmax", ["waveform"], ["probabilities"], domain="com.example")]
    with pytest.raises(ValueError, match="operator 'Softmax', which serbench does not write"):
        check_onnx(model(nodes).SerializeToString(), SAMPLES, CLASSES)


def test_a_tensor_that_fills_the_memory_is_refused() -> None:
    pads = numpy_helper.from_array(np.array([0, 0, 0, 1 << 33], np.int64), "pads")
    nodes = [
        helper.make_node("Pad", ["waveform", "pads"], ["long"]),
        helper.make_node("MatMul", ["waveform", "w"], ["product"]),
        helper.make_node("Softmax", ["product"], ["probabilities"], axis=-1),
    ]
    with pytest.raises(ValueError, match="tensor 'long' has no known size, or one that is too large"):
        check_onnx(model(nodes, [pads]).SerializeToString(), SAMPLES, CLASSES)


def test_a_graph_of_other_ends_is_refused() -> None:
    with pytest.raises(ValueError, match=r"its waveform are not of shape \(batch, 400\)"):
        check_onnx(model(samples=500).SerializeToString(), SAMPLES, CLASSES)
    with pytest.raises(ValueError, match="its waveform are not"):
        check_onnx(model(name="sound").SerializeToString(), SAMPLES, CLASSES)


def test_noise_is_no_graph(tmp_path: Path) -> None:
    for seed in range(20):
        data = np.random.default_rng(seed).bytes(200)
        with pytest.raises(SerbenchError, match=r"model\.onnx cannot be used"):
            load_light(tmp_path, bundle(tmp_path, data), "onnx")
