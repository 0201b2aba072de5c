"""The sound of the demo corpus: what is promised of every clip, and that emotions move the voice the right way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serbench.corpora.demo.clips import DemoClip, demo_clips, render
from serbench.corpora.demo.phones import SENTENCES, sentence_sounds
from serbench.corpora.demo.prosody import EMOTIONS, Prosody
from serbench.corpora.demo.recording import record, wav_bytes
from serbench.corpora.demo.speakers import speaker
from serbench.corpora.demo.synthesis import SAMPLE_RATE, glottal_source, vocal_tract

pytestmark = pytest.mark.long

PEOPLE = (2001, 2002, 2011, 2012, 2023, 2024, 2037, 2038)


@pytest.fixture(scope="module")
def voices() -> dict[tuple[int, str], np.ndarray]:
    """One sentence of each emotion by each of eight people."""
    return {
        (person, emotion): render(DemoClip(person, speaker(person).sentences[0], emotion))
        for person in PEOPLE
        for emotion in EMOTIONS
    }


def frames(samples: np.ndarray, length: int = 640) -> np.ndarray:
    """Windowed frames of 40 ms from the louder half of a clip."""
    cut = samples[: len(samples) // length * length].reshape(-1, length) / 32768
    loud = np.sqrt(np.mean(cut**2, axis=1))
    return cut[loud >= np.median(loud)] * np.hanning(length)


def f0_hz(samples: np.ndarray) -> float:
    """The median pitch of the louder half, by autocorrelation between 60 and 500 Hz."""
    power = np.abs(np.fft.rfft(frames(samples), 2048)) ** 2
    lags = np.fft.irfft(power, axis=1)[:, SAMPLE_RATE // 500 : SAMPLE_RATE // 60]
    return float(np.median(SAMPLE_RATE / (SAMPLE_RATE // 500 + lags.argmax(axis=1))))


def brightness_db(samples: np.ndarray) -> float:
    """Energy in 1-4 kHz against that below 1 kHz, in the louder half."""
    power = (np.abs(np.fft.rfft(frames(samples), axis=1)) ** 2).mean(axis=0)
    hz = np.fft.rfftfreq(640, 1 / SAMPLE_RATE)
    return float(10 * np.log10(power[(hz >= 1000) & (hz < 4000)].sum() / power[hz < 1000].sum()))


def average(voices: dict[tuple[int, str], np.ndarray], measure) -> dict[str, float]:
    """The mean of a measure over people, each against the person's own mean."""
    values = np.array([[measure(voices[person, emotion]) for emotion in EMOTIONS] for person in PEOPLE])
    return dict(zip(EMOTIONS, (values - values.mean(axis=1, keepdims=True)).mean(axis=0), strict=True))


def test_a_clip_is_the_same_every_time_and_in_any_order() -> None:
    clips = demo_clips((2005, 2006))[::7]
    here = [wav_bytes(render(clip)) for clip in clips]
    with ThreadPoolExecutor(2) as pool:
        there = list(pool.map(lambda clip: wav_bytes(render(clip)), reversed(clips)))
    assert here == there[::-1]


def test_all_clips_differ(voices) -> None:
    assert len({samples.tobytes() for samples in voices.values()}) == len(voices)


def test_clips_have_the_promised_length(voices) -> None:
    assert all(1.15 <= len(samples) / SAMPLE_RATE <= 2.6 for samples in voices.values())
    assert np.ptp([len(samples) for samples in voices.values()]) > 0.5 * SAMPLE_RATE


def test_no_clip_is_silent_or_clipped(voices) -> None:
    for samples in voices.values():
        assert samples.dtype == np.int16
        assert 0.02 < np.abs(samples / 32768).max() < 0.9
        assert np.std(samples) > 150


def test_a_loud_peak_lowers_the_clip_instead_of_clipping_it() -> None:
    voice = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    voice[8000] = 500.0
    samples = record(voice, speaker(2001), Prosody(), np.random.default_rng(1)).astype(int)
    assert 28_000 < np.abs(samples).max() < 30_000


