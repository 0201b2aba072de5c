"""Settings of what is computed from a clip: `FeatureSpec` of a front end, and `WaveformAugmentation`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from serbench.features.frontends.base import Crop, FeatureSpec
from serbench.records import FrozenModel, digest_of

__all__ = ["Crop", "FeatureKind", "FeatureSpec", "WaveformAugmentation"]

FeatureKind = str
"""Name of a front end."""


class WaveformAugmentation(FrozenModel):
    """Settings of one seeded, augmented copy of every clip.

    What happens to a clip depends only on its `clip_id`, `seed` and `copy`, and neither on its place in a table nor on
    its split.

    Attributes:
        noise_snr_db: white Gaussian noise this many dB below the clip's own mean power; None adds none.
        shift_s: largest shift in seconds, in either direction, filled with zeros; None for no shift.
        speed: how many times as fast the clip is played, which raises its pitch, too; None for its own speed.
        copy_index: number of the copy among several with these settings, from 0.
        seed: seed of all copies.
    """

    noise_snr_db: float | None = Field(default=None, ge=-20, le=100, allow_inf_nan=False)
    shift_s: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)
    speed: float | None = Field(default=None, ge=0.5, le=2, allow_inf_nan=False)
    copy_index: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _alters_something(self) -> Self:
        if self.noise_snr_db is None and self.shift_s is None and self.speed is None:
            raise ValueError("an augmentation needs noise_snr_db, shift_s or speed")
        return self

    def digest(self) -> str:
        """Returns the hash of the settings. One that was added later counts only where it is set."""
        later = {"speed"} if self.speed is None else None
        return digest_of(self.model_dump(mode="json", exclude=later))
