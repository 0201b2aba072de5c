"""`check_front_end` passes serbench's own front ends, and names what is wrong with broken ones."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from pydantic import Field

from serbench.features import FeatureSpec, FrontEnd, front_end_names, get_front_end
from serbench.testing import check_front_end


class LevelSettings(FeatureSpec):
    kind: Literal["levels"] = "levels"
    parts: int = Field(default=4, ge=1, le=8)
    floor: float = Field(default=1e-6, ge=1e-6, allow_inf_nan=False)


class Levels(FrontEnd[LevelSettings]):
    """Good: the levels of equal parts of a clip, as one feature."""

    name = "levels"
    title = "levels of parts"
    settings = LevelSettings
    feature_axis = 1
    time_axis: Any = 0

    def shape(self, settings):
        return (settings.parts, 1)

    def feature_names(self, settings):
        return ("level",)

    def extract(self, waveforms, settings):
        parts = [part.std(axis=1) for part in np.array_split(waveforms, settings.parts, axis=1)]
        return np.log10(np.stack(parts, axis=1)[..., None] + np.float32(settings.floor))


class WithoutTime(Levels):
    """Good: one vector a clip, and another name of its settings."""

    feature_axis = 0
    time_axis = None

    def shape(self, settings):
        return (1,)

    def extract(self, waveforms, settings):
        return super().extract(waveforms, settings).mean(axis=1)


class Misnamed(Levels):
    name = "Levels!"


class Untitled(Levels):
    title = " "


class NoSettings(Levels):
    settings = dict


class OtherKind(Levels):
    name = "others"


class Required(Levels):
    class settings(LevelSettings):  # noqa: N801
        needed: int


class FloatShape(Levels):
    def shape(self, settings):
        return (settings.n_samples / 4, 1)


class NoSuchAxis(Levels):
    feature_axis = 2


class TimeOverFeatures(Levels):
    time_axis = 1


class TooManyNames(Levels):
    def feature_names(self, settings):
        return ("level", "other")


class Doubles(Levels):
    def extract(self, waveforms, settings):
        return super().extract(waveforms, settings).astype(np.float64)


class OtherShape(Levels):
    def extract(self, waveforms, settings):
        return super().extract(waveforms, settings)[..., 0]


class SilenceIsInfinite(Levels):
    def extract(self, waveforms, settings):
        with np.errstate(divide="ignore"):
            return np.log10(super().extract(waveforms, settings) - np.log10(np.float32(settings.floor)))


class WritesToItsInput(Levels):
    def extract(self, waveforms, settings):
        waveforms -= waveforms.mean(axis=1, keepdims=True) + 1
        return super().extract(waveforms, settings)


class Random(Levels):
    def extract(self, waveforms, settings):
        features = super().extract(waveforms, settings)
        return features + np.random.default_rng().normal(size=features.shape).astype(np.float32)


class LooksBesideIt(Levels):
    def extract(self, waveforms, settings):
        features = super().extract(waveforms, settings)
        return features - features.mean(axis=0)


class ForgetsTheFloor(Levels):
    def meaning(self, settings):
        return {name: value for name, value in super().meaning(settings).items() if name != "floor"}


class ForgetsTheRate(Levels):
    def meaning(self, settings):
        return {"kind": self.name, "parts": settings.parts, "floor": settings.floor}


class Unbounded(Levels):
    class settings(LevelSettings):  # noqa: N801
        parts: int = 4


class LongWinded(Levels):
    class settings(LevelSettings):  # noqa: N801
        def model_post_init(self, _):
            if self.duration_s < 0.5:
                raise ValueError("too short\nfor me")


class Tracebacks(Levels):
    class settings(LevelSettings):  # noqa: N801
        def model_post_init(self, _):
            if self.duration_s < 0.5:
                raise KeyError("duration")


class TakesAnything(Levels):
    class settings(LevelSettings, extra="ignore"):  # noqa: N801
        pass


class FailsOnShortClips(Levels):
    def extract(self, waveforms, settings):
        features = super().extract(waveforms, settings)
        return features if settings.duration_s > 0.03 else features * np.nan


@pytest.mark.long
# Those of an encoder need one: tests/features/test_encoder.py makes it and checks them.
@pytest.mark.parametrize("name", [name for name in front_end_names() if not name.startswith("encoder")])
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_installed_front_ends_keep_the_contract(name):
    check_front_end(get_front_end(name))


@pytest.mark.parametrize("front_end", [Levels(), WithoutTime()], ids=lambda one: type(one).__name__)
def test_a_front_end_that_is_not_registered_is_checked(front_end):
    check_front_end(front_end, LevelSettings(parts=2, crop="centre"))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (dict, "an object of a subclass of FrontEnd, found dict"),
        (Misnamed, "a name of lower-case letters, digits and '_', found 'Levels!'"),
        (Untitled, "a title, found ' '"),
        (NoSettings, "settings to be a subclass of FeatureSpec, found <class 'dict'>"),
        (OtherKind, "the default of its settings' kind to be 'others', found 'levels'"),
        (Required, "a default for every setting, found none for needed"),
        (FloatShape, r"shape to be a tuple of positive whole numbers .* found \(12000.0, 1\)"),
        (NoSuchAxis, r"feature_axis to be one of \[0, 1\], since the shape is \(4, 1\), found 2"),
        (TimeOverFeatures, r"time_axis to be None or one of \[0\], found 1"),
        (TooManyNames, r"1 feature names, as many as the shape \(4, 1\) has places along axis 1, found 2"),
        (Doubles, "a float32 array of a voice-like tone in noise, found float64"),
        (OtherShape, r"features of shape \(1, 4, 1\) of .*, found \(1, 4\)"),
        (SilenceIsInfinite, r"finite features of .*, found \d+ values that are not, the first at \[0, \d, 0\]"),
        (WritesToItsInput, "extract to leave the waveforms as they are"),
        (Random, "the same features of the same clips, found a difference of"),
        (LooksBesideIt, "a clip's features not to depend on the clips beside it"),
        (ForgetsTheFloor, "the digest to change where floor is 2e-06 instead of 1e-06, since the features do"),
        (ForgetsTheRate, "the digest to change where (sample_rate|duration_s|crop) is"),
        (Unbounded, "expected parts = 0 to be refused or to work, found that it is accepted and then fails"),
        (LongWinded, "duration_s = 0.02 to be refused in one sentence"),
        (Tracebacks, "duration_s = 0.02 to be accepted, or refused by a ValueError .* found KeyError"),
        (TakesAnything, "no_such_setting = 1 to be refused, found it accepted"),
        (FailsOnShortClips, "finite features of clips with duration_s = 0.02"),
    ],
)
def test_what_is_broken_is_named(broken, message):
    with pytest.raises(AssertionError, match=message):
        check_front_end(broken())


def test_a_raised_version_is_another_digest():
    class Later(Levels):
        version = 2

    assert Later().digest(LevelSettings()) != Levels().digest(LevelSettings())
