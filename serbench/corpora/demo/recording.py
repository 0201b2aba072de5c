"""The simulated recording: room, noise floor and level. It turns a voice into 16-bit samples."""

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
_KEPT_INTENSITY = 0.5  # recordings are levelled by people and gain controls: loudness alone must not reveal the emotion
_CEILING = 0.89


def record(voice: Floats, speaker: Speaker, prosody: Prosody, rng: np.random.Generator) -> NDArray[np.int16]:
    """Records a voice in the speaker's room.

    The level of a clip depends on the speaker, partly on the vocal effort, and on noise. The noise floor depends on
    the speaker only, so a louder clip has a better signal-to-noise ratio.

    Args:
        voice: shape (samples,), at `SAMPLE_RATE`.
        speaker: whose room and level are used.
        prosody: of the clip; its intensity is vocal effort in dB.
        rng: the source of randomness.

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
    """Returns a mono 16-bit WAV file. The bytes depend only on the samples."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def _room(speaker: Speaker, rng: np.random.Generator) -> Floats:
    """Impulse response of the room: direct sound and a tail that falls by 60 dB in `rt60_s`; it varies by clip."""
    time = np.arange(int(min(speaker.rt60_s, 0.25) * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / speaker.rt60_s)
    tail[: SAMPLE_RATE // 200] = 0.0
    tail *= 10 ** (speaker.reverb_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _rms(signal: Floats) -> float:
    return float(np.sqrt(np.mean(signal**2)))
