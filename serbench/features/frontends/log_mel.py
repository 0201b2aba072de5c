"""`log_mel`: the log-mel spectrogram, which the 2-D family reads."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from serbench.features.frontends.base import Array, FrontEnd
from serbench.features.frontends.graph import GraphOps, NumpyOps
from serbench.features.frontends.pcen import pcen
from serbench.features.frontends.spectra import (
    SpectralSettings,
    frames_of,
    graph_levels,
    graph_magnitudes,
    graph_spectrum,
    in_blocks,
    mel_decibels,
    mel_magnitudes,
    power_spectrum,
)

__all__ = ["LOG_MEL", "LogMel", "LogMelSettings"]

_IDLE = ("n_mfcc", "n_chroma", "deltas")


class LogMelSettings(SpectralSettings):
    """Settings of `log_mel`.

    `n_mfcc`, `n_chroma` and `deltas` have no effect. They exist because records of studies and hashes of spaces contain
    them for both of serbench's own front ends.

    Attributes:
        compression: levels in dB; or `pcen`, each band over its own recent level, compressed by a root (see
            `serbench.features.frontends.pcen`). `top_db` has no effect on it.
    """

    kind: Literal["log_mel"] = "log_mel"
    n_mfcc: int = Field(default=20, ge=1, le=512)
    n_chroma: int = Field(default=12, ge=12, le=48, multiple_of=12)
    deltas: bool = True
    compression: Literal["decibels", "pcen"] = Field(default="decibels", json_schema_extra={"later": True})


class LogMel(FrontEnd[LogMelSettings]):
    """Mel bands of Hann-windowed frames, as power in dB or normalised by PCEN: (n_mels, frames)."""

    name = "log_mel"
    title = "log-mel spectrogram"
    settings = LogMelSettings
    feature_axis = 0
    time_axis = 1

    def shape(self, settings: LogMelSettings) -> tuple[int, ...]:
        """Returns (n_mels, frames)."""
        return (settings.n_mels, settings.frames)

    def feature_names(self, settings: LogMelSettings) -> tuple[str, ...]:
        """Returns a name for each mel band, the lowest first."""
        return tuple(f"mel_{band}" for band in range(settings.n_mels))

    def extract(self, waveforms: Array, settings: LogMelSettings) -> Array:
        """Computes 10 log10 of the power in each mel band, or its PCEN; see `FrontEnd.extract`.

        Levels are at least `FLOOR_DB`, or `settings.top_db` below a clip's loudest. PCEN has no limit: silence is 0.
        """
        return in_blocks(waveforms, self.shape(settings), lambda part: _log_mel(part, settings))

    def in_graph(self, ops: GraphOps, waveforms: Any, settings: LogMelSettings) -> Any:
        """Computes the features within an exported graph; see `FrontEnd.in_graph`."""
        _, power = graph_spectrum(ops, waveforms, settings)
        if settings.compression == "pcen":
            return ops.swapped(pcen(ops, graph_magnitudes(ops, power, settings), settings))
        return ops.swapped(graph_levels(ops, power, settings))

    def concerns(self, settings: LogMelSettings) -> tuple[str, ...]:
        """Returns a sentence if mel bands are empty, and one if `top_db` has no effect."""
        idle = settings.compression == "pcen" and settings.top_db is not None
        unused = ("top_db has no effect with compression = 'pcen'",) if idle else ()
        return (*settings.empty_band_concerns(), *unused)

    def meaning(self, settings: LogMelSettings) -> dict[str, Any]:
        """Returns the settings without those that have no effect."""
        idle = (*_IDLE, "top_db") if settings.compression == "pcen" else _IDLE
        return {name: value for name, value in settings.spectral_meaning().items() if name not in idle}


def _log_mel(waveforms: Array, settings: LogMelSettings) -> Array:
    power = power_spectrum(frames_of(waveforms, settings))
    if settings.compression == "pcen":
        normalised: Array = pcen(NumpyOps(), mel_magnitudes(power, settings), settings)
        return normalised.swapaxes(1, 2)
    return mel_decibels(power, settings).swapaxes(1, 2)


LOG_MEL = LogMel()
