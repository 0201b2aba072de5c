"""Files in int8: what becomes int8, what stays float, and which clips judge it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from serbench.cli.main import app
from serbench.errors import UsageError
from serbench.export import check_quantised, exporters_of
from serbench.export.light.int8_clips import MOST_CALIBRATION_CLIPS, drawn_clips
from serbench.export.light.int8_steps import FRONT_END, Step, int8_steps
from serbench.protocols import Split

PASSING, MERGING = ("Pool",), ("Add",)


def test_the_front_end_and_what_lies_before_the_first_weights_stay_float() -> None:
    steps = [
        Step("front_end/fourier", "MatMul", ("waveform",), ("bands",), weights=True),
        Step("front_end/pool", "Pool", ("bands",), ("mel",)),
        Step("normalise", "Add", ("mel",), ("centred",), constants=True),
        Step("statistics", "Pool", ("centred",), ("summary",)),
        Step("conv", "Conv", ("centred",), ("maps",), weights=True),
        Step("pool", "Pool", ("maps",), ("pooled",)),
    ]
    assert int8_steps(steps, PASSING, MERGING) == ["conv", "pool"]


def test_a_step_is_int8_only_if_all_that_it_reads_is() -> None:
    steps = [
        Step("conv", "Conv", ("features",), ("maps",), weights=True),
        Step("curve", "Gelu", ("maps",), ("bent",)),
        Step("both", "Add", ("maps", "bent"), ("sum",)),
        Step("twice", "Add", ("maps", "maps"), ("double",)),
        Step("offset", "Add", ("double",), ("moved",), constants=True),
    ]
    assert int8_steps(steps, PASSING, MERGING) == ["conv", "twice"]


def split_of(train: int, validation: int, test: int) -> tuple[pd.DataFrame, Split]:
    """A table of clips, the last ones first, and its split."""
    count = train + validation + test
    clips = pd.DataFrame(
        {
            "clip_id": [f"c{count - row:04}" for row in range(count)],
            "label": ["b", "a"] * (count // 2) + ["b"] * (count % 2),
        }
    )
    rows = range(count)
    parts = {"train": rows[:train], "validation": rows[train : train + validation], "test": rows[train + validation :]}
    return clips, Split(**{name: tuple(part) for name, part in parts.items()}, validation_rest=(), test_rest=())


def test_calibration_draws_training_clips_and_the_validation_core_judges() -> None:
    clips, split = split_of(500, 40, 60)
    found = drawn_clips(clips, split, ("a", "b"), 7, trained_on=True)
    ids = clips["clip_id"]
    assert len(found.calibration) == len(set(found.calibration)) == MOST_CALIBRATION_CLIPS
    assert set(found.calibration) <= set(ids.iloc[list(split.train)])
    assert set(found.validation) == set(ids.iloc[list(split.validation)])
    truth = dict(zip(ids, clips["label"], strict=True))
    assert [("a", "b")[place] for place in found.labels] == [truth[clip] for clip in found.validation]
    assert found.trained_on


def test_the_draw_follows_the_seed_and_takes_what_there_is() -> None:
    clips, split = split_of(400, 10, 10)
    first, again, other = (drawn_clips(clips, split, ("a", "b"), seed, trained_on=False) for seed in (1, 1, 2))
    assert first == again
    assert first.calibration != other.calibration
    few = drawn_clips(*split_of(5, 2, 2), ("a", "b"), 1, trained_on=False)
    assert len(few.calibration) == 5


def test_a_format_that_cannot_be_quantised_is_refused_by_name() -> None:
    check_quantised(exporters_of("keras,onnx,litert"), "int8")
    for formats, words in (
        ("onnx,saved-model", "format 'saved-model' cannot be quantised to int8, only litert and onnx can"),
        ("web", "format 'web' cannot be quantised"),
        ("keras", "format 'keras' cannot be quantised to int8; add litert or onnx to --format"),
    ):
        with pytest.raises(UsageError, match=words):
            check_quantised(exporters_of(formats), "int8")
    with pytest.raises(UsageError, match="unknown quantisation 'int4'"):
        check_quantised(exporters_of("onnx"), "int4")


def test_the_command_refuses_before_it_reads_results(tmp_path) -> None:
    ran = CliRunner().invoke(
        app, ["export", "--format", "saved-model", "--quantise", "int8", "--results", str(tmp_path)]
    )
    assert "'saved-model' cannot be quantised" in str(ran.exception)


@pytest.fixture(scope="module")
def float_graph():
    """A network of two convolutions with norms and two dense layers as ONNX, and waveforms."""
    pytest.importorskip("onnxruntime")
    from test_onnx_network import built, waveforms

    from serbench.export.light.onnx_network import onnx_model

    model, spec = built("cnn1d", {"activation": "relu", "head": "average_max", "depth": 2})
    return onnx_model(model, spec, {"entry": "x"}).SerializeToString(), waveforms(spec, 12), spec


@pytest.mark.children
def test_a_norm_that_is_folded_leaves_the_function_as_it_is(float_graph) -> None:
    import onnx
    from test_onnx_network import run

    from serbench.export.light.int8_onnx import fold_norms

    data, sound, _ = float_graph
    model = onnx.load_model_from_string(data)
    fold_norms(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    np.testing.assert_allclose(run(model.SerializeToString(), sound), run(data, sound), atol=2e-5)


@pytest.mark.children
def test_an_int8_onnx_file_keeps_its_front_end_and_is_one_that_serbench_reads(float_graph) -> None:
    import onnx
    from test_onnx_network import run

    from serbench.export.light.int8_onnx import int8_onnx
    from serbench.export.light.onnx_bounds import check_onnx

    data, sound, spec = float_graph
    found = int8_onnx(data, sound)
    assert found is not None
    check_onnx(found, spec.n_samples, 4)
    before, after = onnx.load_model_from_string(data), onnx.load_model_from_string(found)
    kinds = {one.name: one.data_type for one in after.graph.initializer}
    front = [node for node in after.graph.node if node.name.startswith(FRONT_END) and node.op_type == "MatMul"]
    assert front
    assert all(kinds[name] == onnx.TensorProto.FLOAT for node in front for name in node.input if name in kinds)
    assert sum(kind == onnx.TensorProto.INT8 for kind in kinds.values()) >= 4  # kernels and matrices
    assert len(found) < len(data)
    assert {one.key: one.value for one in after.metadata_props} == {one.key: one.value for one in before.metadata_props}
    answers, plain = run(found, sound), run(data, sound)
    assert np.abs(answers - plain).max() > 0
    assert np.abs(answers - plain).mean() < 0.1


@pytest.mark.children
def test_a_network_without_weights_has_nothing_to_quantise() -> None:
    pytest.importorskip("onnxruntime")
    import keras
    from test_onnx_network import SPECS, waveforms

    from serbench.export.light.int8_onnx import int8_onnx
    from serbench.export.light.onnx_network import onnx_model

    spec = SPECS["acoustic"]
    model = keras.Sequential([keras.Input(spec.shape), keras.layers.GlobalAveragePooling1D()])
    assert int8_onnx(onnx_model(model, spec, {}).SerializeToString(), waveforms(spec)) is None


@pytest.mark.slow
@pytest.mark.parametrize("values", [{"activation": "relu", "head": "average_max"}, {"functionals": "branch"}])
def test_an_int8_litert_file_keeps_its_front_end_and_loud_clips_their_range(tmp_path, values) -> None:
    """With the quantiser's own average over clips instead of the widest range, the first one is off by 0.87."""
    pytest.importorskip("ai_edge_quantizer")
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter
    from test_onnx_network import built, waveforms

    from serbench.export.light.int8_litert import int8_litert
    from serbench.export.light.litert_bounds import check_litert
    from serbench.export.light.tensorflow_files import write_litert, write_saved_model

    model, spec = built("cnn1d", values)
    sound = waveforms(spec, 12)
    write_saved_model(model, spec, tmp_path / "saved", batch=1)
    write_litert(tmp_path / "saved", tmp_path / "model.tflite")
    data = (tmp_path / "model.tflite").read_bytes()
    found = int8_litert(data, sound)
    assert found is not None
    check_litert(found, spec.n_samples, 4)
    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(found, 0)).subgraphs[0]
    named = [(tensor.name.decode(), tensor.type) for tensor in graph.tensors]
    front = [kind for name, kind in named if name.startswith(FRONT_END)]
    assert front, [name for name, _ in named]
    assert schema.TensorType.INT8 not in front
    assert sum(kind == schema.TensorType.INT8 for _, kind in named) > 8

    def answers(content: bytes) -> np.ndarray:
        runner = Interpreter(model_content=content).get_signature_runner()
        return np.concatenate([next(iter(runner(waveform=one[None]).values())) for one in sound])

    assert np.abs(answers(found) - answers(data)).max() < 0.3
