"""`acoustic`: hand-crafted features per frame, which the 1-D family and the SVM reference read."""

from __future__ import annotations

import functools
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from serbench.errors import SerbenchError
from serbench.features.frontends.base import Array, FrontEnd
from serbench.features.frontends.graph import GraphOps, graph_decibels, graph_frames
from serbench.features.frontends.pitch import pitch
from serbench.features.frontends.spectra import (
    FLOOR_DB,
    SpectralSettings,
    decibels,
    frames_of,
    graph_levels,
    graph_spectrum,
    in_blocks,
    mel_decibels,
    power_spectrum,
)

__all__ = ["ACOUSTIC", "Acoustic", "AcousticSettings"]

_DELTA_WIDTH = 9
_LEAST_SAMPLE = 1e-10


class AcousticSettings(SpectralSettings):
    """Settings of `acoustic`.

    Attributes:
        n_mfcc: number of cepstral coefficients.
        n_chroma: number of pitch classes.
        deltas: whether to add the slopes of the MFCC over time.
        pitch: whether to add F0 and aperiodicity (see `serbench.features.frontends.pitch`).
    """

    kind: Literal["acoustic"] = "acoustic"
    n_mfcc: int = Field(default=20, ge=1, le=512)
    n_chroma: int = Field(default=12, ge=12, le=48, multiple_of=12)
    deltas: bool = True
    pitch: bool = Field(default=False, json_schema_extra={"later": True})

    @model_validator(mode="after")
    def _cepstra_fit(self) -> Self:
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc ({self.n_mfcc}) must not exceed n_mels ({self.n_mels})")
        if self.deltas and self.frames < _DELTA_WIDTH:
            raise ValueError(
                f"deltas need at least {_DELTA_WIDTH} frames, there are {self.frames}: "
                "raise duration_s, lower hop_length or set deltas to false"
            )
        return self


class Acoustic(FrontEnd[AcousticSettings]):
    """Zero crossing rate, log energy, RMS, chroma, MFCC, their slopes and pitch per frame: (frames, features)."""

    name = "acoustic"
    title = "acoustic features per frame"
    settings = AcousticSettings
    feature_axis = 1
    time_axis = 0

    def shape(self, settings: AcousticSettings) -> tuple[int, ...]:
        """Returns (frames, features)."""
        return (settings.frames, len(self.feature_names(settings)))

    def feature_names(self, settings: AcousticSettings) -> tuple[str, ...]:
        """Returns the names of the features of one frame, in their order."""
        mfcc = tuple(f"mfcc_{index}" for index in range(settings.n_mfcc))
        deltas = tuple(f"{name}_delta" for name in mfcc) if settings.deltas else ()
        chroma = tuple(f"chroma_{pitch}" for pitch in range(settings.n_chroma))
        voice = ("f0_octaves", "aperiodicity") if settings.pitch else ()
        return ("zero_crossing_rate", "log_energy", "rms", *chroma, *mfcc, *deltas, *voice)

    def extract(self, waveforms: Array, settings: AcousticSettings) -> Array:
        """Computes the features; see `FrontEnd.extract`.

        Per frame: zero crossings per sample; energy (sum of squares) in dB; root mean square; chroma, relative to
        the strongest pitch class (all zero in silence); MFCC (cosine transform of the log-mel bands); the slope of
        each MFCC over nine frames; if asked for, F0 in octaves above the clip's median (0 in unvoiced frames), and the
        share of a frame's power that is not periodic. Levels are at least `FLOOR_DB`, or `settings.top_db` below a
        clip's loudest.
        """
        return in_blocks(waveforms, self.shape(settings), lambda part: _acoustic(part, settings))

    def in_graph(self, ops: GraphOps, waveforms: Any, settings: AcousticSettings) -> Any:
        """Computes the features within an exported graph; see `FrontEnd.in_graph`."""
        import scipy.fft

        if settings.pitch:
            raise SerbenchError(
                "pitch = true cannot be part of an exported graph, which has no search for a period: export the format "
                "keras only"
            )
        frames, power = graph_spectrum(ops, waveforms, settings)
        squares = ops.total(ops.multiply(frames, frames))
        cosines = scipy.fft.dct(np.eye(settings.n_mels), axis=-1, type=2, norm="ortho")[:, : settings.n_mfcc]
        mfcc = ops.matmul(graph_levels(ops, power, settings), np.ascontiguousarray(cosines, dtype=np.float32))
        parts = [
            _crossings_in_graph(ops, waveforms, settings),
            graph_decibels(ops, squares, 10 ** (FLOOR_DB / 10), settings.top_db),
            ops.square_root(ops.divide(squares, settings.window_length)),
            _chroma_in_graph(ops, power, settings),
            mfcc,
        ]
        if settings.deltas:
            parts.append(_slopes_in_graph(ops, mfcc, settings.frames))
        return ops.joined(parts, axis=2)

    def concerns(self, settings: AcousticSettings) -> tuple[str, ...]:
        """Returns a sentence if mel bands under the MFCC are empty, and nothing otherwise."""
        return settings.empty_band_concerns()

    def meaning(self, settings: AcousticSettings) -> dict[str, Any]:
        """Returns all settings, with defaults that depend on other settings resolved."""
        return settings.spectral_meaning()


