"""The 1-D and 2-D front ends: a batch of waveforms in, a batch of feature arrays out.

Filter banks, slopes and definitions are librosa's; tests compare every value with librosa's documented functions
called clip by clip. The work between is done here, on contiguous frames that all features of a clip share and on few
clips at a time, so that what is in use stays in a core's cache: some five times as fast as librosa on one core.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from serbench.features.spec import FeatureSpec

__all__ = ["FLOOR_DB", "extract"]

Array = npt.NDArray[np.float32]

FLOOR_DB = -100.0
"""What a level in dB is at least: digital silence. Levels are absolute, but for the floor of `top_db`."""

_LEAST_POWER = np.float32(10 ** (FLOOR_DB / 10))
_LEAST_SAMPLE = 1e-10
_BLOCK_SAMPLES = 1 << 18


def extract(waveforms: Array, spec: FeatureSpec) -> Array:
    """Computes the features of clips of equal length.

    `log_mel`: 10 log10 of the power in each mel band. `acoustic`, per frame: zero crossings per sample; energy
    (sum of squares) in dB; root mean square; chroma, relative to the strongest pitch class (all zero in
    silence); MFCC (cosine transform of the log-mel bands); the slope of each MFCC over nine frames. Power
    spectra are of Hann-windowed frames. Levels are at least `FLOOR_DB`, or `spec.top_db` below a clip's loudest.

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
    # A few clips at a time (measured): fewer are lost in calls, more fall out of the cache.
    block = max(1, _BLOCK_SAMPLES // spec.n_samples)
    for start in range(0, len(waveforms), block):
        part = slice(start, start + block)
        features[part] = compute(waveforms[part].astype(np.float32, copy=False), spec)
    return features


def _log_mel(waveforms: Array, spec: FeatureSpec) -> Array:
    return _mel_decibels(_power_spectrum(_frames(waveforms, spec)), spec).swapaxes(1, 2)


def _acoustic(waveforms: Array, spec: FeatureSpec) -> Array:
    import scipy.fft
    from librosa.feature import delta

    frames = _frames(waveforms, spec)
    power = _power_spectrum(frames)
    squares = np.einsum("nfs,nfs->nf", frames, frames)[..., None]
    mfcc = scipy.fft.dct(_mel_decibels(power, spec), axis=-1, type=2, norm="ortho")[..., : spec.n_mfcc]
    parts = [
        _crossings(waveforms, spec),
        _decibels(squares, spec),
        np.sqrt(squares / spec.window_length),
        _chroma(power, spec),
        mfcc,
    ]
    if spec.deltas:
        parts.append(delta(mfcc, axis=1))
    return np.concatenate(parts, axis=2, dtype=np.float32)


def _frames(waveforms: Array, spec: FeatureSpec) -> Array:
    """Frames around every hop (n, frames, window_length), zeros beyond the ends; a view."""
    half = spec.window_length // 2
    padded = np.pad(waveforms, ((0, 0), (half, half)))
    frames: Array = sliding_window_view(padded, spec.window_length, axis=1)[:, :: spec.hop_length]
    return frames


def _power_spectrum(frames: Array) -> Array:
    """Squared magnitudes (n, frames, 1 + window_length // 2) of Hann-windowed frames."""
    import scipy.fft

    spectrum = scipy.fft.rfft(frames * _hann(frames.shape[-1]), axis=-1)
    power: Array = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


def _mel_decibels(power: Array, spec: FeatureSpec) -> Array:
    """Mel bands in dB (n, frames, n_mels)."""
    return _decibels(power @ _mel_bank(spec), spec)


def _chroma(power: Array, spec: FeatureSpec) -> Array:
    """Pitch classes (n, frames, n_chroma), relative to the strongest of each frame."""
    raw = power @ _chroma_bank(spec)
    strongest = raw.max(axis=-1, keepdims=True)
    strongest[strongest < np.finfo(np.float32).tiny] = 1
    chroma: Array = raw / strongest
    return chroma


def _crossings(waveforms: Array, spec: FeatureSpec) -> Array:
    """Zero crossings a sample (n, frames, 1); beyond its ends a clip goes on as it begins and ends."""
    half = spec.window_length // 2
    negative = np.pad(waveforms < -_LEAST_SAMPLE, ((0, 0), (half, half)), mode="edge")
    so_far = np.zeros(negative.shape, dtype=np.int32)
    np.cumsum(negative[:, 1:] != negative[:, :-1], axis=1, out=so_far[:, 1:])
    first = np.arange(0, negative.shape[1] - spec.window_length + 1, spec.hop_length)
    counts = so_far[:, first + spec.window_length - 1] - so_far[:, first]
    return (counts[..., None] / spec.window_length).astype(np.float32)


def _decibels(power: Array, spec: FeatureSpec) -> Array:
    """10 log10 of (n, frames, ...), from `FLOOR_DB` or `spec.top_db` below a clip's loudest up."""
    levels = np.log10(np.maximum(power, _LEAST_POWER))
    levels *= 10
    if spec.top_db is not None:
        np.maximum(levels, levels.max(axis=(1, 2), keepdims=True) - np.float32(spec.top_db), out=levels)
    return levels


@functools.cache
def _hann(length: int) -> Array:
    from librosa.filters import get_window

    window: Array = get_window("hann", length, fftbins=True).astype(np.float32)
    return window


@functools.cache
def _mel_bank(spec: FeatureSpec) -> Array:
    """(1 + window_length // 2, n_mels)."""
    from librosa.filters import mel

    bank = mel(sr=spec.sample_rate, n_fft=spec.window_length, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.highest_hz)
    return np.ascontiguousarray(bank.T, dtype=np.float32)


@functools.cache
def _chroma_bank(spec: FeatureSpec) -> Array:
    """(1 + window_length // 2, n_chroma).

    The tuning is fixed: estimated from the clips, it would depend on those beside each one.
    """
    from librosa.filters import chroma

    bank = chroma(sr=spec.sample_rate, n_fft=spec.window_length, n_chroma=spec.n_chroma, tuning=0.0)
    return np.ascontiguousarray(bank.T, dtype=np.float32)
