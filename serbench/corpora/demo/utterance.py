"""Turns sounds and prosody into the control tracks of the synthesiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serbench.corpora.demo.phones import Sound
from serbench.corpora.demo.prosody import Prosody
from serbench.corpora.demo.speakers import Speaker

__all__ = ["CONTROL_RATE", "Tracks", "utterance_tracks"]

Floats = NDArray[np.float64]

CONTROL_RATE = 500
"""Points per second on every track: fine enough for the burst of a stop."""

MIN_SPEECH_S, MAX_SPEECH_S = 1.0, 2.2
"""Bounds on the time from the first to the last sound. The silences around it add at most 0.4 s."""

_NEUTRAL_TRACT = np.array([500.0, 1500.0, 2500.0])
_ACCENT_ST, _DECLINATION_ST = 3.0, 3.0


@dataclass(frozen=True, slots=True)
class Tracks:
    """The control tracks of one utterance, each with n points at `CONTROL_RATE`.

    Attributes:
        f0_hz: fundamental frequency, also defined in unvoiced sounds.
        formants_hz: shape (n, 3).
        voice: amplitude of the glottal pulses.
        aspiration: amplitude of glottal noise.
        frication: amplitude of the noise in the mouth.
        noise_hz: centre of that noise.
        noise_width_hz: half-width of that noise.
    """

    f0_hz: Floats
    formants_hz: Floats
    voice: Floats
    aspiration: Floats
    frication: Floats
    noise_hz: Floats
    noise_width_hz: Floats


def utterance_tracks(sounds: tuple[Sound, ...], speaker: Speaker, prosody: Prosody, rng: np.random.Generator) -> Tracks:
    """Computes durations, formants, amplitudes and f0 of an utterance.

    Adjacent sounds blend (formants over about 60 ms, amplitudes over 14 ms); there is no other coarticulation.
    """
    durations = _durations(sounds, speaker, prosody, rng)
    lead, trail = rng.uniform(0.08, 0.20, size=2)
    edges = np.rint(np.cumsum([0.0, lead, *durations, trail]) * CONTROL_RATE).astype(np.int64)
    counts = np.diff(edges)

    def track(values: list[float], outside: float, width_s: float) -> Floats:
        return _smooth(np.repeat([outside, *values, outside], counts), width_s)

    phones = [sound.phone for sound in sounds]
    stress = [1.0 if sound.stressed or not sound.phone.is_vowel else 0.75 for sound in sounds]
    targets = np.array([phone.formants for phone in phones])
    spread = 2.0**prosody.precision
    targets = _NEUTRAL_TRACT + (targets - _NEUTRAL_TRACT) * spread * rng.normal(1.0, 0.06, size=(len(phones), 1))
    targets = np.maximum(targets, [200.0, 500.0, 1350.0]) * speaker.formant_scale
    formants = np.stack([track(list(targets[:, k]), 500.0 * (2 * k + 1), 0.060) for k in range(3)], axis=1)
    return Tracks(
        f0_hz=_f0(sounds, edges, speaker, prosody, rng),
        formants_hz=formants,
        voice=track([p.voice * s for p, s in zip(phones, stress, strict=True)], 0.0, 0.014),
        aspiration=track([p.aspiration for p in phones], 0.0, 0.014),
        frication=track([p.frication for p in phones], 0.0, 0.014),
        noise_hz=track([p.noise_hz for p in phones], 3000.0, 0.008),
        noise_width_hz=track([p.noise_width_hz for p in phones], 2500.0, 0.008),
    )


def _durations(sounds: tuple[Sound, ...], speaker: Speaker, prosody: Prosody, rng: np.random.Generator) -> Floats:
    """Duration of each sound in seconds. The speech rate affects vowels more than consonants."""
    rate = speaker.rate + prosody.rate
    seconds = []
    for sound in sounds:
        base = sound.phone.duration_s * (1.45 if sound.stressed else 1.0) * (1.5 if sound.final else 1.0)
        if sound.pause:
            seconds.append(base * 2 ** (prosody.pauses + rng.normal(0.0, 0.5) - rate))
        else:
            share = 1.2 if sound.phone.is_vowel else 0.8
            seconds.append(base * 2 ** (rng.normal(0.0, 0.15) - share * rate))
    durations = np.array(seconds)
    total = float(durations.sum())
    return np.asarray(durations * np.clip(total, MIN_SPEECH_S, MAX_SPEECH_S) / total)


def _f0(
    sounds: tuple[Sound, ...],
    edges: NDArray[np.int64],
    speaker: Speaker,
    prosody: Prosody,
    rng: np.random.Generator,
) -> Floats:
    """The f0 contour in Hz: declination, an accent on each stressed vowel, a terminal movement, a slow drift."""
    points = int(edges[-1])
    time = np.arange(points, dtype=np.float64)
    first, last = int(edges[1]), int(edges[-2])
    course = np.clip((time - first) / (last - first), 0.0, 1.0)
    moves = _DECLINATION_ST * (0.5 - course)
    for sound, start, stop in zip(sounds, edges[1:-2], edges[2:-1], strict=True):
        if sound.stressed:
            centre = start + 0.4 * (stop - start)
            moves += _ACCENT_ST * rng.uniform(0.6, 1.4) * np.exp(-0.5 * ((time - centre) / 35.0) ** 2)
    terminal = prosody.f0_terminal * np.clip((course - 0.82) / 0.18, 0.0, 1.0)
    drift = 0.4 * np.interp(time, np.linspace(0, points, 12), rng.standard_normal(12))
    semitones = prosody.f0_level + 2.0**prosody.f0_range * moves + terminal + drift
    return np.asarray(speaker.f0_hz * 2 ** (np.clip(semitones, -12.0, 18.0) / 12))


def _smooth(track: Floats, width_s: float) -> Floats:
    """Smooths a track with a Hann window of about `width_s`; edge values are repeated."""
    half = max(1, round(width_s * CONTROL_RATE / 2))
    window = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(track, half, mode="edge"), window / window.sum(), mode="valid")
