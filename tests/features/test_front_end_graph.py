"""Front ends in the operations of an exported graph: the same features as `extract`."""

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.features import FeatureSpec, FrontEnd, NumpyOps, extract
from serbench.testing import check_front_end

SETTINGS = [
    {"top_db": 60.0},
    {"hop_length": 255, "top_db": 80.0},
    {"sample_rate": 16_000, "window_length": 400, "hop_length": 160, "n_mels": 40},
    {"duration_s": 0.777, "window_length": 1024, "hop_length": 1024, "fmin": 50.0, "fmax": 4_000.0},
    {"duration_s": 0.5003, "sample_rate": 8_000, "window_length": 256, "hop_length": 64, "n_mels": 24},
]


def sounds(spec: FeatureSpec) -> np.ndarray:
    """A voice in noise that ends early, noise that grows, a click in noise, and digital silence."""
    rng = np.random.default_rng(7)
    size = spec.n_samples
    time = np.arange(size) / spec.sample_rate
    voice = sum(np.sin(2 * np.pi * 140 * k * time + k) / k for k in range(1, 20)) + 0.01 * rng.standard_normal(size)
    voice[size // 2 :] = 0
    grows = rng.standard_normal(size) * np.logspace(-3, 0, size)
    click = 0.001 * rng.standard_normal(size)
    click[size // 3] = -0.9
    return np.stack([0.2 * voice, grows, click, np.zeros(size)]).astype(np.float32)


@pytest.mark.parametrize("kind", ["log_mel", "acoustic"])
@pytest.mark.parametrize("values", SETTINGS)
def test_a_graph_gives_the_features_of_extract(kind: str, values: dict) -> None:
    if kind == "acoustic" and values.get("hop_length") == 1024:
        values = values | {"deltas": False, "n_chroma": 24}
    spec = FeatureSpec(kind=kind, **{"sample_rate": 11_025, "window_length": 512, "hop_length": 256, **values})
    waveforms = sounds(spec)
    found = spec.front_end.in_graph(NumpyOps(), waveforms, spec)
    expected = extract(waveforms, spec)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=5e-3)  # of levels in dB


@pytest.mark.parametrize("values", SETTINGS)
def test_a_graph_normalises_as_pcen_does(values: dict) -> None:
    spec = FeatureSpec(
        kind="log_mel", compression="pcen", **{"sample_rate": 11_025, "window_length": 512, "hop_length": 256, **values}
    )
    waveforms = sounds(spec)[1:3]  # below a voice without noise, rounding is as loud as the rest to PCEN
    found, expected = spec.front_end.in_graph(NumpyOps(), waveforms, spec), extract(waveforms, spec)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    check_front_end(spec.front_end, spec)


def test_crossings_chroma_and_slopes_are_exact_where_the_ends_are() -> None:
    """The zero crossings and the edges of the slopes are easily wrong by one sample or frame."""
    spec = FeatureSpec(kind="acoustic", sample_rate=8_000, duration_s=0.4, window_length=256, hop_length=128)
    waveforms = np.random.default_rng(3).standard_normal((2, spec.n_samples)).astype(np.float32)
    found, expected = spec.front_end.in_graph(NumpyOps(), waveforms, spec), extract(waveforms, spec)
    crossings = spec.feature_names.index("zero_crossing_rate")
    assert np.array_equal(found[:, :, crossings], expected[:, :, crossings])
    np.testing.assert_allclose(found[:, [0, 3, -1]], expected[:, [0, 3, -1]], atol=1e-4)


def test_a_window_whose_matrices_would_fill_the_file_is_refused() -> None:
    spec = FeatureSpec(kind="log_mel", window_length=8_192, hop_length=4_096)
    with pytest.raises(SerbenchError, match=r"window_length of 8,192 is too long .* format keras only"):
        spec.front_end.in_graph(NumpyOps(), sounds(spec), spec)


def test_pitch_is_refused_by_name() -> None:
    spec = FeatureSpec(kind="acoustic", pitch=True)
    with pytest.raises(SerbenchError, match=r"pitch = true cannot be part of an exported graph.*format keras only"):
        spec.front_end.in_graph(NumpyOps(), sounds(spec), spec)
    check_front_end(spec.front_end, spec)


class Loudness(FrontEnd[FeatureSpec]):
    """A front end of somebody else, which is not written for graphs."""

    name, title, settings, feature_axis, time_axis = "loudness", "loudness", FeatureSpec, 0, None

    def shape(self, settings):
        return (1,)

    def feature_names(self, settings):
        return ("loudness",)

    def extract(self, waveforms, settings):
        return waveforms.std(axis=1, keepdims=True)


def test_a_front_end_without_a_graph_says_so_in_one_sentence() -> None:
    spec = FeatureSpec(kind="log_mel")
    with pytest.raises(SerbenchError, match=r"front end 'loudness' cannot be part of an exported graph .*in_graph"):
        Loudness().in_graph(NumpyOps(), sounds(spec), spec)


def test_the_contract_finds_a_graph_of_other_features() -> None:
    log_mel = FeatureSpec(kind="log_mel").front_end

    class Half(type(log_mel)):
        def in_graph(self, ops, waveforms, settings):
            return ops.multiply(super().in_graph(ops, waveforms, settings), 0.5)

    with pytest.raises(AssertionError, match="expected in_graph to give the features of extract"):
        check_front_end(Half())
