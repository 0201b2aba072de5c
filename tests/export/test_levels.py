"""Levels of clips, and the sentence about those that are far from the tested ones."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from serbench.export import Prediction
from serbench.export.levels import level_note, loudest_db, usual_levels

RATE = 8_000


def row(path: str, level: float | None, *, silent: bool = False) -> Prediction:
    return Prediction(path, 0.0, 1.0, 1, "fear", (1.0,), silent, "", level)


def tone(level_db: float, seconds: float = 1.0) -> np.ndarray:
    """A sine of a root mean square in dB of full scale."""
    return np.sin(np.arange(int(RATE * seconds)) * 0.7) * 2**0.5 * 10 ** (level_db / 20)


def test_pauses_do_not_count():
    speech = tone(-20)
    paused = np.concatenate([np.zeros(RATE * 9), speech])
    assert loudest_db(speech, RATE) == pytest.approx(-20, abs=0.1)
    assert loudest_db(paused, RATE) == pytest.approx(loudest_db(speech, RATE), abs=0.1)
    assert loudest_db(tone(-20, 0.03), RATE) == pytest.approx(-20, abs=0.3)  # shorter than a tenth of a second


@pytest.mark.parametrize("empty", [np.zeros(RATE), np.zeros(0), np.zeros(3)])
def test_silence_has_the_lowest_level(empty):
    assert loudest_db(empty, RATE) == -120


def test_a_long_recording_is_measured_in_parts():
    """The same value as of all tenths of a second at once, without a copy of the recording in float64."""
    size = RATE // 10
    sound = np.random.default_rng(0).normal(0, 0.1, size * 5_000 + 7).astype(np.float32)
    whole = np.square(sound[: size * 5_000].reshape(-1, size).astype(np.float64)).mean(axis=1).max()
    tracemalloc.start()
    try:
        measured = loudest_db(sound, RATE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert measured == 10 * float(np.log10(whole))
    assert peak < sound.nbytes


def test_five_of_a_hundred_clips_do_not_widen_the_usual_levels():
    levels = [-100.0, -99.0, *np.linspace(-30, -10, 196), -1.0, 0.0]
    low, high = usual_levels(levels)
    assert (low, high) == (pytest.approx(-30, abs=0.5), pytest.approx(-10, abs=0.5))
    assert usual_levels([]) is None


def test_only_files_far_from_the_usual_levels_are_told_of():
    usual = (-30.0, -10.0)
    near = [row("a.wav", -35.9), row("b.wav", -4.1), row("c.wav", -20), row("old.wav", None)]
    assert level_note(near, usual) == ""
    assert level_note([row("soft.wav", -60)], None) == ""
    assert level_note([row("silent.wav", -120, silent=True)], usual) == ""
    soft = level_note([*near, row("soft\x1b.wav", -50), row("softer.wav", -36.1)], usual)
    assert soft.startswith("2 of 5 files are much softer than")
    assert "soft\\x1b.wav has -50 dB" in soft
    assert level_note([row("a", -50)], usual).startswith("the file is much softer than")
    assert "much softer or louder than" in level_note([row("a", -50), row("b", 0)], usual)
