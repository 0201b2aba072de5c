"""Light files of strangers: digests, operators and sizes are checked before a runtime gets them."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from serbench.errors import SerbenchError, UsageError  # noqa: E402
from serbench.export.bundle import BundleCheck, BundleRecord, LightFile  # noqa: E402
from serbench.export.light.formats import note_refusal  # noqa: E402
from serbench.export.light.onnx_bounds import MOST_CLIPS, check_onnx  # noqa: E402
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


def integers(name: str, *values: int):
    return numpy_helper.from_array(np.array(values, np.int64), name)


ANSWERED = [
    helper.make_node("MatMul", ["sound", "w"], ["product"]),
    helper.make_node("Softmax", ["product"], ["probabilities"], axis=-1),
]


def test_a_tensor_that_grows_with_what_the_batch_was_turned_into_is_refused() -> None:
    """Between the two reshapes no side is called the batch, and none has a declared size."""
    nodes = [
        helper.make_node("Reshape", ["waveform", "all"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "one"], ["column"]),
        helper.make_node("Add", ["column", "row"], ["wide"]),
        helper.make_node("ReduceMax", ["wide", "one"], ["back"], keepdims=0),
        helper.make_node("Reshape", ["back", "clips"], ["sound"]),
        *ANSWERED,
    ]
    row = numpy_helper.from_array(np.zeros((1, 1 << 18), np.float32), "row")
    constants = [integers("all", -1), integers("one", 1), integers("clips", -1, SAMPLES), row]
    with pytest.raises(ValueError, match="tensor 'wide' has no known size, or one that is too large"):
        check_onnx(model(nodes, constants).SerializeToString(), SAMPLES, CLASSES)


def test_a_tensor_that_grows_with_the_square_of_the_batch_is_refused() -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["waveform", "one"], ["rows"]),
        helper.make_node("Unsqueeze", ["waveform", "zero"], ["columns"]),
        helper.make_node("Add", ["rows", "columns"], ["pairs"]),
        helper.make_node("Add", ["pairs", "many"], ["wide"]),
        helper.make_node("ReduceMax", ["wide", "first"], ["sound"], keepdims=0),
        *ANSWERED,
    ]
    many = numpy_helper.from_array(np.zeros((1 << 12, 1, 1, 1), np.float32), "many")
    constants = [integers("zero", 0), integers("one", 1), integers("first", 0, 1), many]
    with pytest.raises(ValueError, match="tensor 'wide' has no known size, or one that is too large"):
        check_onnx(model(nodes, constants).SerializeToString(), SAMPLES, CLASSES)


def test_a_size_that_the_file_claims_is_not_believed() -> None:
    nodes = [
        helper.make_node("Slice", ["waveform", "zero", "four", "one"], ["start"]),
        helper.make_node("Reshape", ["start", "four"], ["sizes"]),
        helper.make_node("Cast", ["sizes"], ["pads"], to=TensorProto.INT64),
        helper.make_node("Pad", ["waveform", "pads"], ["sound"]),
        *ANSWERED,
    ]
    claiming = model(nodes, [integers("zero", 0), integers("one", 1), integers("four", 4)])
    claiming.graph.value_info.append(helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["batch", SAMPLES]))
    with pytest.raises(ValueError, match="tensor 'sound' has no known size, or one that is too large"):
        check_onnx(claiming.SerializeToString(), SAMPLES, CLASSES)


def test_an_export_says_which_file_predict_will_refuse(tmp_path: Path) -> None:
    said: list[str] = []
    note_refusal(said.append, tmp_path, bundle(tmp_path, model().SerializeToString()), "onnx")
    assert said == []
    names = ["waveform", *(f"t{number}" for number in range(20_000))]
    nodes = [helper.make_node("Identity", [one], [other]) for one, other in pairwise(names)]
    nodes += [
        helper.make_node("MatMul", [names[-1], "w"], ["product"]),
        helper.make_node("Softmax", ["product"], ["probabilities"], axis=-1),
    ]
    record = bundle(tmp_path, model(nodes).SerializeToString())
    note_refusal(said.append, tmp_path, record, "onnx")
    note_refusal(said.append, tmp_path, record, "saved-model")
    assert said == [
        "note: run.py reads the onnx file, but `serbench predict --runtime onnx` refuses it: it has functions or too "
        "many nodes, which serbench does not write"
    ]
    with pytest.raises(SerbenchError, match="cannot be used: it has functions or too many nodes"):
        load_light(tmp_path, record, "onnx")


def test_more_clips_than_were_checked_are_answered_in_parts(tmp_path: Path) -> None:
    data = model().SerializeToString()
    answer = load_light(tmp_path, bundle(tmp_path, data), "onnx")
    sound = np.random.default_rng(1).standard_normal((2 * MOST_CLIPS + 3, SAMPLES)).astype(np.float32)
    np.testing.assert_allclose(answer(sound), np.concatenate([answer(one[None]) for one in sound]), atol=1e-6)
    assert answer(sound[:0]).shape == (0, CLASSES)


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


def litert(rows: int, *, repeated: bool = False) -> bytes:
    """A LiteRT file that adds a column of some rows to the waveform, and claims that the sum has one row.

    With `repeated`, it repeats the waveform as often as it computes instead.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    operators, options = schema.BuiltinOperator, schema.BuiltinOptions
    constants = [np.zeros((rows, 1), np.float32), np.array([0], np.int32), np.array([0, 0], np.int32)]
    constants += [np.array([1, CLASSES], np.int32), np.array([rows, 1], np.float32), np.zeros(2, np.int32)]
    shapes = [(1, SAMPLES), (1, SAMPLES), (1, SAMPLES), (1, CLASSES), (1, CLASSES)]
    model = schema.ModelT(version=3, buffers=[schema.BufferT()], operatorCodes=[], signatureDefs=[])
    graph = schema.SubGraphT(tensors=[], operators=[], inputs=[0], outputs=[4])
    for number, shape in enumerate([*shapes, *(one.shape for one in constants)]):
        kept = constants[number - len(shapes)] if number >= len(shapes) else None
        whole = kept is not None and kept.dtype == np.int32
        kind = schema.TensorType.INT32 if whole else schema.TensorType.FLOAT32
        if kept is not None and number != 10:  # 10 is what a cast writes
            model.buffers.append(schema.BufferT(data=np.frombuffer(kept.tobytes(), np.uint8)))
        place = len(model.buffers) - 1 if kept is not None and number != 10 else 0
        graph.tensors.append(schema.TensorT(shape=list(shape), type=kind, buffer=place, name=f"t{number}"))
    added = [(operators.ADD, [0, 5], 1, options.AddOptions, schema.AddOptionsT())]
    cast = schema.CastOptionsT(inDataType=schema.TensorType.FLOAT32, outDataType=schema.TensorType.INT32)
    tiled = [
        (operators.CAST, [9], 10, options.CastOptions, cast),
        (operators.TILE, [0, 10], 1, options.TileOptions, schema.TileOptionsT()),
    ]
    steps = [
        *(tiled if repeated else added),
        (operators.REDUCE_MAX, [1, 6], 2, options.ReducerOptions, schema.ReducerOptionsT(keepDims=True)),
        (operators.SLICE, [2, 7, 8], 3, options.SliceOptions, schema.SliceOptionsT()),
        (operators.SOFTMAX, [3], 4, options.SoftmaxOptions, schema.SoftmaxOptionsT(beta=1.0)),
    ]
    for number, (code, inputs, output, kind, values) in enumerate(steps):
        model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1))
        operator = schema.OperatorT(opcodeIndex=number, inputs=inputs, outputs=[output])
        operator.builtinOptionsType, operator.builtinOptions = kind, values
        graph.operators.append(operator)
    ends = [[schema.TensorMapT(name=name, tensorIndex=place)] for name, place in (("waveform", 0), ("answer", 4))]
    model.signatureDefs.append(schema.SignatureDefT(inputs=ends[0], outputs=ends[1], signatureKey="serve"))
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_size_that_a_litert_file_claims_is_not_believed() -> None:
    pytest.importorskip("ai_edge_litert")
    from serbench.export.light.litert_bounds import check_litert

    check_litert(litert(rows=2), SAMPLES, CLASSES)
    with pytest.raises(ValueError, match="tensor 't1' is too large"):
        check_litert(litert(rows=1 << 18), SAMPLES, CLASSES)


def test_a_litert_file_whose_sizes_are_computed_is_refused() -> None:
    pytest.importorskip("ai_edge_litert")
    from serbench.export.light.litert_bounds import check_litert

    with pytest.raises(ValueError, match="size of a tensor depends on what is computed"):
        check_litert(litert(rows=1 << 18, repeated=True), SAMPLES, CLASSES)
