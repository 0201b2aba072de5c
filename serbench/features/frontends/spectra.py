"""Settings and arithmetic shared by serbench's own front ends: frames, power spectra, mel bands, levels in dB.

Filter banks, slopes and definitions are librosa's. Tests compare every value with librosa's documented functions,
called clip by clip. The steps between are computed here, on contiguous frames that all features of a clip share and on
few clips at a time, so that the data in use stays in a core's cache. On one core this is about five times as fast as
librosa.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field, model_validator

from serbench.errors import SerbenchError
from serbench.features.frontends.base import Array, FeatureSpec
from serbench.features.frontends.graph import GraphOps, graph_decibels, graph_frames, graph_power

__all__ = [
    "FLOOR_DB",
    "SpectralSettings",
    "decibels",
    "frames_of",
    "graph_levels",
    "graph_magnitudes",
    "graph_spectrum",
    "in_blocks",
    "mel_decibels",
    "mel_magnitudes",
    "power_spectrum",
]

FLOOR_DB = -100.0
"""Lowest level in dB, that of digital silence. Levels are absolute, except for the lower limit set by `top_db`."""

_LEAST_POWER = np.float32(10 ** (FLOOR_DB / 10))
_BLOCK_SAMPLES = 1 << 18
_MOST_OVERLAP = 16
_LONGEST_IN_GRAPH = 4_096


class SpectralSettings(FeatureSpec):
    """Settings of a front end that sums power spectra of frames into mel bands.

    Frames are centred: frame `t` covers `window_length` samples around sample `t * hop_length`, with zeros
    beyond the ends, so there are `1 + n_samples // hop_length` of them (librosa's `center=True`).

    Attributes:
        window_length: samples in one frame, even; also the length of the Fourier transform.
        hop_length: samples from one frame to the next.
        n_mels: mel bands, of the log-mel spectrogram or under the MFCC.
        fmin: lower edge of the mel bands in Hz.
        fmax: upper edge of the mel bands in Hz; None is half the sample rate.
        top_db: levels lie at most this many dB below the clip's loudest one, as in librosa's `power_to_db`; None
            lets them fall to -100 dB. So the zeros that fill up a short clip look like its quietest moments.
    """

    window_length: int = Field(default=512, ge=32, le=8_192, multiple_of=2)
    hop_length: int = Field(default=256, ge=1)
    n_mels: int = Field(default=64, ge=1, le=512)
    fmin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    fmax: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    top_db: float | None = Field(default=None, ge=10, le=200, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.hop_length > self.window_length:
            raise ValueError(
                f"hop_length ({self.hop_length}) must not exceed window_length ({self.window_length}): "
                "samples between the frames would be lost"
            )
        if self.hop_length * _MOST_OVERLAP < self.window_length:
            raise ValueError(
                f"hop_length ({self.hop_length}) must be at least a sixteenth of window_length ({self.window_length})"
            )
        if self.fmax is not None and self.fmax > self.sample_rate / 2:
            raise ValueError(
                f"fmax ({self.fmax:g} Hz) must not exceed half the sample rate ({self.sample_rate / 2:g} Hz)"
            )
        if self.fmin >= self.highest_hz:
            raise ValueError(f"fmin ({self.fmin:g} Hz) must be below fmax ({self.highest_hz:g} Hz)")
        if self.n_samples < self.window_length:
            raise ValueError(
                f"duration_s ({self.duration_s:g}) must hold at least one window "
                f"({self.window_length / self.sample_rate:g} s)"
            )
        return self

    @property
    def highest_hz(self) -> float:
        """Upper edge of the mel bands in Hz, with None resolved."""
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    @property
    def frames(self) -> int:
        """Number of frames."""
        return 1 + self.n_samples // self.hop_length

    @property
    def empty_mel_bands(self) -> tuple[int, ...]:
        """Mel bands so narrow that no frequency bin falls into them. They are constant and carry no information.

        This is not an error, but a search with such bands should use fewer bands or a longer window.
        """
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # librosa gives the same warning
            bank = _mel_filters(self)
        return tuple(band for band, weights in enumerate(bank) if not weights.any())

    def empty_band_concerns(self) -> tuple[str, ...]:
        """Returns a sentence if mel bands are empty, and nothing otherwise."""
        if not (empty := self.empty_mel_bands):
            return ()
        return (
            f"{len(empty)} of {self.n_mels} mel bands are so narrow that they hold no information (the first is band "
            f"{empty[0]}); lower n_mels or raise window_length",
        )

    def spectral_meaning(self) -> dict[str, Any]:
        """Returns what the values depend on (see `FrontEnd.meaning`), with derived defaults resolved."""
        idle = {"top_db"} if self.top_db is None else set()
        value = self.model_dump(mode="json", exclude={"duration_s", "fmax", *idle})
        return value | {"n_samples": self.n_samples, "highest_hz": self.highest_hz}


def in_blocks(waveforms: Array, shape: tuple[int, ...], compute: Callable[[Array], Array]) -> Array:
    """Computes features of a few clips at a time.

    The block size was measured: smaller blocks lose time in calls, larger ones do not fit into the CPU cache.

    Args:
        waveforms: (n, samples).
        shape: shape of one clip's features.
        compute: called with some of the waveforms.

    Returns:
        float32 (n, *shape).
    """
    features = np.empty((len(waveforms), *shape), dtype=np.float32)
    block = max(1, _BLOCK_SAMPLES // waveforms.shape[1])
    for start in range(0, len(waveforms), block):
        part = slice(start, start + block)
        features[part] = compute(waveforms[part])
    return features


def frames_of(waveforms: Array, settings: SpectralSettings) -> Array:
    """Returns the frames around every hop as a view, (n, frames, window_length), with zeros beyond the ends."""
    half = settings.window_length // 2
    padded = np.pad(waveforms, ((0, 0), (half, half)))
    frames: Array = sliding_window_view(padded, settings.window_length, axis=1)[:, :: settings.hop_length]
    return frames


def power_spectrum(frames: Array) -> Array:
    """Returns the squared magnitudes (n, frames, 1 + window_length // 2) of Hann-windowed frames."""
    import scipy.fft

    spectrum = scipy.fft.rfft(frames * _hann(frames.shape[-1]), axis=-1)
    power: Array = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


def mel_decibels(power: Array, settings: SpectralSettings) -> Array:
    """Returns mel bands in dB, (n, frames, n_mels)."""
    return decibels(power @ _mel_bank(settings), settings.top_db)


def mel_magnitudes(power: Array, settings: SpectralSettings) -> Array:
    """Returns mel bands of magnitudes, (n, frames, n_mels), from power spectra."""
    return np.sqrt(power) @ _mel_bank(settings)


def decibels(power: Array, top_db: float | None) -> Array:
    """Returns 10 log10 of (n, frames, ...), at least `FLOOR_DB` and at least `top_db` below a clip's loudest level."""
    levels = np.log10(np.maximum(power, _LEAST_POWER))
    levels *= 10
    if top_db is not None:
        np.maximum(levels, levels.max(axis=(1, 2), keepdims=True) - np.float32(top_db), out=levels)
    return levels


def graph_spectrum(ops: GraphOps, waveforms: Any, settings: SpectralSettings) -> tuple[Any, Any]:
    """Returns frames and power spectra as `frames_of` and `power_spectrum` do, within an exported graph.

    Raises:
        SerbenchError: the window is so long that the matrices of the Fourier transform would fill the file.
    """
    if settings.window_length > _LONGEST_IN_GRAPH:
        raise SerbenchError(
            f"a window_length of {settings.window_length:,} is too long for a graph (at most {_LONGEST_IN_GRAPH:,}): "
            "export the format keras only"
        )
    frames = graph_frames(ops, waveforms, settings)
    return frames, graph_power(ops, frames, _hann(settings.window_length))


def graph_levels(ops: GraphOps, power: Any, settings: SpectralSettings) -> Any:
    """Returns mel bands in dB as `mel_decibels` does, within an exported graph."""
    return graph_decibels(ops, ops.matmul(power, _mel_bank(settings)), float(_LEAST_POWER), settings.top_db)


def graph_magnitudes(ops: GraphOps, power: Any, settings: SpectralSettings) -> Any:
    """Returns mel bands of magnitudes as `mel_magnitudes` does, within an exported graph."""
    return ops.matmul(ops.square_root(power), _mel_bank(settings))


@functools.cache
def _hann(length: int) -> Array:
    from librosa.filters import get_window

    window: Array = get_window("hann", length, fftbins=True).astype(np.float32)
    return window


@functools.cache
def _mel_bank(settings: SpectralSettings) -> Array:
    """The mel filter bank, (1 + window_length // 2, n_mels)."""
    return np.ascontiguousarray(_mel_filters(settings).T, dtype=np.float32)


def _mel_filters(settings: SpectralSettings) -> Array:
    """The mel filter bank as librosa builds it, (n_mels, 1 + window_length // 2)."""
    from librosa.filters import mel

    bank: Array = mel(
        sr=settings.sample_rate,
        n_fft=settings.window_length,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.highest_hz,
    )
    return bank