def _acoustic(waveforms: Array, settings: AcousticSettings) -> Array:
    import scipy.fft
    from librosa.feature import delta

    frames = frames_of(waveforms, settings)
    power = power_spectrum(frames)
    squares = np.einsum("nfs,nfs->nf", frames, frames)[..., None]
    mfcc = scipy.fft.dct(mel_decibels(power, settings), axis=-1, type=2, norm="ortho")[..., : settings.n_mfcc]
    parts = [
        _crossings(waveforms, settings),
        decibels(squares, settings.top_db),
        np.sqrt(squares / settings.window_length),
        _chroma(power, settings),
        mfcc,
    ]
    if settings.deltas:
        parts.append(delta(mfcc, axis=1))
    if settings.pitch:
        parts.append(pitch(waveforms, settings.sample_rate, settings.hop_length))
    return np.concatenate(parts, axis=2, dtype=np.float32)


def _chroma(power: Array, settings: AcousticSettings) -> Array:
    """Pitch classes (n, frames, n_chroma), relative to the strongest in each frame."""
    raw = power @ _chroma_bank(settings)
    strongest = raw.max(axis=-1, keepdims=True)
    strongest[strongest < np.finfo(np.float32).tiny] = 1
    chroma: Array = raw / strongest
    return chroma


def _crossings(waveforms: Array, settings: AcousticSettings) -> Array:
    """Zero crossings per sample (n, frames, 1). Beyond its ends, a clip continues with its first and last sample."""
    half = settings.window_length // 2
    negative = np.pad(waveforms < -_LEAST_SAMPLE, ((0, 0), (half, half)), mode="edge")
    so_far = np.zeros(negative.shape, dtype=np.int32)
    np.cumsum(negative[:, 1:] != negative[:, :-1], axis=1, out=so_far[:, 1:])
    first = np.arange(0, negative.shape[1] - settings.window_length + 1, settings.hop_length)
    counts = so_far[:, first + settings.window_length - 1] - so_far[:, first]
    return (counts[..., None] / settings.window_length).astype(np.float32)


def _crossings_in_graph(ops: GraphOps, waveforms: Any, settings: AcousticSettings) -> Any:
    """As `_crossings`: the changes of sign in a frame, but that between its first sample and the one before."""
    n_samples, window = settings.n_samples, settings.window_length
    negative = ops.less(waveforms, -_LEAST_SAMPLE)
    changes = ops.absolute(ops.subtract(ops.part(negative, 1, 1, n_samples), ops.part(negative, 1, 0, n_samples - 1)))
    frames = graph_frames(ops, changes, settings, before=1)
    return ops.divide(ops.total(ops.part(frames, 2, 1, window)), window)


def _chroma_in_graph(ops: GraphOps, power: Any, settings: AcousticSettings) -> Any:
    raw = ops.matmul(power, _chroma_bank(settings))
    strongest = ops.largest(raw, (2,))
    silent = ops.less(strongest, float(np.finfo(np.float32).tiny))
    return ops.divide(raw, ops.add(strongest, silent))


def _slopes_in_graph(ops: GraphOps, values: Any, frames: int) -> Any:
    """Slopes over nine frames, as librosa's `delta`: at both ends those of the outermost nine."""
    reach = _DELTA_WIDTH // 2
    inner = frames - 2 * reach
    steps = [
        ops.multiply(
            ops.subtract(
                ops.part(values, 1, reach + step, reach + step + inner),
                ops.part(values, 1, reach - step, reach - step + inner),
            ),
            step / (2 * sum(one * one for one in range(1, reach + 1))),
        )
        for step in range(1, reach + 1)
    ]
    slopes = functools.reduce(ops.add, steps)
    first, last = ops.part(slopes, 1, 0, 1), ops.part(slopes, 1, inner - 1, inner)
    return ops.joined([first] * reach + [slopes] + [last] * reach, axis=1)


@functools.cache
def _chroma_bank(settings: AcousticSettings) -> Array:
    """The chroma filter bank, (1 + window_length // 2, n_chroma).

    The tuning is fixed. A tuning estimated from the clips would make each clip depend on the others.
    """
    from librosa.filters import chroma

    bank = chroma(sr=settings.sample_rate, n_fft=settings.window_length, n_chroma=settings.n_chroma, tuning=0.0)
    return np.ascontiguousarray(bank.T, dtype=np.float32)


ACOUSTIC = Acoustic()
