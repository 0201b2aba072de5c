"""Shifts and stretches: nothing at rest, the right distance when drawn, reproducible, and only in training."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.children


def warp(*arguments, **settings):
    """A layer; its module imports Keras, so that it is imported late."""
    from serbench.families.warps import Warp

    return Warp(*arguments, **settings)


@pytest.fixture
def ramp():
    """400 clips of one rising line along both axes: a value tells where it came from."""
    line = np.arange(31, dtype=np.float32)
    return np.broadcast_to(line[None, :, None], (400, 31, 5)).copy()


def test_nothing_moves_without_a_stretch_or_a_shift(ramp):
    assert np.asarray(warp(seed=1)(ramp, training=True)) == pytest.approx(ramp)


def test_it_is_off_in_inference(ramp):
    for training in (False, None):
        assert np.array_equal(np.asarray(warp(0.3, 5, seed=1)(ramp, training=training)), ramp)


def test_a_shift_moves_each_clip_by_its_own_distance_up_to_the_largest(ramp):
    out = np.asarray(warp(0, 4, seed=1)(ramp, training=True))
    moved = 15 - out[:, 15, 0]  # the middle now holds what lay so far before it
    assert moved.min() == pytest.approx(-4, abs=0.1)
    assert moved.max() == pytest.approx(4, abs=0.1)
    assert abs(moved.mean()) < 0.4
    inner = out[:, 10:20, 0]
    assert np.diff(inner, axis=1) == pytest.approx(np.ones((400, 9)), abs=1e-4)  # moved, not stretched


def test_a_stretch_keeps_the_middle_and_changes_the_pace(ramp):
    out = np.asarray(warp(0.2, 0, seed=1)(ramp, training=True))
    assert out[:, 15, 0] == pytest.approx(np.full(400, 15.0), abs=1e-4)
    pace = np.diff(out[:, 12:19, 0], axis=1).mean(axis=1)
    assert pace.min() == pytest.approx(1 / 1.2, abs=0.02)
    assert pace.max() == pytest.approx(1 / 0.8, abs=0.02)


def test_about_an_anchor_outside_all_steps_move_one_way(ramp):
    out = np.asarray(warp(0.2, 0, anchor=-1.0, seed=1)(ramp, training=True))[:, :25, 0]
    moved = out - ramp[:, :25, 0]
    assert all((clip >= -1e-4).all() or (clip <= 1e-4).all() for clip in moved)
    assert moved.min() < -2 < 2 < moved.max()
    factor = (out[:, 20] + 1) / 21
    assert (out[:, 5] + 1) / 6 == pytest.approx(factor, abs=1e-3)  # positions are scaled from the anchor


def test_what_comes_in_from_outside_is_the_edge(ramp):
    moved = np.asarray(warp(0.2, 10, seed=1)(ramp + 1, training=True))
    assert moved.min() == 1
    assert moved.max() == 31


def test_a_half_of_the_clips_is_not_stretched_and_shifts_interpolate_nothing(ramp):
    out = np.asarray(warp(0.3, 4, seed=1)(ramp, training=True))[:, 10:20, 0]
    sharp = np.isclose(out, np.round(out), atol=1e-4).all(axis=1)
    assert 0.4 < sharp.mean() < 0.6


@pytest.mark.parametrize("axis", [1, 2])
def test_only_its_axis_is_touched(axis):
    rng = np.random.default_rng(0)
    other = rng.normal(size=(6, 1, 9) if axis == 1 else (6, 9, 1)).astype(np.float32)
    clips = np.broadcast_to(other, (6, 9, 9)).copy()
    assert np.asarray(warp(0.2, 2, axis=axis, seed=1)(clips, training=True)) == pytest.approx(clips, abs=1e-5)


def test_it_draws_anew_but_reproducibly(ramp):
    first, second = (warp(0.1, 3, seed=3) for _ in range(2))
    one, two = (np.asarray(first(ramp, training=True)) for _ in range(2))
    assert not np.array_equal(one, two)
    assert np.array_equal(np.asarray(second(ramp, training=True)), one)


@pytest.mark.parametrize("wrong", [{"max_stretch": 1.0}, {"max_shift": -1}, {"axis": 0}])
def test_what_makes_no_warp_is_refused(wrong):
    with pytest.raises(ValueError, match="must lie"):
        warp(**wrong)
