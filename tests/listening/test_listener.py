"""A listener's windows, its average, and the pace of its file."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serbench.errors import SerbenchError
from serbench.features import FeatureSpec
from serbench.listening import Listener, file_blocks, microphone_blocks, paced

SPEC = FeatureSpec(kind="log_mel", sample_rate=8000, duration_s=1.0, window_length=256, hop_length=128, n_mels=16)
LABELS = ("loud", "quiet")


def loudness(waveforms: np.ndarray) -> np.ndarray:
    """A model that says "loud" with the mean amplitude of the window as its probability."""
    loud = np.abs(waveforms).mean(axis=1)
    return np.stack([loud, 1 - loud], axis=1)


def listener(**options):
    return Listener(loudness, SPEC, LABELS, **{"smoothing": 0.0, "clock": lambda: 0.0} | options)


def heard(listening: Listener, sound: np.ndarray, block: int) -> list:
    return [one for start in range(0, len(sound), block) for one in listening.hear(sound[start : start + block])]


@pytest.mark.parametrize("block", [1, 700, 4000, 50_000])
def test_windows_end_every_half_second_however_the_sound_arrives(block):
    sound = np.concatenate([np.full(8000, 0.2), np.full(12_000, 0.8)]).astype(np.float32)
    found = heard(listener(), sound, block)
    assert [one.at_s for one in found] == [0.5, 1.0, 1.5, 2.0, 2.5]
    # The first window is half full; the last two hold the later sound alone.
    assert [one.probabilities[0] for one in found] == pytest.approx([0.1, 0.2, 0.5, 0.8, 0.8])
    assert [one.label for one in found][-2:] == ["loud", "loud"]
    assert found[0].label == "quiet"


def test_a_live_listener_passes_over_windows_that_are_late():
    """A block that is longer than a window's step is what a microphone heard while an answer was computed."""
    sound = np.concatenate([np.full(8000, 0.2), np.full(12_000, 0.8)]).astype(np.float32)
    assert [one.at_s for one in heard(listener(live=True), sound, 50_000)] == [2.5]
    assert [one.at_s for one in heard(listener(live=True), sound, 9000)] == [1.0, 2.0, 2.5]
    assert [one.at_s for one in heard(listener(live=True), sound, 700)] == [0.5, 1.0, 1.5, 2.0, 2.5]


@pytest.mark.parametrize(("crop", "first"), [("start", 0), ("centre", 2000)])
def test_a_window_that_is_not_full_yet_is_padded_as_a_short_clip_is(crop, first):
    given = []

    def kept(waveforms: np.ndarray) -> np.ndarray:
        given.append(waveforms[0])
        return loudness(waveforms)

    spec = SPEC.model_copy(update={"crop": crop})
    heard(Listener(kept, spec, LABELS), np.full(4000, 0.5, np.float32), 4000)
    assert np.flatnonzero(given[0])[[0, -1]].tolist() == [first, first + 3999]


def test_the_average_moves_by_its_share():
    sound = np.concatenate([np.full(8000, 0.2), np.full(8000, 1.0)]).astype(np.float32)
    found = heard(listener(smoothing=0.5), sound, 4000)
    assert [one.smoothed[0] for one in found] == pytest.approx([0.1, 0.15, 0.375, 0.6875])
    assert all(sum(one.smoothed) == pytest.approx(1) for one in found)


def test_silence_has_no_answer_and_leaves_the_average():
    sound = np.concatenate([np.full(8000, 0.4), np.zeros(16_000)]).astype(np.float32)
    found = heard(listener(smoothing=0.5), sound, 4000)
    assert [one.silent for one in found] == [False, False, False, True, True, True]
    assert {one.label for one in found if one.silent} == {""}
    assert found[-1].smoothed == found[2].smoothed
    assert heard(listener(), np.zeros(4000, np.float32), 4000)[0].smoothed == ()


@pytest.mark.parametrize("answers", [[np.nan, np.nan], [0.9, 0.9], [1.5, -0.5], [np.inf, 0.0]])
def test_answers_that_are_no_probabilities_are_one_sentence(answers):
    listening = Listener(lambda waveforms: np.array([answers] * len(waveforms)), SPEC, LABELS)
    with pytest.raises(SerbenchError, match=r"answers after 0\.5 s are no probabilities; export the bundle again"):
        heard(listening, np.full(4000, 0.5, np.float32), 4000)


def test_the_end_of_a_file_has_its_answer():
    listening = listener()
    found = [*heard(listening, np.full(5000, 0.5, np.float32), 5000), *listening.end()]
    assert [one.at_s for one in found] == [0.5, 0.625]
    assert not list(listener().end())


def test_latency_is_from_the_last_sample_to_the_answer():
    ticks = itertools.count()
    found = heard(listener(clock=lambda: next(ticks) / 10), np.full(4000, 0.5, np.float32), 4000)
    assert found[0].latency_ms == pytest.approx(100)


def test_a_file_is_handed_over_at_its_own_pace(tmp_path: Path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(16_000, 0.25), 16_000)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    blocks = [(now[0], len(block)) for block in paced(file_blocks(path, 8000, 0.25), 8000, lambda: now[0], sleep)]
    assert blocks == [(pytest.approx(0.25 * place), 2000) for place in range(1, 5)]


def test_what_is_late_is_not_waited_for():
    now = itertools.count(0, 10)
    waited: list[float] = []
    list(paced(iter([np.zeros(8000, np.float32)] * 3), 8000, lambda: next(now), waited.append))
    assert waited == []


def test_a_file_that_is_no_audio_is_one_sentence(tmp_path: Path):
    (tmp_path / "a.wav").write_bytes(b"no audio")
    with pytest.raises(SerbenchError, match=r"cannot use .*a\.wav as audio"):
        file_blocks(tmp_path / "a.wav", 8000)


def test_without_the_extra_a_microphone_names_it():
    with pytest.raises(SerbenchError, match=r"serbench\[microphone\]|no microphone can be opened|PortAudio"):
        microphone_blocks(8000)
