"""Many files and long files: what `predict` says while it works, how it stops, what it holds in memory."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from web_bundles import CROPS, LABELS, RATE, SPEC, make_bundle

from serbench.export import Bundle
from serbench.export.audio_listing import list_audio
from serbench.export.windows import windows


def answer(waveforms: np.ndarray) -> np.ndarray:
    """Answers by the levels of three parts of a window."""
    levels = np.square(waveforms.reshape(len(waveforms), 3, -1)).mean(axis=2) + 1e-3
    return (levels / levels.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def bundle(tmp_path) -> Bundle:
    return Bundle(tmp_path / "bundle", make_bundle(tmp_path / "bundle"), None, answer)


@pytest.fixture
def sounds(tmp_path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name in ("a", "b", "c"):
        soundfile.write(folder / f"{name}.wav", 0.1 * np.sin(np.arange(RATE) * 0.1), RATE)
    return folder


def test_each_file_is_progress(bundle, sounds) -> None:
    steps: list[tuple[int, int]] = []
    (sounds / "b.wav").write_bytes(b"no audio at all")
    bundle.predict_files([sounds, sounds / "a.wav"], progress=lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_stop_keeps_the_rows_so_far(bundle, sounds) -> None:
    stop = threading.Event()
    found = bundle.predict_files([sounds, sounds], stop=stop, progress=lambda done, _: done == 2 and stop.set())
    assert [Path(row.path).name for row in found.rows] == ["a.wav", "b.wav"]


def test_ctrl_c_prints_the_answers_so_far(bundle, sounds, serbench, monkeypatch) -> None:
    def interrupted(waveforms: np.ndarray) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGINT)
        return answer(waveforms)

    monkeypatch.setattr(Bundle, "load", lambda *_: Bundle(bundle.path, bundle.record, None, interrupted))
    ran = serbench("predict", bundle.path, sounds, "--format", "csv")
    assert ran.code == 130
    assert len(ran.out.splitlines()) == 2, "the head and the file that was being read"
    assert "stopping: the answers so far are printed" in ran.err


def test_files_of_one_kind_that_are_many_are_counted(sounds) -> None:
    for number in range(11):
        (sounds / f"{number}.txt").touch()
    for number in range(10):
        (sounds / f"{number}.pdf").touch()
    *named, counted = list_audio(sounds).passed_over
    assert counted == f"11 files in {sounds} are not read: .txt is no suffix of audio"
    assert named == [f"{sounds / f'{number}.pdf'} is not read: .pdf is no suffix of audio" for number in range(10)]


def test_a_long_file_is_cut_batch_by_batch(bundle, tmp_path) -> None:
    long = tmp_path / "long.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, RATE * 60).astype(np.float32)
    soundfile.write(long, noise, RATE, subtype="FLOAT")
    held: list[int] = []

    def measured(waveforms: np.ndarray) -> np.ndarray:
        held.append(len(waveforms if waveforms.base is None else waveforms.base))
        return answer(waveforms)

    found = Bundle(bundle.path, bundle.record, None, measured).predict_files([long], each_window=True)
    starts, cut = windows(noise, SPEC, 2.0, CROPS)
    assert held == [64, len(starts) - 64]
    assert [row.start_s for row in found.rows] == [start / RATE for start in starts]
    expected = np.concatenate([answer(cut[:64]), answer(cut[64:])])
    assert np.array_equal(np.array([row.probabilities for row in found.rows]), expected)
    assert len(found.rows[0].probabilities) == len(LABELS)
