"""F0 and voicing against librosa's YIN, and on sounds whose F0 is known."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from serbench.features import FeatureSpec, extract
from serbench.features.frontends.pitch import HIGHEST_HZ, LOWEST_HZ, frame_length_of, pitch, yin


def voice(hz: np.ndarray, sample_rate: int) -> np.ndarray:
    """Harmonics of a changing F0 in a little noise."""
    phase = 2 * np.pi * np.cumsum(hz) / sample_rate
    sound = sum(np.sin(k * phase + k) / k for k in range(1, 12))
    return (0.1 * sound + 1e-3 * np.random.default_rng(1).standard_normal(len(hz))).astype(np.float32)


@pytest.mark.parametrize(("sample_rate", "hop"), [(8_000, 128), (11_025, 256), (16_000, 160), (44_100, 512)])
def test_periods_are_librosas(sample_rate: int, hop: int) -> None:
    rising = np.geomspace(80, 500, 2 * sample_rate)
    noise = 0.1 * np.random.default_rng(2).standard_normal(2 * sample_rate)
    for clip, least in ((voice(rising, sample_rate), 1.0), (noise.astype(np.float32), 0.97)):
        expected = librosa.yin(
            clip, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=sample_rate, frame_length=frame_length_of(sample_rate),
            hop_length=hop,
        )  # fmt: skip
        f0, *_ = yin(clip[None], sample_rate, hop)
        assert f0.shape == (1, len(expected))
        # In noise two lags may be equally low to single precision.
        assert (np.abs(f0[0] / expected - 1) < 1e-3).mean() >= least


def test_f0_is_relative_to_the_clips_median_and_noise_has_none() -> None:
    rate, hop = 11_025, 256
    half = rate
    clip = np.concatenate([voice(np.full(half, 110.0), rate), voice(np.full(half // 2, 220.0), rate), np.zeros(half)])
    noise = 0.1 * np.random.default_rng(3).standard_normal(3 * half)
    clips = np.stack([clip, 8 * clip, noise[: len(clip)], 1e-5 * clip]).astype(np.float32)
    found = pitch(clips, rate, hop)
    inner = slice(4, half // hop - 4)
    later = slice(half // hop + 4, 3 * half // 2 // hop - 4)
    np.testing.assert_allclose(found[0, inner, 0], 0.0, atol=0.02)
    np.testing.assert_allclose(found[0, later, 0], 1.0, atol=0.02)  # an octave above the median
    assert found[0, inner, 1].max() < 0.05
    assert not found[0, -20:, 0].any()
    assert (found[0, -20:, 1] == 1).all(), "silence"
    assert not found[3, :, 0].any(), "a voice below -80 dB is silence, too"
    assert (found[3, :, 1] == 1).all()
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)  # the level does not matter
    assert (found[2, :, 0] == 0).mean() > 0.98
    assert np.median(found[2, :, 1]) > 0.6


@pytest.mark.parametrize("sound", ["silence", "constant", "click", "noise", "soft noise"])
def test_features_are_finite_on_anything(sound: str) -> None:
    spec = FeatureSpec(kind="acoustic", sample_rate=8_000, duration_s=0.5, pitch=True)
    rng = np.random.default_rng(5)
    clip = {
        "silence": np.zeros(spec.n_samples),
        "constant": np.full(spec.n_samples, 0.5),
        "click": np.eye(1, spec.n_samples, 2_000)[0],
        "noise": rng.standard_normal(spec.n_samples),
        "soft noise": 1e-9 * rng.standard_normal(spec.n_samples),
    }[sound]
    features = extract(clip[None].astype(np.float32), spec)
    assert np.isfinite(features).all()
    voicing = features[0, :, spec.feature_names.index("aperiodicity")]
    assert voicing.min() >= 0
    assert voicing.max() <= 1
