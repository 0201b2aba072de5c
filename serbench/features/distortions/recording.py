"""What recording and transmission do to a voice: band, level, clipping, speed, pitch, a part that is missing."""

from __future__ import annotations

from typing import Final

import numpy as np

from serbench.features.audio import Waveform

__all__ = [
    "TELEPHONE_HZ",
    "at_pitch",
    "at_speed",
    "band_limited",
    "clipped",
    "cut_end",
    "cut_start",
    "scaled",
]

TELEPHONE_HZ: Final = (300.0, 3400.0)
"""The band of a narrow-band telephone (ITU-T G.712)."""

_ORDER: Final = 8
_VOCODER_S: Final = 0.064
"""Least length of the frames of the phase vocoder: some periods of any voice."""


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


def at_pitch(waveform: Waveform, semitones: float, sample_rate: int) -> Waveform:
    """Raises or lowers a waveform's pitch and formants at its own duration.

    A phase vocoder changes the duration (J. Flanagan, R. Golden, 1966,
    https://doi.org/10.1002/j.1538-7305.1966.tb01706.x), and another speed takes that back.

    Args:
        waveform: (samples,).
        semitones: above zero raises the pitch.
        sample_rate: in Hz.

    Returns:
        float32 (samples,), as long as before.
    """
    from librosa.effects import pitch_shift

    length = 1 << round(_VOCODER_S * sample_rate - 1).bit_length()
    held = np.pad(waveform, (0, max(0, length - len(waveform))))
    return np.asarray(pitch_shift(held, sr=sample_rate, n_steps=semitones, n_fft=length)[: len(waveform)])


def cut_start(waveform: Waveform, samples: int) -> Waveform:
    """Cuts off the beginning, at most half of the waveform."""
    return waveform[min(samples, len(waveform) // 2) :]


def cut_end(waveform: Waveform, samples: int) -> Waveform:
    """Cuts off the end, at most half of the waveform."""
    return waveform[: len(waveform) - min(samples, len(waveform) // 2)]
