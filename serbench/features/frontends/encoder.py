"""`encoder` and `encoder_map`: hidden states of a frozen, pretrained speech encoder.

Layers are averaged with fixed weights. A clip becomes a sequence of states, or their mean and deviation over time.
Weighted layers: S. Yang et al., SUPERB: Speech Processing Universal PERformance Benchmark, Interspeech 2021, 1194-1198
(there the weights are trained).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from serbench.errors import SerbenchError
from serbench.features.frontends.base import Array, FeatureSpec, FrontEnd

__all__ = ["ENCODER", "ENCODER_MAP", "Encoder", "EncoderMap", "EncoderMapSettings", "EncoderSettings"]

NONE = "0" * 16
"""Digest of no encoder: what the settings have before one is named."""

_USUAL_RATE = 16_000


def _as_tuple(value: Any) -> Any:
    """A space file has lists only."""
    return tuple(value) if isinstance(value, list) else value


class EncoderSettings(FeatureSpec):
    """Settings of `encoder`. `serbench encoder add FOLDER` prints those of an encoder.

    Attributes:
        model: digest of the encoder's files. The folder is looked up on each machine, so no record holds a path.
        units: size of a hidden state.
        layers: the layers that are averaged: 0 is the first, -1 the last.
        weights: weight of each of these layers; None for equal ones. They are divided by their sum.
        summary: `frames` for a sequence of states; `mean_deviation` for mean and deviation of each unit over the time
            that holds sound.
        steps: length of the sequence of `frames`. The encoder's own frames are averaged to so many.
        normalise: whether the encoder hears waveforms of zero mean and unit variance.
    """

    kind: Literal["encoder"] = "encoder"
    sample_rate: int = Field(default=_USUAL_RATE, ge=4_000, le=96_000)
    model: str = Field(default=NONE, pattern="^[0-9a-f]{16}$")
    units: int = Field(default=768, ge=1, le=16_384)
    layers: Annotated[tuple[int, ...], BeforeValidator(_as_tuple)] = Field(default=(-1,), min_length=1, max_length=100)
    weights: Annotated[tuple[float, ...] | None, BeforeValidator(_as_tuple)] = None
    summary: Literal["frames", "mean_deviation"] = "frames"
    steps: int = Field(default=50, ge=1, le=4_000)
    normalise: bool = True

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights is None:
            return self
        if len(self.weights) != len(self.layers):
            raise ValueError(f"weights need one number for each of the {len(self.layers)} layers")
        if not all(0 <= weight < float("inf") for weight in self.weights) or sum(self.weights) == 0:
            raise ValueError("weights must be finite numbers from 0, and not all 0")
        return self


class EncoderMapSettings(EncoderSettings):
    """Settings of `encoder_map`, which are those of `encoder`. There are frames only."""

    kind: Literal["encoder_map"] = "encoder_map"  # type: ignore[assignment]
    summary: Literal["frames"] = "frames"


class _EncoderFrontEnd(FrontEnd[EncoderSettings]):
    """What both front ends share."""

    def shape(self, settings: EncoderSettings) -> tuple[int, ...]:
        """Returns (steps, units), or for `mean_deviation` (1, 2 * units)."""
        return (settings.steps, settings.units) if settings.summary == "frames" else (1, 2 * settings.units)

    def feature_names(self, settings: EncoderSettings) -> tuple[str, ...]:
        """Returns a name for each unit, or for its mean and its deviation."""
        units = [f"unit_{unit}" for unit in range(settings.units)]
        if settings.summary == "frames":
            return tuple(units)
        return (*(f"{unit}_mean" for unit in units), *(f"{unit}_deviation" for unit in units))

    def extract(self, waveforms: Array, settings: EncoderSettings) -> Array:
        """Encodes each clip alone; see `FrontEnd.extract`.

        Raises:
            UsageError: the encoder was not added on this machine.
            SerbenchError: it fails, or its units, layers or sample rate are others than the settings say.
        """
        made = np.empty((len(waveforms), *_EncoderFrontEnd.shape(self, settings)), dtype=np.float32)
        for row, waveform in zip(made, waveforms, strict=True):
            states = _averaged(_hidden_states(waveform, settings), settings)
            row[:] = (
                _steps(states, settings.steps)
                if settings.summary == "frames"
                else _mean_deviation(states, _sounding(waveform), len(waveform))
            )
        return made

    def concerns(self, settings: EncoderSettings) -> tuple[str, ...]:
        """Returns a sentence if no encoder is named, or if its files do not state its sample rate and this is unusual.

        Of an encoder that is not on this machine, nothing is known.
        """
        if settings.model == NONE:
            return ("no encoder is named: set model to the digest that `serbench encoder add FOLDER` prints",)
        if settings.sample_rate == _USUAL_RATE or not _states_no_rate(settings.model):
            return ()
        return (
            f"the files of encoder '{settings.model}' do not state its sample rate, and it hears "
            f"{settings.sample_rate:,} Hz: set sample_rate to the rate that it was trained at, usually {_USUAL_RATE}",
        )

    def meaning(self, settings: EncoderSettings) -> dict[str, Any]:
        """Returns the settings, with layers and weights as they are used."""
        found = super().meaning(settings)
        weights = _weights(settings)
        found["weights"] = [round(float(weight), 9) for weight in weights]
        if settings.summary != "frames":
            del found["steps"]
        return found


class Encoder(_EncoderFrontEnd):
    """Hidden states over time, (steps, units): what the 1-D family and the head read."""

    name = "encoder"
    title = "states of a frozen encoder"
    settings = EncoderSettings
    feature_axis = 1
    time_axis = 0


class EncoderMap(_EncoderFrontEnd):
    """The same states as a map, (units, steps): what the 2-D family reads."""

    name = "encoder_map"
    title = "map of a frozen encoder's states"
    settings = EncoderMapSettings
    feature_axis = 0
    time_axis = 1

    def shape(self, settings: EncoderSettings) -> tuple[int, ...]:
        """Returns (units, steps)."""
        return (settings.units, settings.steps)

    def extract(self, waveforms: Array, settings: EncoderSettings) -> Array:
        """Encodes each clip alone; see `FrontEnd.extract`."""
        return np.ascontiguousarray(super().extract(waveforms, settings).swapaxes(1, 2))


def _states_no_rate(model: str) -> bool:
    """Whether the files of an encoder are here and do not say what rate it hears."""
    from serbench.features.encoder_files import find_encoder

    try:
        return find_encoder(model).sample_rate is None
    except (SerbenchError, OSError):
        return False


def _hidden_states(waveform: Array, settings: EncoderSettings) -> list[Array]:
    """Hidden states of one clip, all layers."""
    from serbench.features.encoder_files import find_encoder
    from serbench.features.encoder_models import run_encoder

    if settings.model == NONE:
        raise SerbenchError("no encoder is named; set model to the digest that `serbench encoder add FOLDER` prints")
    rate = find_encoder(settings.model).sample_rate
    if rate is not None and rate != settings.sample_rate:
        raise SerbenchError(
            f"encoder '{settings.model}' hears {rate:,} Hz; set sample_rate = {rate} instead of {settings.sample_rate}"
        )
    states = run_encoder(settings.model, _normalised(waveform) if settings.normalise else waveform)
    if wrong := [layer for layer in settings.layers if not -len(states) <= layer < len(states)]:
        raise SerbenchError(f"encoder '{settings.model}' has {len(states)} layers, so there is no layer {wrong[0]}")
    found = {states[layer].shape[1] for layer in settings.layers}
    if found != {settings.units}:
        raise SerbenchError(
            f"encoder '{settings.model}' has states of {', '.join(map(str, sorted(found)))} units; set units to that"
        )
    return states


def _normalised(waveform: Array) -> Array:
    """Zero mean and unit variance over the part that is no padding, which stays zero."""
    begin, end = _sounding(waveform)
    made = np.zeros_like(waveform)
    part = waveform[begin:end].astype(np.float64)
    made[begin:end] = (part - part.mean()) / np.sqrt(part.var() + 1e-7)
    return made


def _sounding(waveform: Array) -> tuple[int, int]:
    """First and one past the last sample that is not zero; the whole waveform if all are."""
    places = np.flatnonzero(waveform)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, len(waveform))


def _weights(settings: EncoderSettings) -> Array:
    given = np.ones(len(settings.layers)) if settings.weights is None else np.asarray(settings.weights)
    return np.asarray(given / given.sum(), dtype=np.float32)


def _averaged(states: list[Array], settings: EncoderSettings) -> Array:
    """The weighted mean of the layers, (frames, units)."""
    chosen = [states[layer] for layer in settings.layers]
    if len({one.shape for one in chosen}) > 1:
        raise SerbenchError(f"the layers of encoder '{settings.model}' have different lengths; take one of them")
    return np.asarray(np.tensordot(_weights(settings), np.stack(chosen), axes=1), dtype=np.float32)


def _steps(states: Array, steps: int) -> Array:
    """Averages frames to a number of steps: step i is the mean of the frames that it overlaps."""
    edges = np.arange(steps + 1) * len(states) / steps
    first = np.floor(edges[:-1]).astype(int)
    last = np.minimum(np.maximum(np.ceil(edges[1:]).astype(int), first + 1), len(states))
    return np.stack([states[begin:end].mean(axis=0) for begin, end in zip(first, last, strict=True)])


def _mean_deviation(states: Array, sounding: tuple[int, int], samples: int) -> Array:
    """Mean and deviation of each unit over the frames whose middle lies in the part that holds sound, (1, 2 * units).

    Args:
        states: (frames, units).
        sounding: first and one past the last sample of that part.
        samples: samples of the clip.
    """
    middles = (np.arange(len(states)) + 0.5) / len(states) * samples
    inside = (middles >= sounding[0]) & (middles <= sounding[1])
    chosen = states[inside] if inside.any() else states
    return np.concatenate([chosen.mean(axis=0), chosen.std(axis=0)])[None]


ENCODER = Encoder()
ENCODER_MAP = EncoderMap()
