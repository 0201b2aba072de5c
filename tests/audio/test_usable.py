"""One rule: what the check of a corpus, the features of a search and a prediction make of one file."""

from __future__ import annotations

import errno
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sounds_made import RATE, pcm, saved, voice, wav_bytes

from serbench.audio import Sound, read_sound, sound_of_array
from serbench.audio import sound as rule
from serbench.errors import SerbenchError, UsageError
from serbench.features import decode

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def stored(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def state(path: Path) -> str:
    """State of a file; search and prediction are held against it."""
    sound = read_sound(path)
    if sound.usable:
        assert len(decode(path, RATE)) > 0
    else:
        with pytest.raises(SerbenchError, match="cannot use"):
            decode(path, RATE)
    return sound.health.state


def test_what_libsndfile_cannot_seek_in_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "gsm.wav", voice(1.5, rate=8000), 8000, subtype="GSM610")
    assert state(path) == "ok"
    assert len(decode(path, 8000)) == 12_160


@pytest.mark.parametrize("level", [1e10, 1e17, 1e30])
def test_an_absurd_level_is_refused(tmp_path: Path, level: float) -> None:
    path = saved(tmp_path / "loud.wav", voice() * np.float32(level), subtype="FLOAT")
    assert state(path) == "undecodable"
    assert "times full scale" in read_sound(path).health.detail


def test_integers_kept_as_floats_are_used_with_a_remark(tmp_path: Path) -> None:
    path = saved(tmp_path / "loud.wav", voice() * np.float32(32768), subtype="FLOAT")
    assert state(path) == "ok"
    assert "unscaled integers" in read_sound(path).health.detail


@pytest.mark.parametrize("factor", [-1.0, -0.999])
def test_channels_that_cancel_are_silent(tmp_path: Path, factor: float) -> None:
    both = np.stack([voice(), factor * voice()], axis=1)
    assert state(stored(tmp_path / "anti.wav", wav_bytes(pcm(both), channels=2))) == "silent"


def test_one_silent_channel_of_two_is_fine(tmp_path: Path) -> None:
    both = np.stack([voice(), 0 * voice()], axis=1)
    assert state(stored(tmp_path / "left.wav", wav_bytes(pcm(both), channels=2))) == "ok"


