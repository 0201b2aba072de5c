"""The 1-D and 2-D front ends: a batch of waveforms in, a batch of feature arrays out, through librosa.

All features of a frame share one Fourier transform, and clips are taken a few at a time; tests compare every
value with librosa's documented functions called clip by clip.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serbench.features.spec import FeatureSpec

__all__ = ["FLOOR_DB", "extract"]

Array = npt.NDArray[np.float32]

FLOOR_DB = -100.0
"""What a level in dB is at least: digital silence. Levels are absolute, relative to nothing in the clip."""

_LEAST_POWER = 10 ** (FLOOR_DB / 10)
_BLOCK_SAMPLES = 1 << 20


def extract(waveforms: Array, spec: FeatureSpec) -> Array:
    """Computes the features of clips of equal length.

    `log_mel`: 10 log10 of the power in each mel band. `acoustic`, per frame: zero crossings per sample; energy
    (sum of squares) in dB; root mean square; chroma, relative to the strongest pitch class (all zero in
    silence); MFCC (cosine transform of the log-mel bands); the slope of each MFCC over nine frames. Power
    spectra are of Hann-windowed frames. Levels are at least `FLOOR_DB`.

    A clip's features do not depend on the clips beside it.

    Args:
        waveforms: float32 (n, spec.n_samples) at spec.sample_rate.
        spec: the front end.

    Returns:
        float32 (n, *spec.shape).

    Raises:
        ValueError: the waveforms have another length than `spec` says.
    """
    if waveforms.ndim != 2 or waveforms.shape[1] != spec.n_samples:
        raise ValueError(f"waveforms of shape (n, {spec.n_samples}) are needed, not {waveforms.shape}")
    compute = _log_mel if spec.kind == "log_mel" else _acoustic
    features = np.empty((len(waveforms), *spec.shape), dtype=np.float32)
    # Some thirty clips at a time: fewer would build the filter banks anew too often, more would take memory.
    block = max(1, _BLOCK_SAMPLES // spec.n_samples)
    for start in range(0, len(waveforms), block):
        part = slice(start, start + block)
        features[part] = compute(waveforms[part].astype(np.float32, copy=False), spec)
    return features


def _log_mel(waveforms: Array, spec: FeatureSpec) -> Array:
    return _mel_decibels(_power_spectrum(waveforms, spec), spec)


def _acoustic(waveforms: Array, spec: FeatureSpec) -> Array:
    import librosa

    framing = {"frame_length": spec.window_length, "hop_length": spec.hop_length}
    power = _power_spectrum(waveforms, spec)
    rms = librosa.feature.rms(y=waveforms, **framing)
    energy = _decibels(np.square(rms) * spec.window_length)
    # The tuning is fixed: estimated from the clips, it would depend on those beside each one.
    chroma = librosa.feature.chroma_stft(S=power, sr=spec.sample_rate, n_chroma=spec.n_chroma, tuning=0.0)
    mfcc = librosa.feature.mfcc(S=_mel_decibels(power, spec), n_mfcc=spec.n_mfcc)
    parts = [librosa.feature.zero_crossing_rate(waveforms, **framing), energy, rms, chroma, mfcc]
    if spec.deltas:
        parts.append(librosa.feature.delta(mfcc))
    return np.concatenate(parts, axis=1, dtype=np.float32).swapaxes(1, 2)


def _power_spectrum(waveforms: Array, spec: FeatureSpec) -> Array:
    """Squared magnitudes (n, 1 + window_length // 2, frames)."""
    import librosa

    spectrum = librosa.stft(waveforms, n_fft=spec.window_length, hop_length=spec.hop_length)
    power: Array = spectrum.real**2 + spectrum.imag**2
    return power


def _mel_decibels(power: Array, spec: FeatureSpec) -> Array:
    """Mel bands in dB (n, n_mels, frames)."""
    from librosa.filters import mel

    bank = mel(sr=spec.sample_rate, n_fft=spec.window_length, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.highest_hz)
    # A matrix product a clip: librosa's own contraction of a batch is several times slower.
    return _decibels(bank @ power)


def _decibels(power: Array) -> Array:
    """10 log10, without librosa's default of cutting 80 dB below the loudest of the batch."""
    import librosa

    levels: Array = librosa.power_to_db(power, ref=1.0, amin=_LEAST_POWER, top_db=None)
    return levels
