"""Fundamental frequency and voicing of frames, by YIN for a batch of clips at once.

A. de Cheveigné, H. Kawahara, 2002, https://doi.org/10.1121/1.1458024. Periods are those of `librosa.yin`, which a test
compares; librosa returns no aperiodicity, which tells voiced frames from others.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from serbench.features.frontends.base import Array

__all__ = ["HIGHEST_HZ", "LOWEST_HZ", "pitch", "yin"]

LOWEST_HZ: Final = 65.0
HIGHEST_HZ: Final = 600.0
"""Range of F0: from a low man's voice to a cry."""

_TROUGH: Final = 0.1
_VOICED_BELOW: Final = 0.4
"""Of both measures. On 12 clips of EMO-DB, 88 % of the frames are then voiced or not as pYIN has them, and 0.8 % of the
F0 differ by a quarter of an octave or more. With 0.3 and 0.2 it is 84 and 80 %."""

_LEAST_RMS: Final = 1e-4


def pitch(waveforms: Array, sample_rate: int, hop_length: int) -> Array:
    """Returns F0 and aperiodicity of the frames around every hop.

    A frame is voiced where its normalised difference and its aperiodicity are small and its level is above -80 dB.

    Args:
        waveforms: (n, samples).
        sample_rate: in Hz.
        hop_length: samples from one frame to the next.

    Returns:
        float32 (n, frames, 2). The first is the F0 of voiced frames in octaves above the median of the clip's voiced
        frames, and 0 in other frames. The second is the share of a frame's power that does not repeat with the period,
        0 to 1; 1 in silence.
    """
    f0, difference, aperiodicity, rms = yin(waveforms, sample_rate, hop_length)
    aperiodicity = np.where(rms > _LEAST_RMS, np.clip(aperiodicity, 0, 1), 1)
    octaves = np.where(np.maximum(difference, aperiodicity) < _VOICED_BELOW, np.log2(f0), np.nan)
    found = np.empty((*f0.shape, 2), dtype=np.float32)
    for clip, (row, periodic) in enumerate(zip(octaves, aperiodicity, strict=True)):
        voiced = ~np.isnan(row)
        found[clip, :, 0] = np.where(voiced, row - np.median(row[voiced]), 0.0) if voiced.any() else 0.0
        found[clip, :, 1] = periodic
    return found


def frame_length_of(sample_rate: int) -> int:
    """Returns the samples of a frame, a power of two that holds two of the longest periods."""
    return 1 << (2 * math.ceil(sample_rate / LOWEST_HZ) - 1).bit_length()


def yin(waveforms: Array, sample_rate: int, hop_length: int) -> tuple[Array, Array, Array, Array]:
    """Finds the period of every frame.

    Args:
        waveforms: (n, samples).
        sample_rate: in Hz.
        hop_length: samples from one frame to the next.

    Returns:
        F0 in Hz; YIN's normalised difference at this period; the share of a frame's power that does not repeat with it
        (near 1 in noise, 1 in silence); and the root mean square of the frame: each float32 (n, frames).
    """
    import scipy.fft

    length = frame_length_of(sample_rate)
    shortest, longest = int(sample_rate // HIGHEST_HZ), math.ceil(sample_rate / LOWEST_HZ)
    padded = np.pad(waveforms, ((0, 0), (length // 2, length // 2)))
    frames = sliding_window_view(padded, length, axis=1)[:, ::hop_length]
    size = scipy.fft.next_fast_len(length + longest, real=True)
    spectrum = scipy.fft.rfft(frames, n=size, axis=-1)
    alike = scipy.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), n=size, axis=-1)[..., : longest + 1]
    so_far = np.cumsum(np.square(frames), axis=-1)
    difference = 2 * (alike[..., :1] - alike[..., 1:]) - so_far[..., :longest]
    steps = np.arange(shortest, longest + 1, dtype=np.float32)
    mean = np.cumsum(difference, axis=-1)[..., shortest - 1 :] / steps
    normalised = difference[..., shortest - 1 :] / (mean + np.finfo(np.float32).tiny)
    place = _first_trough(normalised)
    period = shortest + place
    f0 = sample_rate / (period + _refined(normalised, place))
    # Both parts of the frame that are compared: without its last period, and without its first.
    whole = so_far[..., -1]
    compared = whole - _at(so_far, period - 1) + _at(so_far, length - period - 1)
    aperiodicity = 1 - 2 * _at(alike, period) / np.maximum(compared, np.finfo(np.float32).tiny)
    return f0.astype(np.float32), _at(normalised, place), aperiodicity, np.sqrt(whole / length)


def _at(values: Array, place: npt.NDArray[np.int64]) -> Array:
    """Values (n, frames, places) at one place of each frame."""
    found: Array = np.take_along_axis(values, place[..., None], axis=-1)[..., 0]
    return found


def _refined(normalised: Array, place: npt.NDArray[np.int64]) -> Array:
    """Where the parabola through a trough and its neighbours is lowest, relative to the trough, within one step."""
    last = normalised.shape[-1] - 1
    at, before, after = (_at(normalised, np.clip(place + step, 0, last)) for step in (0, -1, 1))
    bend, slope = before + after - 2 * at, (after - before) / 2
    inside = (place > 0) & (place < last) & (np.abs(slope) < np.abs(bend))
    return np.where(inside, -slope / np.where(inside, bend, 1), 0)


def _first_trough(normalised: Array) -> npt.NDArray[np.int64]:
    """The first local minimum below the threshold, or else the lowest place; (..., places) to (...)."""
    lower = np.empty(normalised.shape, dtype=bool)
    lower[..., 1:-1] = (normalised[..., 1:-1] < normalised[..., :-2]) & (normalised[..., 1:-1] <= normalised[..., 2:])
    lower[..., 0] = normalised[..., 0] < normalised[..., 1]
    lower[..., -1] = normalised[..., -1] < normalised[..., -2]
    lower &= normalised < _TROUGH
    found: npt.NDArray[np.int64] = np.where(lower.any(axis=-1), lower.argmax(axis=-1), normalised.argmin(axis=-1))
    return found