def test_speech_stands_above_the_noise_floor_around_it(voices) -> None:
    for samples in voices.values():
        before = np.std(samples[: SAMPLE_RATE // 20].astype(float))
        assert 0 < before < 0.35 * np.std(samples)


def test_pitch_follows_the_literature(voices) -> None:
    semitones = average(voices, lambda samples: 12 * np.log2(f0_hz(samples)))
    for high in ("anger", "fear", "happiness"):
        for low in ("sadness", "disgust", "neutral"):
            assert semitones[high] > semitones[low] + 1, (high, low)


def test_rate_follows_the_literature(voices) -> None:
    seconds = average(voices, lambda samples: len(samples) / SAMPLE_RATE)
    for fast in ("anger", "fear"):
        for slow in ("sadness", "disgust"):
            assert seconds[fast] < seconds[slow] - 0.15, (fast, slow)


def test_spectral_slope_follows_the_literature(voices) -> None:
    bright = average(voices, brightness_db)
    assert bright["anger"] == max(bright.values())
    assert bright["sadness"] == min(bright.values())


def test_loudness_alone_does_not_tell_the_emotion(voices) -> None:
    levels = {key: 20 * np.log10(np.std(samples)) for key, samples in voices.items()}
    spread = np.std([levels[key] for key in levels], dtype=float)
    means = average(voices, lambda samples: 20 * np.log10(np.std(samples)))
    assert means["anger"] > means["sadness"]
    assert np.std([*means.values()]) < spread


def test_emotions_are_told_by_simple_measures_often_but_not_always(voices) -> None:
    """The nearest mean of the other people, in pitch, length, brightness and level."""
    measures = (
        lambda samples: 12 * np.log2(f0_hz(samples)),
        lambda samples: len(samples) / SAMPLE_RATE,
        brightness_db,
        lambda samples: 20 * np.log10(np.std(samples)),
    )
    table = np.array([[[m(voices[person, emotion]) for m in measures] for emotion in EMOTIONS] for person in PEOPLE])
    table /= table.std(axis=(0, 1))
    hits = 0
    for one in range(len(PEOPLE)):
        means = np.delete(table, one, axis=0).mean(axis=0)
        guesses = np.linalg.norm(table[one][:, None] - means, axis=2).argmin(axis=1)
        hits += int((guesses == np.arange(len(EMOTIONS))).sum())
    assert 0.25 < hits / len(voices) < 0.80


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_has_voiced_and_unvoiced_sounds_and_ends_on_one_final_vowel(code: str) -> None:
    sounds = sentence_sounds(code)
    assert len(code) == 3
    assert sum(sound.final for sound in sounds) == 1
    assert sum(sound.stressed for sound in sounds) == 3
    assert any(sound.phone.voice for sound in sounds)
    assert any(sound.phone.frication and not sound.phone.voice for sound in sounds)


def test_resonances_lie_at_the_formants() -> None:
    formants = (600.0, 1700.0, 2800.0)
    gain = np.abs(vocal_tract(np.array([formants]), (70.0, 95.0, 140.0)))[0]
    hz = np.linspace(0, SAMPLE_RATE / 2, len(gain))
    peaks = hz[1:-1][(gain[1:-1] > gain[:-2]) & (gain[1:-1] > gain[2:])]
    assert gain[0] == pytest.approx(1.0)
    assert peaks == pytest.approx(formants, abs=25)


def test_pulses_repeat_at_f0_and_jitter_blurs_them() -> None:
    f0 = np.full(SAMPLE_RATE, 160.0)
    lag = SAMPLE_RATE // 160

    def regularity(jitter: float) -> float:
        pulses, _ = glottal_source(f0, 0.6, jitter, np.random.default_rng(1))
        return float(np.corrcoef(pulses[:-lag], pulses[lag:])[0, 1])

    assert regularity(0.0) > 0.999
    assert regularity(0.0) > regularity(0.01) > regularity(0.04)
