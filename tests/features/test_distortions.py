"""Noise, rooms, codecs and the rest do to a clip what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.errors import SerbenchError
from serbench.features.distortions import (
    CODECS,
    ENCODERS,
    Codec,
    Room,
    add_noise,
    at_speed,
    babble,
    band_limited,
    clipped,
    cut_end,
    cut_start,
    encoder_of,
    in_room,
    reverberation_s,
    room_responses,
    scaled,
    speech_shaped,
    stream_of,
    through_codec,
    white_noise,
)
from serbench.features.distortions.rooms import Images

RATE = 16_000


def tone(hz: float, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def power(waveform: np.ndarray) -> float:
    return float(np.mean(np.square(waveform, dtype=np.float64)))


def decibels(waveform: np.ndarray, reference: np.ndarray) -> float:
    return 10 * np.log10(power(waveform) / power(reference))


def speech(seed: int = 0, seconds: float = 2.0) -> np.ndarray:
    """Syllables of a harmonic voice in pauses."""
    time = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(seed)
    voice = sum(np.sin(2 * np.pi * 140 * k * time + rng.uniform(0, 6)) / k for k in range(1, 25))
    return (0.1 * voice * np.clip(np.sin(2 * np.pi * 3 * time), 0, 1)).astype(np.float32)


@given(snr_db=st.floats(-10, 60), level=st.floats(1e-4, 10), seed=st.integers(0, 100))
def test_noise_of_any_level_stands_at_the_stated_ratio(snr_db, level, seed):
    clip, noise = tone(200), np.float32(level) * white_noise(8_000, np.random.default_rng(seed))
    noisy = add_noise(clip, noise, snr_db)
    assert noisy.dtype == np.float32
    assert decibels(clip, noisy.astype(np.float64) - clip) == pytest.approx(snr_db, abs=0.1)


def test_silence_stays_silent_and_silent_noise_adds_nothing():
    clip = tone(200)
    assert not add_noise(np.zeros(100, np.float32), np.ones(100, np.float32), 0.0).any()
    np.testing.assert_array_equal(add_noise(clip, np.zeros(len(clip), np.float32), 0.0), clip)


def test_babble_has_all_voices_at_one_level():
    loud, soft = tone(500), np.float32(0.001) * tone(1_500, seconds=0.3)
    mixed = babble(16_000, [loud, soft, np.zeros(50, np.float32), np.zeros(0, np.float32)], np.random.default_rng(1))
    assert mixed.shape == (16_000,)
    spectrum = np.abs(np.fft.rfft(mixed))
    assert spectrum[500] == pytest.approx(spectrum[1_500], rel=0.05)
    assert not babble(10, [], np.random.default_rng(1)).any()


def test_speech_shaped_noise_has_the_spectrum_of_the_clip_and_no_syllables():
    clip = speech()
    noise = speech_shaped(clip, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(np.fft.rfft(noise)), np.abs(np.fft.rfft(clip)), atol=0.05)
    pauses = clip == 0
    assert power(clip[pauses]) < 1e-12
    assert power(noise[pauses]) > 0.2 * power(noise[~pauses])


def test_a_stream_belongs_to_clip_and_seed():
    def draw(*stream):
        return np.random.default_rng(stream_of(*stream)).integers(1 << 40)

    assert draw("a", 1) == draw("a", 1)
    assert len({draw("a", 1), draw("b", 1), draw("a", 2), draw("a", 1, 0)}) == 4


@pytest.mark.parametrize(
    ("hz", "least", "most"), [(100, -200, -40), (300, -7, -5), (1_000, -0.1, 0.1), (3_400, -7, -5), (5_000, -200, -40)]
)
def test_a_telephone_lets_its_band_through(hz, least, most):
    clip = tone(hz)
    passed = band_limited(clip, RATE)
    assert passed.shape == clip.shape
    middle = slice(2_000, -2_000)
    assert least <= decibels(passed[middle] + np.float32(1e-9), clip[middle]) <= most


def test_a_band_that_the_rate_cannot_hold_filters_nothing_above():
    clip = tone(1_000, rate=6_000)
    assert decibels(band_limited(clip, 6_000)[1_000:-1_000], clip[1_000:-1_000]) == pytest.approx(0, abs=0.1)
    assert band_limited(np.ones(3, np.float32), RATE).shape == (3,)


def test_level_clipping_speed_and_cuts_are_as_stated():
    clip = tone(440)
    assert decibels(scaled(clip, -20.0), clip) == pytest.approx(-20, abs=1e-3)
    hard = clipped(clip, 12.0)
    assert np.abs(hard).max() == pytest.approx(np.abs(clip).max() * 10 ** (-12 / 20), rel=1e-5)
    assert np.isclose(np.abs(hard), np.abs(hard).max()).mean() > 0.5
    assert len(at_speed(clip, 1.1)) == pytest.approx(len(clip) / 1.1, abs=2)
    np.testing.assert_array_equal(cut_start(clip, 100), clip[100:])
    np.testing.assert_array_equal(cut_end(clip, 100), clip[:-100])
    assert len(cut_start(clip, 10**6)) == len(cut_end(clip, 10**6)) == len(clip) // 2


@pytest.mark.parametrize("rt60_s", [0.3, 0.8])
def test_a_room_has_its_reverberation_time_at_every_place(rt60_s):
    responses = room_responses(Room(rt60_s), RATE)
    assert len(responses) == 4
    assert reverberation_s(responses[0], RATE) == pytest.approx(rt60_s, rel=0.02)
    for response in responses:
        assert reverberation_s(response, RATE) == pytest.approx(rt60_s, rel=0.1)
        assert power(response) * len(response) == pytest.approx(1.0, rel=1e-5)
        assert np.abs(response).argmax() < 3, "the direct sound comes first and is the loudest"


def test_reverberation_time_of_an_exponential_decay():
    time = np.arange(RATE) / RATE
    for rt60_s in (0.2, 0.5):
        decay = np.random.default_rng(0).standard_normal(RATE) * 10 ** (-3 * time / rt60_s)
        assert reverberation_s(decay, RATE) == pytest.approx(rt60_s, rel=0.05)


def mirrored(source: np.ndarray, size: np.ndarray, walls: int) -> set[tuple[float, ...]]:
    """Images of a source that met up to so many walls, by mirroring at each wall again and again."""
    found, edge = {tuple(np.round(source, 6))}, {tuple(source)}
    for _ in range(walls):
        edge = {
            tuple(2 * wall - value if axis == place else value for place, value in enumerate(image))
            for image in edge
            for axis in range(3)
            for wall in (0.0, size[axis])
        }
        found |= {tuple(np.round(image, 6)) for image in edge}
    return found


def test_images_are_those_of_mirrors():
    size, talker, microphone = np.array([5.0, 4.0, 3.0]), np.array([1.0, 1.5, 0.7]), np.array([3.2, 2.1, 1.6])
    images = Images.of(Room(0.3, size_m=(5.0, 4.0, 3.0)), talker, microphone)
    for walls in range(4):
        by_hand = [np.linalg.norm(np.array(one) - microphone) for one in mirrored(talker, size, walls)]
        found = np.sort(images.arrival_s[images.bounces <= walls]) * 343.0
        np.testing.assert_allclose(found, np.sort(by_hand), atol=1e-4)


def test_a_room_is_drawn_by_its_seed_and_keeps_the_level():
    clip = speech()
    (one, *_), (again, *_) = room_responses(Room(0.3, seed=1), RATE), room_responses(Room(0.3, seed=1), RATE)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, room_responses(Room(0.3, seed=2), RATE)[0])
    played = in_room(clip, one)
    assert len(played) == len(clip) + len(one) - 1
    assert decibels(played[: len(clip)], clip) == pytest.approx(0, abs=1e-3)
    assert not in_room(np.zeros(100, np.float32), one).any()


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_keeps_length_place_and_voice(name):
    program = encoder_of(CODECS[name])
    if not program:
        pytest.skip(f"nothing encodes {name} here")
    clip = speech()
    rate = 11_025
    coded = through_codec(clip, rate, CODECS[name], program)
    assert coded.shape == clip.shape
    assert coded.dtype == np.float32
    assert not np.array_equal(coded, clip)
    likeness = [float(np.corrcoef(clip[200:-200], np.roll(coded, lag)[200:-200])[0, 1]) for lag in range(-150, 151, 2)]
    assert max(likeness) > 0.8
    assert abs(range(-150, 151, 2)[int(np.argmax(likeness))]) <= 4


def test_codecs_take_the_bits_that_they_are_named_for():
    clip = np.concatenate([speech(seed) for seed in range(5)])
    if not encoder_of(CODECS["mp3"]):
        pytest.skip("nothing encodes MP3 here")
    for name, kbit_s in (("mp3", 32), ("opus", 12), ("gsm", 13)):
        data = ENCODERS["libsndfile"](CODECS[name], clip)
        seconds = len(clip) / CODECS[name].sample_rate
        assert kbit_s * 0.6 <= len(data) * 8 / seconds / 1000 <= kbit_s * 1.4, name


def test_what_libsndfile_cannot_write_goes_through_ffmpeg_or_says_so(monkeypatch):
    mp3 = CODECS["mp3"]
    foreign = Codec(mp3.name, mp3.sample_rate, ("WAV", "MPEG_LAYER_III"), (("bitrate_mode", "NONSENSE"),), mp3.ffmpeg)
    if encoder_of(foreign):
        assert encoder_of(foreign) == "ffmpeg"
        assert np.corrcoef(through_codec(speech(), RATE, foreign, "ffmpeg"), speech())[0, 1] > 0.95
    monkeypatch.setenv("PATH", "")
    assert encoder_of(foreign) == ""
    with pytest.raises(SerbenchError, match="needs the program ffmpeg"):
        through_codec(speech(), RATE, foreign, "ffmpeg")
