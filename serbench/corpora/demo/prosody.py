"""How an emotion changes a voice: prosody parameters and the profile of each emotion.

The directions follow the literature; the sizes are chosen so that emotions overlap as they do in real corpora.

- Murray & Arnott (1993, doi 10.1121/1.405558), table I: anger, happiness, fear with much higher pitch, wider
  in anger and happiness; disgust very slow, low, grumbled, with wide falls at the end; sadness slow, low, narrow.
- Banse & Scherer (1996, doi 10.1037/0022-3514.70.3.614): mean and spread of f0, energy, rate and the
  share of high-frequency energy, measured on 14 emotions.
- Juslin & Laukka (2003, doi 10.1037/0033-2909.129.5.770), table 11: intensity and high-frequency energy high in
  anger, middling in happiness, low in sadness; fear fast, high, of little pitch variability, rising; irregular
  voicing in anger, fear and sadness, the least in happiness.
- Scherer (2003, doi 10.1016/S0167-6393(02)00084-5): contours fall in anger and sadness, rise in joy. (Juslin & Laukka
  report rising ones for anger: the fall of the older work is kept.)
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EMOTIONS", "PROFILES", "SPREAD", "Prosody"]


class Prosody(NamedTuple):
    """How a clip's voice differs from the same speaker's neutral voice (all zeros).

    All fields are additive, so profiles, habits and noise can be summed as vectors.

    Attributes:
        f0_level: shift of the mean f0, semitones.
        f0_range: log2 of the factor on all f0 movements.
        f0_terminal: f0 movement over the last syllable, semitones (positive = rises).
        rate: log2 of the factor on speech rate.
        pauses: log2 of the factor on pause lengths.
        intensity: vocal effort, dB.
        tilt: change of the source's spectral slope, dB an octave (positive = brighter).
        jitter: log2 of the factor on the cycle-to-cycle irregularity of f0 and amplitude.
        breath: aspiration noise, dB.
        precision: log2 of the factor on the vowel space (positive = tenser articulation).
    """

    f0_level: float = 0.0
    f0_range: float = 0.0
    f0_terminal: float = 0.0
    rate: float = 0.0
    pauses: float = 0.0
    intensity: float = 0.0
    tilt: float = 0.0
    jitter: float = 0.0
    breath: float = 0.0
    precision: float = 0.0


PROFILES: dict[str, Prosody] = {
    "anger": Prosody(+4.0, +0.55, -3.0, +0.20, -0.5, +8.0, +2.6, +0.8, -4.0, +0.20),
    "disgust": Prosody(-1.5, +0.15, -4.0, -0.28, +0.6, -1.0, -0.2, +0.9, -1.0, +0.05),
    "fear": Prosody(+5.0, -0.25, +2.0, +0.28, +0.2, +1.0, +0.4, +1.0, +4.0, -0.05),
    "happiness": Prosody(+4.2, +0.60, +3.5, +0.08, -0.3, +4.5, +0.9, -0.4, -0.5, +0.10),
    "neutral": Prosody(),
    "sadness": Prosody(-1.8, -0.70, -1.5, -0.25, +0.9, -6.0, -1.8, +0.4, +4.0, -0.25),
}
"""The profile of each emotion at full strength, relative to neutral speech."""

SPREAD = Prosody(1.5, 0.30, 1.6, 0.10, 0.5, 2.5, 0.8, 0.5, 2.5, 0.12)
"""One unit of noise in each parameter: how far people differ where the literature gives no figure."""

EMOTIONS = tuple(PROFILES)
"""The labels, in alphabetical order."""
