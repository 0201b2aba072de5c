"""Noise behind a voice: white noise, babble of other voices, noise with the spectrum of speech."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from serbench.features.audio import Waveform

__all__ = ["add_noise", "babble", "speech_shaped", "stream_of", "white_noise"]


def stream_of(clip_id: str, *seed: int) -> np.random.SeedSequence:
    """Returns the random stream of a clip: the same in every process and at every place of a table.

    Args:
        clip_id: id of the clip.
        seed: what else the stream depends on.
    """
    # Not Python's hash() of a text, which differs from process to process.
    hashed = int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:16], "little")
    return np.random.SeedSequence([*seed, hashed])


def add_noise(waveform: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    """Adds noise at a signal-to-noise ratio: mean power of the whole clip over mean power of the noise.

    Args:
        waveform: (samples,). Digital silence stays silent.
        noise: (samples,), of any level. Silent noise adds nothing.
        snr_db: the ratio in decibels.

    Returns:
        float32 (samples,).
    """
    power, of_noise = (float(np.mean(np.square(one, dtype=np.float64))) for one in (waveform, noise))
    if of_noise == 0.0:
        return waveform
    scale = np.float32(np.sqrt(power / of_noise / 10 ** (snr_db / 10)))
    return np.asarray(waveform + scale * noise, dtype=np.float32)


def white_noise(samples: int, rng: np.random.Generator) -> Waveform:
    """Draws white Gaussian noise of unit power."""
    return rng.standard_normal(samples, dtype=np.float32)


def babble(samples: int, voices: Sequence[Waveform], rng: np.random.Generator) -> Waveform:
    """Mixes voices of equal level. Each begins at a random place and is repeated as often as needed.

    Args:
        samples: length of the result.
        voices: (samples,) each, of any length. Silent and empty ones are left out.
        rng: draws where the voices begin.

    Returns:
        float32 (samples,); silent if no voice sounds.
    """
    mixed = np.zeros(samples, dtype=np.float32)
    for voice in voices:
        level = float(np.sqrt(np.mean(np.square(voice, dtype=np.float64)))) if len(voice) else 0.0
        if level > 0.0:
            start = int(rng.integers(len(voice)))
            mixed += np.resize(np.roll(voice, -start), samples) / np.float32(level)
    return mixed


def speech_shaped(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Makes noise with the long-term spectrum of a clip: its Fourier transform with random phases.

    Unlike babble it is made of no other clip.

    Args:
        waveform: (samples,).
        rng: draws the phases.
    """
    spectrum = np.fft.rfft(waveform)
    phases = np.exp(2j * np.pi * rng.random(len(spectrum)))
    phases[0] = 1.0  # the mean of a real signal has no phase
    return np.fft.irfft(np.abs(spectrum) * phases, n=len(waveform)).astype(np.float32)
