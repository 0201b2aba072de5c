"""The fixed matrices of the front ends: mel bands, pitch classes, cosine transform.

They are those of librosa with its default settings (tests hold them to it), computed here because importing
librosa compiles for seconds, in every process that would only want three small matrices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["chroma_bank", "cosine_bank", "mel_bank"]

Bank = npt.NDArray[np.float32]

_A0_HZ = 27.5
_LINEAR_HZ_PER_MEL = 200 / 3
_LOG_FROM_HZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def mel_bank(sample_rate: int, window_length: int, n_mels: int, fmin: float, fmax: float) -> Bank:
    """Triangular bands of equal area, equally spaced on Slaney's mel scale.

    Source: M. Slaney, *Auditory Toolbox*, version 2, Interval Research 1998-010 (`librosa.filters.mel`).

    Args:
        sample_rate: Hz.
        window_length: samples of the Fourier transform.
        n_mels: number of bands.
        fmin: lower edge of the lowest band in Hz.
        fmax: upper edge of the highest band in Hz.

    Returns:
        float32 (n_mels, 1 + window_length // 2), weights of power-spectrum bins.
    """
    bins = np.fft.rfftfreq(window_length, 1 / sample_rate)
    edges = _mel_to_hz(np.linspace(_hz_to_mel(fmin), _hz_to_mel(fmax), n_mels + 2))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (middle - low)
    falling = (high - bins) / (high - middle)
    weights = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return weights.astype(np.float32)


def chroma_bank(sample_rate: int, window_length: int, n_chroma: int) -> Bank:
    """How much each frequency bin counts towards each pitch class, from C upwards, in concert pitch (A = 440 Hz).

    Each bin spreads as a Gaussian around its pitch; bins far from the fifth octave count less.
    Source: D. Ellis, *Chroma feature analysis and synthesis*, 2007 (`librosa.filters.chroma`, tuning 0).

    Args:
        sample_rate: Hz.
        window_length: samples of the Fourier transform.
        n_chroma: pitch classes in an octave, a multiple of 12.

    Returns:
        float32 (n_chroma, 1 + window_length // 2), weights of power-spectrum bins.
    """
    bins_hz = np.arange(1, window_length) * (sample_rate / window_length)
    pitch = n_chroma * np.log2(bins_hz / _A0_HZ)
    # 0 Hz has no pitch: it is put an octave and a half below the first bin, where it is broad and weak.
    pitch = np.concatenate([[pitch[0] - 1.5 * n_chroma], pitch])
    width = np.concatenate([np.maximum(np.diff(pitch), 1.0), [1.0]])
    half = n_chroma // 2
    distance = np.remainder(pitch - np.arange(n_chroma)[:, None] + half, n_chroma) - half
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * ((pitch / n_chroma - 5.0) / 2.0) ** 2)
    from_c: Bank = np.roll(weights, -3 * (n_chroma // 12), axis=0).astype(np.float32)
    return from_c[:, : 1 + window_length // 2]


def cosine_bank(n_mels: int, n_mfcc: int) -> Bank:
    """The first rows of the orthonormal discrete cosine transform, type II: float32 (n_mfcc, n_mels)."""
    order = np.arange(n_mfcc)[:, None]
    angles = np.pi / n_mels * order * (np.arange(n_mels) + 0.5)
    bank: Bank = (np.sqrt(2 / n_mels) * np.cos(angles)).astype(np.float32)
    bank[0] /= np.sqrt(np.float32(2))
    return bank


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_FROM_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_LOG_FROM_MEL + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = mel * _LINEAR_HZ_PER_MEL
    return np.where(mel < _LOG_FROM_MEL, linear, _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - _LOG_FROM_MEL)))
