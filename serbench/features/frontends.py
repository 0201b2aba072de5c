"""The 1-D and 2-D front ends: a batch of waveforms in, a batch of feature arrays out.

Every value is librosa's (see `FeatureSpec` for the frames): tests compare clip by clip with its documented
functions. Here all features of a frame share one Fourier transform, and clips are taken a few at a time.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from serbench.features.filters import Bank, chroma_bank, cosine_bank, mel_bank
from serbench.features.spec import FeatureSpec

__all__ = ["FLOOR_DB", "extract"]

Array = npt.NDArray[np.float32]

FLOOR_DB = -100.0
"""What a level in dB is at least: digital silence. Levels are absolute, relative to nothing in the clip."""

_LEAST_POWER = np.float32(10 ** (FLOOR_DB / 10))
_LEAST_SAMPLE = np.float32(1e-10)
_BLOCK_SAMPLES = 1 << 18
_DELTA_REACH = 4


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
    tables = _tables(spec)
    features = np.empty((len(waveforms), *spec.shape), dtype=np.float32)
    # A few clips at a time: their frames overlap, and many would leave the processor's cache.
    block = max(1, _BLOCK_SAMPLES // spec.n_samples)
    for start in range(0, len(waveforms), block):
        part = slice(start, start + block)
        compute(waveforms[part].astype(np.float32, copy=False), spec, tables, features[part])
    return features


class _Tables(NamedTuple):
    """What one front end multiplies with, each as (from, to)."""

    window: Array
    mel: Bank
    chroma: Bank
    cosine: Bank


@functools.lru_cache(maxsize=16)
def _tables(spec: FeatureSpec) -> _Tables:
    length, rate = spec.window_length, spec.sample_rate
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    tables = (
        window.astype(np.float32),
        mel_bank(rate, length, spec.n_mels, spec.fmin, spec.highest_hz).T.copy(),
        chroma_bank(rate, length, spec.n_chroma).T.copy(),
        cosine_bank(spec.n_mels, spec.n_mfcc).T.copy(),
    )
    for table in tables:
        table.flags.writeable = False
    return _Tables(*tables)


def _log_mel(waveforms: Array, spec: FeatureSpec, tables: _Tables, out: Array) -> None:
    power = _power_spectrum(_frames(waveforms, spec), tables.window)
    out[...] = _decibels(power @ tables.mel).swapaxes(1, 2)


def _acoustic(waveforms: Array, spec: FeatureSpec, tables: _Tables, out: Array) -> None:
    frames = _frames(waveforms, spec)
    energy = np.einsum("ntw,ntw->nt", frames, frames)
    power = _power_spectrum(frames, tables.window)
    mfcc = _decibels(power @ tables.mel) @ tables.cosine
    chroma = power @ tables.chroma
    strongest = chroma.max(axis=-1, keepdims=True)
    chroma /= np.where(strongest < np.finfo(np.float32).tiny, np.float32(1), strongest)
    out[..., 0] = _zero_crossing_rate(waveforms, spec)
    out[..., 2] = np.sqrt(energy / np.float32(spec.window_length))
    out[..., 1] = _decibels(energy)
    first_mfcc = 3 + spec.n_chroma
    out[..., 3:first_mfcc] = chroma
    out[..., first_mfcc : first_mfcc + spec.n_mfcc] = mfcc
    if spec.deltas:
        out[..., first_mfcc + spec.n_mfcc :] = _slopes(mfcc)


def _frames(waveforms: Array, spec: FeatureSpec) -> Array:
    """A view (n, frames, window_length) on the waveforms with half a window of zeros at both ends."""
    half = spec.window_length // 2
    padded = np.pad(waveforms, ((0, 0), (half, half)))
    return sliding_window_view(padded, spec.window_length, axis=1)[:, :: spec.hop_length]


def _power_spectrum(frames: Array, window: Array) -> Array:
    """Squared magnitudes (n, frames, 1 + window_length // 2)."""
    import scipy.fft  # twice as fast as NumPy's in single precision

    spectrum = scipy.fft.rfft(frames * window, axis=-1)
    power: Array = spectrum.real**2 + spectrum.imag**2
    return power


def _decibels(power: Array) -> Array:
    """10 log10, in place: `power` is spent."""
    np.maximum(power, _LEAST_POWER, out=power)
    np.log10(power, out=power)
    power *= np.float32(10)
    return power


def _zero_crossing_rate(waveforms: Array, spec: FeatureSpec) -> Array:
    """Sign changes between neighbours inside each frame, divided by its length: (n, frames).

    Samples within 1e-10 of zero count as positive; beyond the ends the sign does not change.
    """
    negative = waveforms < -_LEAST_SAMPLE
    changes = negative[:, 1:] != negative[:, :-1]
    first = np.arange(spec.frames) * spec.hop_length - spec.window_length // 2
    rates = np.empty((len(waveforms), spec.frames), dtype=np.float32)
    for rate, change in zip(rates, changes, strict=True):
        # A change at index i lies between samples i and i + 1, both of which have to be in the frame.
        where = np.flatnonzero(change)
        counts = np.searchsorted(where, first + spec.window_length - 1) - np.searchsorted(where, first)
        rate[:] = counts / spec.window_length
    return rates


def _slopes(values: Array) -> Array:
    """Slope over time (axis 1) of the straight line through nine frames; the ends repeat the outermost line's."""
    reach = _DELTA_REACH
    n_inner = values.shape[1] - 2 * reach
    inner = np.zeros((values.shape[0], n_inner, values.shape[2]), dtype=np.float32)
    for step in range(1, reach + 1):
        later = values[:, reach + step : reach + step + n_inner]
        earlier = values[:, reach - step : reach - step + n_inner]
        inner += np.float32(step) * (later - earlier)
    inner /= np.float32(2 * sum(step * step for step in range(1, reach + 1)))
    return np.pad(inner, ((0, 0), (reach, reach), (0, 0)), mode="edge")
