"""Settings of what is computed from a clip: `FeatureSpec` of a front end, and `WaveformAugmentation`."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from serbench.features.frontends.base import Crop, FeatureSpec
from serbench.records import FrozenModel, digest_of

__all__ = ["Crop", "FeatureKind", "FeatureSpec", "WaveformAugmentation", "even_crops", "even_start"]

FeatureKind = str
"""Name of a front end."""


_LATER: Final = (
    "speed", "noise_kind", "room_rt60_s", "telephone", "level_db", "semitones", "random_crop", "even_crop"
)  # fmt: skip
"""Settings that were added after features had been kept."""


class WaveformAugmentation(FrozenModel):
    """Settings of one seeded, augmented copy of every clip.

    What happens to a clip depends only on its `clip_id`, `seed` and `copy`, and neither on its place in a table nor on
    its split.

    Attributes:
        noise_snr_db: noise this many dB below the clip's own mean power; None adds none.
        noise_kind: white Gaussian noise, or noise with the long-term spectrum of the clip ('speech').
        shift_s: largest shift in seconds, in either direction, filled with zeros; None for no shift.
        room_rt60_s: reverberation time of the simulated room that the clip is played in; None for no room.
        telephone: whether only the telephone band is kept.
        level_db: how far the level is moved at the most, in dB, louder or softer; None for the clip's own level.
        speed: how many times as fast the clip is played, which raises its pitch, too; None for its own speed.
        semitones: how far the pitch is raised (below zero: lowered) at the clip's own duration; None for its own pitch.
        random_crop: whether the window is cut from a random place of a longer clip; a shorter one stays as it is.
        even_crop: `(number, count)` for one of several windows that are spread evenly over a longer clip, the first at
            its start and the last at its end; None for the usual window. A shorter clip stays as it is.
        copy_index: number of the copy among several with these settings, from 0.
        seed: seed of all copies.
    """

    noise_snr_db: float | None = Field(default=None, ge=-20, le=100, allow_inf_nan=False)
    noise_kind: Literal["white", "speech"] = "white"
    shift_s: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)
    speed: float | None = Field(default=None, ge=0.5, le=2, allow_inf_nan=False)
    semitones: float | None = Field(default=None, ge=-12, le=12, allow_inf_nan=False)
    room_rt60_s: float | None = Field(default=None, ge=0.1, le=2, allow_inf_nan=False)
    telephone: bool = False
    level_db: float | None = Field(default=None, gt=0, le=40, allow_inf_nan=False)
    random_crop: bool = False
    even_crop: tuple[int, int] | None = None
    copy_index: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _alters_something(self) -> Self:
        changes = (self.noise_snr_db, self.shift_s, self.room_rt60_s, self.telephone or None, self.level_db)
        if all(change is None for change in changes) and not self.is_version and self.even_crop is None:
            raise ValueError(
                "an augmentation needs noise_snr_db, shift_s, room_rt60_s, telephone, level_db, speed, semitones, "
                "random_crop or even_crop"
            )
        if self.even_crop is not None and not 0 <= self.even_crop[0] < self.even_crop[1] != 1:
            raise ValueError(f"even_crop is (number, count) with 0 <= number < count and count > 1: {self.even_crop}")
        return self

    @property
    def is_version(self) -> bool:
        """Whether the copy is shown in the place of the clip, and not beside it: another speed, pitch or crop."""
        return self.speed is not None or self.semitones is not None or self.random_crop

    def digest(self) -> str:
        """Returns the hash of the settings. One that was added later counts only where it is set."""
        unset = {name for name in _LATER if getattr(self, name) == type(self).model_fields[name].default}
        return digest_of(self.model_dump(mode="json", exclude=unset or None))


def even_start(spare: int, number: int, count: int) -> int:
    """Returns the first sample of one of several windows that are spread evenly over a clip.

    Args:
        spare: samples by which the clip is longer than the window.
        number: number of the window, from 0.
        count: number of windows, at least two.

    >>> [even_start(10, number, 3) for number in range(3)]
    [0, 5, 10]
    """
    return spare * number // (count - 1)


def even_crops(count: int) -> tuple[WaveformAugmentation, ...]:
    """Returns the windows whose answers are averaged; empty where the usual one alone is answered.

    >>> [crop.even_crop for crop in even_crops(2)], even_crops(1)
    ([(0, 2), (1, 2)], ())
    """
    return tuple(WaveformAugmentation(even_crop=(number, count)) for number in range(count)) if count > 1 else ()
