"""Audio of many formats, sample types and rates is examined and decoded alike."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serbench.audio.opening import open_sound
from serbench.audio.sound import examine_file
from serbench.errors import SerbenchError
from serbench.features.audio import decode

TONE = 0.4 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)


def write(path: Path, samples: np.ndarray = TONE, rate: int = 22050, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def loudest_hz(path: Path) -> float:
    wave = decode(path, 16_000)
    return float(np.argmax(np.abs(np.fft.rfft(wave[:8000]))) * 2)


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [
        ("wav", "PCM_U8"), ("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("wav", "DOUBLE"), ("wav", "ULAW"),
        ("flac", "PCM_24"), ("ogg", None), ("mp3", None), ("aiff", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (8_000, 1)])
def test_formats_types_rates_and_channels(tmp_path, suffix, subtype, rate, channels) -> None:
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    path = write(tmp_path / f"a.{suffix}", np.tile(tone[:, None], channels), rate, subtype)
    health = examine_file(str(path))
    assert (health.state, health.sample_rate, health.channels) == ("ok", rate, channels)
    assert loudest_hz(path) == pytest.approx(440, abs=4)


@pytest.mark.children
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_m4a_is_read_through_ffmpeg(tmp_path) -> None:
    path = tmp_path / "a -f null.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", write(tmp_path / "a.wav"), "-c:a", "aac", path], check=True)
    assert examine_file(str(path)).state == "ok"
    assert loudest_hz(path) == pytest.approx(440, abs=4)
    path.write_bytes(b"no sound at all" * 100)
    health = examine_file(str(path))
    assert health.state == "undecodable"
    assert "ffmpeg cannot decode it" in health.detail


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_list_of_other_files_under_the_name_of_audio_plays_none_of_them(tmp_path) -> None:
    write(tmp_path / "secret.wav")
    (tmp_path / "a.m4a").write_text("ffconcat version 1.0\nfile secret.wav\n")
    assert "ffmpeg cannot decode it" in examine_file(str(tmp_path / "a.m4a")).detail


def test_m4a_without_ffmpeg_says_what_is_missing(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "a.m4a"
    path.write_bytes(b"x" * 100)
    assert "m4a is read through the program ffmpeg, which is not installed" in examine_file(str(path)).detail
    with pytest.raises(SerbenchError, match="ffmpeg, which is not installed"):
        decode(path, 16_000)


def test_what_libsndfile_says_midway_is_told_as_it_says_it(tmp_path) -> None:
    """It is no reason to open the file once more, by ffmpeg, for a reader that has begun."""
    path = write(tmp_path / "a.ogg")
    midway = soundfile.LibsndfileError(666)
    with pytest.raises(soundfile.LibsndfileError) as caught, open_sound(str(path)):
        raise midway
    assert caught.value is midway
