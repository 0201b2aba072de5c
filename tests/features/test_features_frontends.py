"""The front ends against librosa's documented functions, one clip at a time."""

import librosa
import numpy as np
import pytest

from serbench.features import FeatureSpec, extract
from serbench.features.frontends.spectra import frames_of, mel_magnitudes, power_spectrum

SPECS = [
    {},
    {"sample_rate": 11_025, "window_length": 400, "hop_length": 110, "n_mels": 40, "n_mfcc": 13, "deltas": False},
    {"duration_s": 0.777, "window_length": 1024, "hop_length": 1024, "fmin": 50.0, "fmax": 7_600.0},
    {"sample_rate": 8_000, "window_length": 256, "hop_length": 100, "n_mels": 30, "n_chroma": 24},
    {"sample_rate": 11_025, "window_length": 512, "hop_length": 256, "top_db": 60.0},
]


def waveforms(spec: FeatureSpec) -> np.ndarray:
    """Voice-like sound with pauses; noise at many levels; a click; digital silence.

    The voice stands in a little noise, as every recording does: librosa transforms in double precision, the front
    end in single, and 120 dB below a harmonic they differ.
    """
    rng = np.random.default_rng(7)
    time = np.arange(spec.n_samples) / spec.sample_rate
    voice = sum(np.sin(2 * np.pi * 140 * k * time + k) / k for k in range(1, 20)) * np.hanning(spec.n_samples)
    voice += 1e-3 * rng.standard_normal(spec.n_samples)
    voice[spec.n_samples // 2 :] = 0
    noise = rng.standard_normal(spec.n_samples) * np.logspace(-7, 0, spec.n_samples)
    click = np.zeros(spec.n_samples)
    click[spec.n_samples // 3] = -0.9
    loud = 2 * rng.standard_normal(spec.n_samples)
    return np.stack([0.2 * voice, noise, click, loud, np.zeros_like(click)]).astype(np.float32)


def librosa_log_mel(y: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=y,
        sr=spec.sample_rate,
        n_fft=spec.window_length,
        hop_length=spec.hop_length,
        n_mels=spec.n_mels,
        fmin=spec.fmin,
        fmax=spec.fmax,
    )
    return librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=spec.top_db)


def librosa_acoustic(y: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    framing = {"frame_length": spec.window_length, "hop_length": spec.hop_length}
    rms = librosa.feature.rms(y=y, **framing)
    chroma = librosa.feature.chroma_stft(
        y=y,
        sr=spec.sample_rate,
        n_fft=spec.window_length,
        hop_length=spec.hop_length,
        n_chroma=spec.n_chroma,
        tuning=0.0,
    )
    mfcc = librosa.feature.mfcc(S=librosa_log_mel(y, spec), n_mfcc=spec.n_mfcc)
    parts = [
        librosa.feature.zero_crossing_rate(y, **framing),
        librosa.power_to_db(rms**2 * spec.window_length, ref=1.0, amin=1e-10, top_db=spec.top_db),
        rms,
        chroma,
        mfcc,
        *([librosa.feature.delta(mfcc)] if spec.deltas else []),
    ]
    return np.concatenate(parts).T


@pytest.mark.long
@pytest.mark.parametrize("settings", SPECS)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_acoustic_features_are_librosas(settings):
    spec = FeatureSpec(kind="acoustic", **settings)
    clips = waveforms(spec)
    features = extract(clips, spec)
    assert features.shape == (len(clips), *spec.shape)
    assert features.dtype == np.float32
    for clip, found in zip(clips, features, strict=True):
        expected = librosa_acoustic(clip, spec)
        # Relative to each feature's own range: a cepstral coefficient of speech reaches hundreds.
        scale = np.maximum(1, np.abs(expected).max(axis=0))
        worst = (np.abs(found - expected) / scale).max(axis=0)
        assert dict(zip(spec.feature_names, worst, strict=True)) == pytest.approx(
            dict.fromkeys(spec.feature_names, 0), abs=1e-4
        )


@pytest.mark.long
@pytest.mark.parametrize("settings", SPECS)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_log_mel_is_librosas(settings):
    spec = FeatureSpec(kind="log_mel", **settings)
    clips = waveforms(spec)
    expected = np.stack([librosa_log_mel(clip, spec) for clip in clips])
    np.testing.assert_allclose(extract(clips, spec), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", SPECS)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_pcen_is_librosas(settings):
    spec = FeatureSpec(kind="log_mel", compression="pcen", **settings)
    clips = waveforms(spec)
    magnitudes = mel_magnitudes(power_spectrum(frames_of(clips, spec)), spec)
    framing = {"sr": spec.sample_rate, "hop_length": spec.hop_length}
    same_bands = [librosa.pcen(one.T.astype(np.float64) * 2**31, **framing) for one in magnitudes]
    found = extract(clips, spec)
    np.testing.assert_allclose(found, np.stack(same_bands), rtol=1e-5, atol=1e-5)
    mels = {"n_fft": spec.window_length, "n_mels": spec.n_mels, "fmin": spec.fmin, "fmax": spec.fmax}
    noisy = clips[[1, 3]]  # in the others, bands far below a harmonic are rounding, and PCEN has no floor
    whole = [librosa.feature.melspectrogram(y=one, power=1, **mels, **framing) for one in noisy]
    np.testing.assert_allclose(
        found[[1, 3]], np.stack([librosa.pcen(one * 2**31, **framing) for one in whole]), rtol=1e-3, atol=1e-3
    )
    assert found.min() >= 0
    assert not found[-1].any(), "silence is zero"


@pytest.mark.parametrize("kind", ["acoustic", "log_mel"])
def test_a_clip_does_not_depend_on_its_neighbours(kind):
    spec = FeatureSpec(kind=kind, duration_s=0.5)
    clips = np.concatenate([waveforms(spec), 100 * waveforms(spec), waveforms(spec)])
    together = extract(clips, spec)
    alone = np.concatenate([extract(clip[None], spec) for clip in clips])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["acoustic", "log_mel"])
def test_silence_is_finite_and_constant(kind):
    spec = FeatureSpec(kind=kind, duration_s=0.5)
    silence = extract(np.zeros((1, spec.n_samples), np.float32), spec)
    assert np.isfinite(silence).all()
    time = 0 if kind == "acoustic" else 1
    assert np.ptp(silence[0], axis=time).max() < 1e-4


def test_waveforms_of_another_length_are_refused():
    spec = FeatureSpec(kind="log_mel")
    with pytest.raises(ValueError, match=r"shape \(n, 48000\)"):
        extract(np.zeros((2, 100), np.float32), spec)
