"""The room, the noise floor and the level: from a voice to 16-bit samples."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray

from serbench.corpora.demo.prosody import Prosody
from serbench.corpora.demo.speakers import Speaker
from serbench.corpora.demo.synthesis import SAMPLE_RATE

__all__ = ["record", "wav_bytes"]

Floats = NDArray[np.float64]

_LEVEL_DBFS = -27.0
_KEPT_INTENSITY = 0.5  # people and gain controls level recordings, so loudness alone must not tell the emotion
_CEILING = 0.89


def record(voice: Floats, speaker: Speaker, prosody: Prosody, rng: np.random.Generator) -> NDArray[np.int16]:
    """Sets the voice into the speaker's room and records it.

    The level of a clip is that of the speaker, part of the vocal effort and some chance. The noise floor
    is that of the speaker: a louder clip stands farther above it.

    Returns:
        Shape (samples,), int16, never clipped.
    """
    size = int(2 ** np.ceil(np.log2(len(voice) + SAMPLE_RATE // 4)))
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    room = np.fft.rfft(_room(speaker, rng), size)
    spectrum = np.fft.rfft(voice, size) * room
    spectrum *= frequencies**2 / (frequencies**2 + 70.0**2)  # a microphone's lower end
    sound = np.fft.irfft(spectrum, size)[: len(voice)]
    chance = rng.normal(0.0, 1.5)
    speech_db = _LEVEL_DBFS + speaker.level_db + _KEPT_INTENSITY * prosody.intensity + chance
    sound *= 10 ** (speech_db / 20) / _rms(sound)
    colour = np.maximum(frequencies, 50.0) ** -speaker.noise_slope
    floor = np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * colour, size)[: len(voice)]
    floor_db = _LEVEL_DBFS + speaker.level_db - speaker.snr_db + rng.normal(0.0, 1.0)
    sound += floor * (10 ** (floor_db / 20) / _rms(floor))
    sound *= min(1.0, _CEILING / float(np.abs(sound).max()))
    return np.rint(sound * 32767).astype(np.int16)


def wav_bytes(samples: NDArray[np.int16]) -> bytes:
    """A mono 16-bit WAV file. The bytes depend on the samples alone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def _room(speaker: Speaker, rng: np.random.Generator) -> Floats:
    """Direct sound and an exponentially decaying tail, 60 dB down after `rt60_s`; the place varies by clip."""
    time = np.arange(int(min(speaker.rt60_s, 0.25) * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / speaker.rt60_s)
    tail[: SAMPLE_RATE // 200] = 0.0
    tail *= 10 ** (speaker.reverb_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _rms(signal: Floats) -> float:
    return float(np.sqrt(np.mean(signal**2)))
