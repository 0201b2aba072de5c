"""Trained layers as ONNX: the same probabilities as Keras with the front end before it."""

from __future__ import annotations

import numpy as np
import pytest
from tests_shared import needs

from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, extract

pytestmark = [pytest.mark.children, needs("onnx", "onnxruntime")]

SHORT = {"sample_rate": 8_000, "duration_s": 0.8, "window_length": 256, "hop_length": 128, "n_mels": 24, "top_db": 60.0}
SPECS = {kind: FeatureSpec(kind=kind, **SHORT) for kind in ("acoustic", "log_mel")}
CONFIGURATIONS = [
    ("cnn1d", {"activation": "relu", "head": "average_max", "time_shift": 4.0, "time_mask": 5, "feature_mask": 3}),
    ("cnn1d", {"activation": "elu", "head": "attention", "block": "separable", "pooling": "average", "squeeze": 8}),
    ("cnn1d", {"head": "recurrent", "block": "dilated", "pool_size": 1}),
    ("cnn1d", {"head": "average_deviation_max", "functionals": "branch"}),
    ("cnn1d", {"functionals": "alone"}),
    ("cnn2d", {"second_channel": "slopes", "stem": "parallel", "depth": 2}),
    ("cnn2d", {"second_channel": "standardised", "block": "dilated", "depth": 2}),
    ("cnn1d", {"activation": "swish", "head": "flatten", "representation": "summary", "batch_norm": False, "depth": 2}),
    (
        "cnn2d",
        {"activation": "gelu", "head": "average", "block": "residual", "squeeze": 8, "frequency_warp": 0.1, "depth": 2},
    ),
    ("cnn2d", {"activation": "leaky_relu", "stem_pool": "both", "time_filters": 0, "dense_width": 0, "depth": 2}),
    ("cnn2d", {"activation": "relu", "block": "separable", "stem_stride": 3, "pooling": "average", "depth": 2}),
]


def waveforms(spec: FeatureSpec, clips: int = 5) -> np.ndarray:
    """Noise at several levels, the last of it silent in its second half."""
    sound = np.random.default_rng(2).standard_normal((clips, spec.n_samples)) * np.logspace(-3, 0, clips)[:, None]
    sound[-1, spec.n_samples // 2 :] = 0
    return sound.astype(np.float32)


def scrambled(model):
    """Gives every weight a value of its own: fresh layers of normalisation do nothing."""
    rng = np.random.default_rng(4)
    for weight in model.weights:
        if weight.dtype == "float32":
            spread = 0.5 + rng.random(weight.shape)
            plain = weight.path.endswith(("variance", "gamma"))
            value = np.asarray(weight)
            weight.assign(spread if plain else value + 0.1 * rng.standard_normal(weight.shape))
    return model


def run(data: bytes, sound: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"waveform": sound})[0]


def answers(model, features: np.ndarray) -> np.ndarray:
    """Probabilities. Unlike `predict`, a call traces no graph, which takes seconds for each new network."""
    return np.asarray(model(features, training=False))


def built(family: str, values: dict, spec: FeatureSpec | None = None):
    from serbench.families import build_model, get_family

    chosen = get_family(family)
    spec = spec or SPECS[chosen.feature_kind]
    hp = chosen.hyperparameters(width=16, **values)
    features = extract(waveforms(spec), spec)
    axes = tuple(axis for axis in range(3) if axis != chosen.feature_axis + 1)
    mean, std = features.mean(axis=axes), features.std(axis=axes) + 0.1
    return scrambled(build_model(chosen, hp, spec.shape, 4, mean, std, seed=1)), spec


@pytest.mark.parametrize(("family", "values"), CONFIGURATIONS)
def test_a_graph_repeats_the_network_from_the_waveform(family: str, values: dict) -> None:
    from serbench.export.light.onnx_bounds import check_onnx
    from serbench.export.light.onnx_network import onnx_model

    model, spec = built(family, values)
    sound = waveforms(spec)
    expected = answers(model, extract(sound, spec))
    data = onnx_model(model, spec, {}).SerializeToString()
    check_onnx(data, spec.n_samples, expected.shape[1])  # what is written is also read
    found = run(data, sound)
    assert np.ptp(expected, axis=0).max() > 1e-3  # clips do differ
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_graph_holds_pcen() -> None:
    from serbench.export.light.onnx_bounds import check_onnx
    from serbench.export.light.onnx_network import onnx_model

    spec = FeatureSpec(kind="log_mel", compression="pcen", **SHORT)
    model, _ = built("cnn2d", {"depth": 2, "head": "average"}, spec)
    # PCEN takes levels away, so these clips differ in when they are loud.
    sound = waveforms(spec) * (1 + np.arange(5)[:, None] * np.sin(np.arange(spec.n_samples) / 300) ** 8)
    sound = sound.astype(np.float32)
    expected = answers(model, extract(sound, spec))
    data = onnx_model(model, spec, {}).SerializeToString()
    check_onnx(data, spec.n_samples, 4)
    assert np.ptp(expected, axis=0).max() > 1e-3
    np.testing.assert_allclose(run(data, sound), expected, atol=2e-5)


def test_a_bag_is_one_graph() -> None:
    import keras

    from serbench.export.light.onnx_network import onnx_model

    members = [built("cnn1d", {"activation": name})[0] for name in ("relu", "elu")]
    spec = SPECS["acoustic"]
    inputs = keras.Input(spec.shape)
    for number, member in enumerate(members):
        member.name = f"network{number}"
    bag = keras.Model(inputs, keras.layers.Average()([member(inputs) for member in members]))
    sound = waveforms(spec)
    expected = np.mean([answers(member, extract(sound, spec)) for member in members], axis=0)
    np.testing.assert_allclose(run(onnx_model(bag, spec, {}).SerializeToString(), sound), expected, atol=2e-5)


def test_a_layer_without_a_counterpart_is_named_in_one_sentence() -> None:
    import keras

    from serbench.export.light.onnx_network import onnx_model

    spec = SPECS["acoustic"]
    model = keras.Sequential([keras.Input(spec.shape), keras.layers.LSTM(3, name="memory"), keras.layers.Dense(2)])
    with pytest.raises(
        SerbenchError, match=r"^layer 'memory' \(LSTM\) cannot be written as ONNX: .*format keras only$"
    ):
        onnx_model(model, spec, {})


def test_an_activation_without_a_counterpart_is_named() -> None:
    import keras

    from serbench.export.light.onnx_network import onnx_model

    spec = SPECS["acoustic"]
    last = keras.layers.Dense(2, "mish", name="last")
    model = keras.Sequential([keras.Input(spec.shape), keras.layers.Flatten(), last])
    with pytest.raises(SerbenchError, match=r"layer 'last' \(Dense\) .*activation 'mish'"):
        onnx_model(model, spec, {})
