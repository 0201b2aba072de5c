"""One file at a time: is it audio, and is there anything to hear?"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora_files import LFS_POINTER, noise, write

from serbench.audio.sound import MAX_BYTES, AudioHealth, examine_file, examine_files


@pytest.fixture(autouse=True)
def _no_blocking() -> Iterator[None]:
    """A file that is waited for fails the test instead of hanging it."""

    def give_up(*_: object) -> None:
        pytest.fail("examining the file blocked")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def examine(path: Path) -> AudioHealth:
    return examine_file(str(path))


def test_a_sound_file_is_described(tmp_path: Path) -> None:
    samples = noise(seconds=0.5, rate=8000)
    samples[7] = -16384
    samples[:7] = samples[8:] = 100
    health = examine(write(tmp_path / "a.wav", samples, 8000))
    assert health.state == "ok"
    assert health.detail == ""
    assert (health.sample_rate, health.channels, health.duration_s, health.peak) == (8000, 1, 0.5, 0.5)


def test_wav_and_flac_of_the_same_samples_agree(tmp_path: Path) -> None:
    samples = noise()
    digests = {examine(write(tmp_path / name, samples)).digest for name in ("a.wav", "a.flac", "b.wav")}
    assert len(digests) == 1
    assert len(digests.pop() or "") == 32


def test_samples_rate_and_channels_make_the_digest(tmp_path: Path) -> None:
    samples = noise(seconds=0.4)
    changed = samples.copy()
    changed[-1] += 1
    files = [
        write(tmp_path / "a.wav", samples),
        write(tmp_path / "b.wav", changed),
        write(tmp_path / "c.wav", samples, 8000),
        write(tmp_path / "d.wav", samples.reshape(-1, 2)),
    ]
    assert len({examine(file).digest for file in files}) == 4


def test_a_file_of_several_blocks_is_read_to_its_end(tmp_path: Path) -> None:
    samples = np.zeros((600_000, 1), dtype=np.int16)
    samples[-1] = 16384
    health = examine(write(tmp_path / "a.flac", samples))
    assert (health.state, health.peak) == ("ok", 0.5)


def test_stereo(tmp_path: Path) -> None:
    health = examine(write(tmp_path / "a.wav", noise(channels=2)))
    assert (health.state, health.channels) == ("ok", 2)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((3200, 1), dtype=np.int16),
        np.tile(np.array([[3], [-2]], dtype=np.int16), (1600, 1)),
        np.full((3200, 1), 5000, dtype=np.int16),
        np.tile(np.array([[100, -100]], dtype=np.int16), (3200, 1)),
    ],
)
def test_digital_silence(tmp_path: Path, samples: np.ndarray) -> None:
    assert examine(write(tmp_path / "a.wav", samples)).state == "silent"


def test_very_soft_is_not_silent(tmp_path: Path) -> None:
    samples = np.zeros((3200, 1), dtype=np.int16)
    samples[5] = 4
    assert examine(write(tmp_path / "a.wav", samples)).state == "ok"


@pytest.mark.parametrize(("seconds", "state"), [(0.05, "too_short"), (0.1, "ok")])
def test_too_short(tmp_path: Path, seconds: float, state: str) -> None:
    assert examine(write(tmp_path / "a.wav", noise(seconds=seconds))).state == state


def test_empty_files(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    assert examine(tmp_path / "a.wav") == AudioHealth("empty", "0 bytes")
    header_only = examine(write(tmp_path / "b.wav", np.zeros((0, 1), dtype=np.int16)))
    assert header_only == AudioHealth("empty", "holds no samples")


def test_lfs_pointer(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text(LFS_POINTER)
    assert examine(tmp_path / "a.wav").state == "lfs_pointer"


@pytest.mark.parametrize("content", [b"RIFF", b"fLaC" + bytes(100), b"<html>404</html>", b"ID3\x04" + bytes(50)])
def test_what_is_no_audio_is_undecodable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    health = examine(tmp_path / "a.wav")
    assert health.state == "undecodable"
    assert health.detail
    assert str(tmp_path) not in health.detail


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_broken_off_transfer_is_not_ok(tmp_path: Path, name: str) -> None:
    whole = write(tmp_path / name, noise(seconds=2)).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    assert examine(tmp_path / name).state in {"cut_off", "undecodable"}


def test_a_header_written_to_a_pipe_is_fine(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise())
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(content)
    assert examine(path).state == "ok"


def test_not_a_number(tmp_path: Path) -> None:
    samples = np.full(3200, 0.1, dtype=np.float32)
    samples[100] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    health = examine(tmp_path / "a.wav")
    assert (health.state, health.digest) == ("undecodable", None)
    assert "finite" in health.detail


def test_a_named_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert examine(tmp_path / "a.wav") == AudioHealth("undecodable", "not a regular file")


def test_a_device_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("/dev/zero")
    assert examine(tmp_path / "a.wav") == AudioHealth("undecodable", "not a regular file")


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("gone.wav")
    assert examine(tmp_path / "a.wav").state == "undecodable"


def test_a_huge_file_is_not_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise())
    os.truncate(path, MAX_BYTES + 1)  # sparse: takes no space
    health = examine(path)
    assert health.state == "undecodable"
    assert "1 GiB" in health.detail


def test_an_endless_recording_is_not_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(seconds=1, rate=16000))
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", 2)  # 16,000 samples at 2 Hz
    path.write_bytes(content)
    health = examine(path)
    assert health.state == "undecodable"
    assert "limit is 2 hours" in health.detail


def test_one_bad_file_does_not_keep_the_rest_from_being_examined(tmp_path: Path) -> None:
    good = write(tmp_path / "a.wav", noise())
    states = [health.state for health in examine_files([str(tmp_path), str(good), "gone\0.wav", str(good)])]
    assert states == ["undecodable", "ok", "undecodable", "ok"]
