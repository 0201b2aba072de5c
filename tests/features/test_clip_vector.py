"""A clip of any number of frames as one vector."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from serbench.features import functionals, sounding_frames
from serbench.features.clip_vector import FUNCTIONALS

ALL = np.ones(40, dtype=bool)


def named(frames: np.ndarray, sounding: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(FUNCTIONALS, functionals(frames, sounding).reshape(len(FUNCTIONALS), -1), strict=True))


def test_each_statistic_is_what_its_name_says() -> None:
    frames = np.random.default_rng(0).normal(size=(40, 3))
    found = named(frames, ALL)
    line = [stats.linregress(np.linspace(-1, 1, 40), column).slope for column in frames.T]
    assert found["mean"] == pytest.approx(frames.mean(axis=0))
    assert found["deviation"] == pytest.approx(frames.std(axis=0))
    assert found["median"] == pytest.approx(np.median(frames, axis=0))
    assert found["p05"] == pytest.approx(np.quantile(frames, 0.05, axis=0))
    assert found["p95"] == pytest.approx(np.quantile(frames, 0.95, axis=0))
    assert found["slope"] == pytest.approx(line)
    assert found["change"] == pytest.approx(np.abs(frames[1:] - frames[:-1]).mean(axis=0))


def test_silence_around_a_sound_changes_nothing() -> None:
    frames = np.random.default_rng(1).normal(size=(40, 3))
    padded = np.vstack([np.full((10, 3), -7.0), frames, np.full((25, 3), -7.0)])
    sounding = np.r_[np.zeros(10, dtype=bool), ALL, np.zeros(25, dtype=bool)]
    assert functionals(padded, sounding) == pytest.approx(functionals(frames, ALL))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_few_frames_and_constant_ones_give_numbers(length: int) -> None:
    frames = np.full((length, 2), 3.0)
    for sounding in (np.zeros(length, dtype=bool), np.ones(length, dtype=bool)):
        found = named(frames, sounding)
        assert found["mean"].tolist() == found["p95"].tolist() == [3, 3]
        assert found["deviation"].tolist() == found["slope"].tolist() == found["change"].tolist() == [0, 0]


def test_frames_at_the_lower_limit_of_the_level_are_silent() -> None:
    energy = np.array([-70.0, -69.0, -40.0, -10.0, -69.95, -70.0])
    assert sounding_frames(energy).tolist() == [False, True, True, True, False, False]