def test_one_voice_among_200_channels_is_no_silence(tmp_path: Path) -> None:
    channels = np.zeros((RATE // 2, 200), np.float32)
    channels[:, 7] = voice()
    assert state(saved(tmp_path / "many.wav", channels)) == "ok"


def test_a_constant_is_silent(tmp_path: Path) -> None:
    assert state(saved(tmp_path / "dc.wav", np.full(RATE, 0.3, np.float32))) == "silent"


def test_a_single_sample_is_too_short(tmp_path: Path) -> None:
    assert state(saved(tmp_path / "one.wav", voice()[2000:2001])) == "too_short"


def test_a_flac_of_unknown_length_is_decoded(tmp_path: Path) -> None:
    data = bytearray(saved(tmp_path / "open.flac", voice(1.5)).read_bytes())
    at = data.index(b"fLaC") + 8 + 10
    facts = int.from_bytes(data[at : at + 8], "big")
    data[at : at + 8] = (facts & ~((1 << 36) - 1)).to_bytes(8, "big")
    path = stored(tmp_path / "open.flac", bytes(data))
    assert state(path) == "ok"
    assert len(decode(path, RATE)) == 24_000
    assert "does not state the length" in read_sound(path).health.detail


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_half_a_wav_is_cut_off(tmp_path: Path, share: float) -> None:
    whole = wav_bytes(pcm(voice(1.5)))
    assert state(stored(tmp_path / "half.wav", whole[: 44 + int(48_000 * share)])) == "cut_off"


def test_a_few_samples_less_are_a_remark(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.wav", wav_bytes(pcm(voice(1.5)))[:-200])
    assert state(path) == "ok"
    assert read_sound(path).health.detail == "the last 200 of 48,000 bytes are missing"


@pytest.mark.parametrize("name", ["half.mp3", "half.aiff", "half.au", "half.flac"])
def test_half_a_file_of_another_format_is_not_ok(tmp_path: Path, name: str) -> None:
    whole = saved(tmp_path / name, voice(1.5)).read_bytes()
    assert state(stored(tmp_path / name, whole[: len(whole) // 2])) in {"cut_off", "undecodable"}


@pytest.mark.parametrize(
    ("suffix", "form"),
    [
        ("rf64", {"format": "RF64"}),
        ("w64", {"format": "W64"}),
        ("w64", {"format": "W64", "subtype": "IMA_ADPCM"}),
        ("caf", {"format": "CAF"}),
        ("sph", {"format": "NIST"}),
        ("sph", {"format": "NIST", "subtype": "ULAW"}),
        ("voc", {"format": "VOC"}),
        ("wav", {"format": "WAV", "endian": "BIG"}),  # RIFX
    ],
)
def test_every_header_that_states_a_size_is_held_against_the_file(tmp_path: Path, suffix: str, form: dict) -> None:
    whole = saved(tmp_path / f"whole.{suffix}", voice(1.5), **form)
    assert state(whole) == "ok"
    assert read_sound(whole).health.detail == ""
    data = whole.read_bytes()
    half = stored(tmp_path / f"half.{suffix}", data[: len(data) // 2])
    assert state(half) == "cut_off"
    assert "cut off after" in read_sound(half).health.detail


def test_a_tag_in_front_of_a_wav_hides_no_cut(tmp_path: Path) -> None:
    tag, data = b"ID3\x03\0\0\0\0\x01\x02" + bytes(130), wav_bytes(pcm(voice(1.5)))
    assert state(stored(tmp_path / "whole.wav", tag + data)) == "ok"
    assert state(stored(tmp_path / "half.wav", tag + data[: len(data) // 2])) == "cut_off"


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_that_ends_in_the_middle_of_a_page_is_cut_off(tmp_path: Path, subtype: str) -> None:
    whole = saved(tmp_path / "whole.ogg", voice(9.0), format="OGG", subtype=subtype)
    assert state(whole) == "ok"
    data = whole.read_bytes()
    assert state(stored(tmp_path / "half.ogg", data[: len(data) * 3 // 4])) == "cut_off"
    assert state(stored(tmp_path / "more.ogg", data + b"a list of titles")) == "ok"


@pytest.mark.long
@needs_ffmpeg
@pytest.mark.parametrize("form", ["asf", "adts", "tta", "flv", "avi", "caf -c:a alac"])
def test_half_of_what_ffmpeg_reads_is_not_ok(tmp_path: Path, form: str) -> None:
    form, *codec = form.split()
    good = saved(tmp_path / "good.wav", voice(3.0, rate=44_100), 44_100)
    subprocess.run(["ffmpeg", "-v", "error", "-i", good, *codec, "-f", form, tmp_path / "a.bin"], check=True)
    assert state(tmp_path / "a.bin") == "ok"
    data = (tmp_path / "a.bin").read_bytes()
    assert state(stored(tmp_path / "half.bin", data[: len(data) // 2])) in {"cut_off", "undecodable"}


@pytest.mark.long
@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.mp2", "a.caf"])
@pytest.mark.parametrize(("seconds", "rate"), [(0.15, 8_000), (0.5, 16_000), (1.0, 44_100)])
def test_a_whole_short_clip_of_packets_is_not_cut_off(tmp_path: Path, name: str, seconds: float, rate: int) -> None:
    if name == "a.mp2" and rate == 8_000:
        rate = 16_000
    codec = {"a.mp3": ["-write_xing", "0"], "a.wav": ["-c:a", "libmp3lame"], "a.caf": ["-c:a", "alac"]}.get(name, [])
    good = saved(tmp_path / "good.wav", voice(seconds, rate=rate), rate)
    (tmp_path / "out").mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-i", good, *codec, tmp_path / "out" / name], check=True)
    assert state(tmp_path / "out" / name) == "ok"


@pytest.mark.parametrize("rate", [1, 400])
def test_a_rate_that_holds_no_speech_is_refused(tmp_path: Path, rate: int) -> None:
    path = stored(tmp_path / "slow.wav", wav_bytes(pcm(voice(0.1)), rate=rate))
    assert state(path) == "undecodable"
    assert f"has a rate of {rate} Hz" in read_sound(path).health.detail


@needs_ffmpeg
def test_samples_after_a_size_of_zero_are_read(tmp_path: Path) -> None:
    assert state(stored(tmp_path / "killed.wav", wav_bytes(pcm(voice(1.5)), data_size=0, riff_size=36))) == "ok"
    assert len(decode(tmp_path / "killed.wav", RATE)) == 24_000


@pytest.mark.parametrize("size", [0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_placeholder_for_the_size_is_not_believed(tmp_path: Path, size: int) -> None:
    data = wav_bytes(pcm(voice(1.5)), data_size=size, riff_size=size)
    assert state(stored(tmp_path / "piped.wav", data)) == "ok"
    assert len(decode(tmp_path / "piped.wav", RATE)) == 24_000


def test_content_decides_where_a_suffix_lies(tmp_path: Path) -> None:
    good = saved(tmp_path / "good.wav")
    for name in ("a.m4a", "a.raw", "a.txt", "a.vox", "a"):
        shutil.copyfile(good, tmp_path / name)
        assert state(tmp_path / name) == "ok"
    (tmp_path / "text.vox").write_text("no sound " * 1000)
    assert state(tmp_path / "text.vox") == "undecodable"


@pytest.mark.long
@needs_ffmpeg
@pytest.mark.parametrize("form", ["mp4", "webm", "asf", "adts", "caf -c:a alac"])
def test_what_ffmpeg_decodes_is_read_whatever_its_name(tmp_path: Path, form: str) -> None:
    form, *codec = form.split()
    good = saved(tmp_path / "good.wav", voice(1.0, rate=48_000), 48_000)
    command = ["ffmpeg", "-v", "error", "-i", good, *codec, "-f", form, tmp_path / "a.wav"]
    subprocess.run(command, check=True)
    assert state(tmp_path / "a.wav") == "ok"
    assert read_sound(tmp_path / "a.wav").health.duration_s == pytest.approx(1.0, abs=0.1)


@needs_ffmpeg
def test_half_a_recording_that_ffmpeg_reads_is_cut_off(tmp_path: Path) -> None:
    whole = tmp_path / "a.m4a"
    command = ["ffmpeg", "-v", "error", "-i", saved(tmp_path / "good.wav", voice(8.0)), "-movflags", "faststart", whole]
    subprocess.run(command, check=True)
    data = whole.read_bytes()
    assert state(stored(tmp_path / "half.m4a", data[: len(data) // 2])) == "cut_off"


def test_whatever_a_decoder_raises_is_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of a codec")

    monkeypatch.setattr(rule, "missing_bytes", broken)
    assert state(saved(tmp_path / "a.wav")) == "undecodable"
    assert "of a codec" in read_sound(tmp_path / "a.wav").health.detail


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "full"), OSError(errno.EMFILE, "many")])
def test_what_the_machine_lacks_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(rule, "missing_bytes", broken)
    with pytest.raises(type(error)):
        read_sound(saved(tmp_path / "a.wav"))


def test_a_long_recording_is_put_together_in_order_and_not_kept_twice(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (rule._BLOCK_FRAMES * 2 + 77)).astype(np.float32)
    path = saved(tmp_path / "long.wav", samples, subtype="FLOAT")
    np.testing.assert_array_equal(read_sound(path).waveform, samples)


def test_a_name_that_is_not_utf8_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "m\udcfcller.wav"
    shutil.copyfile(saved(tmp_path / "a.wav"), path)
    assert state(path) == "ok"


def test_an_array_is_judged_as_its_file_is(tmp_path: Path) -> None:
    def both(samples: np.ndarray) -> tuple[Sound, Sound]:
        return sound_of_array(samples, RATE), read_sound(saved(tmp_path / "a.wav", samples, subtype="FLOAT"))

    for samples in (voice(), voice()[:9], 0 * voice(), np.stack([voice(), -voice()], axis=1)):
        array, file = both(samples)
        assert array.health == file.health
    with pytest.raises(UsageError, match="not finite"):
        sound_of_array(np.array([0.1, np.nan]), RATE)
    with pytest.raises(UsageError, match="times full scale"):
        sound_of_array(voice() * 1e30, RATE)
