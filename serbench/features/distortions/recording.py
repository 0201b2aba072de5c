"""What recording and transmission do to a voice: band, level, clipping, speed, a part that is missing."""

from __future__ import annotations

from typing import Final

import numpy as np

from serbench.features.audio import Waveform

__all__ = ["TELEPHONE_HZ", "at_speed", "band_limited", "clipped", "cut_end", "cut_start", "scaled"]

TELEPHONE_HZ: Final = (300.0, 3400.0)
"""The band of a narrow-band telephone (ITU-T G.712)."""

_ORDER: Final = 8


def band_limited(waveform: Waveform, sample_rate: int, band_hz: tuple[float, float] = TELEPHONE_HZ) -> Waveform:
    """Keeps a band of frequencies: a Butterworth filter of order 8 at each edge, forwards and backwards.

    Args:
        waveform: (samples,).
        sample_rate: in Hz. An upper edge that it cannot hold filters nothing.
        band_hz: lower and upper edge (-6 dB).

    Returns:
        float32 (samples,), without delay.
    """
    from scipy import signal

    filtered = np.asarray(waveform, dtype=np.float64)
    for edge, kind in zip(band_hz, ("highpass", "lowpass"), strict=True):
        if edge < sample_rate / 2:
            sections = signal.butter(_ORDER, edge, kind, fs=sample_rate, output="sos")
            padding = min(3 * (2 * len(sections) + 1), len(filtered) - 1)
            filtered = signal.sosfiltfilt(sections, filtered, padlen=padding)
    return filtered.astype(np.float32)


def scaled(waveform: Waveform, gain_db: float) -> Waveform:
    """Changes the level. Nothing is clipped, since samples are floats."""
    return np.asarray(waveform * np.float32(10 ** (gain_db / 20)), dtype=np.float32)


def clipped(waveform: Waveform, below_peak_db: float) -> Waveform:
    """Clips a waveform at a level below its own peak, as an input that is set too loud does.

    Args:
        waveform: (samples,).
        below_peak_db: how far the limit lies below the clip's peak, in decibels.
    """
    limit = float(np.abs(waveform).max(initial=0.0)) * 10 ** (-below_peak_db / 20)
    return np.clip(waveform, -limit, limit).astype(np.float32)


def at_speed(waveform: Waveform, speed: float) -> Waveform:
    """Plays a waveform faster or slower, by resampling: duration and pitch change, as on a tape.

    Source: Ko et al. 2015, https://doi.org/10.21437/Interspeech.2015-711.
    """
    import soxr

    return np.asarray(soxr.resample(waveform, speed, 1.0, quality="HQ"))


def cut_start(waveform: Waveform, samples: int) -> Waveform:
    """Cuts off the beginning, at most half of the waveform."""
    return waveform[min(samples, len(waveform) // 2) :]


def cut_end(waveform: Waveform, samples: int) -> Waveform:
    """Cuts off the end, at most half of the waveform."""
    return waveform[: len(waveform) - min(samples, len(waveform) // 2)]
