"""`band_energy`: the energy in bands of equal width, in dB: (frames, bands)."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from serbench.features import FeatureSpec, FrontEnd

__all__ = ["BAND_ENERGY", "BandEnergy", "BandEnergySettings"]

Array = npt.NDArray[np.float32]


class BandEnergySettings(FeatureSpec):
    """Settings of `band_energy`.

    Attributes:
        frame_length: samples in one frame; frames do not overlap.
        bands: how many, from 0 Hz to half the sample rate.
    """

    kind: Literal["band_energy"] = "band_energy"
    frame_length: int = Field(default=128, ge=16, le=4_096)
    bands: int = Field(default=16, ge=2, le=64)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_samples < self.frame_length:
            raise ValueError(f"duration_s ({self.duration_s:g}) must hold a frame of {self.frame_length} samples")
        if self.bands > self.frame_length // 2:
            raise ValueError(f"bands ({self.bands}) must not exceed half the frame_length ({self.frame_length})")
        return self


class BandEnergy(FrontEnd[BandEnergySettings]):
    """Frames side by side, and the energy of each in bands of equal width."""

    name = "band_energy"
    title = "band energies"
    settings = BandEnergySettings
    feature_axis = 1
    time_axis = 0

    def shape(self, settings: BandEnergySettings) -> tuple[int, ...]:
        """Returns (frames, bands)."""
        return (settings.n_samples // settings.frame_length, settings.bands)

    def feature_names(self, settings: BandEnergySettings) -> tuple[str, ...]:
        """Returns a name for each band, the lowest first."""
        return tuple(f"band_{band}" for band in range(settings.bands))

    def extract(self, waveforms: Array, settings: BandEnergySettings) -> Array:
        """Computes 10 log10 of the energy; at least -100 dB."""
        frames, bands = self.shape(settings)
        cut = waveforms[:, : frames * settings.frame_length].reshape(len(waveforms), frames, settings.frame_length)
        power = np.square(np.abs(np.fft.rfft(cut.astype(np.float64), axis=-1)))[..., 1:]
        edges = np.linspace(0, power.shape[-1], bands + 1).round().astype(int)[:-1]
        energy = np.add.reduceat(power, edges, axis=-1)
        return (10 * np.log10(np.maximum(energy, 1e-10))).astype(np.float32)


BAND_ENERGY = BandEnergy()
