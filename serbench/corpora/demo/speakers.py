"""The speakers of the demo corpus: their voices, rooms and habits, and the prosody of their clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from serbench.corpora.demo.phones import SENTENCES
from serbench.corpora.demo.prosody import EMOTIONS, PROFILES, SPREAD, Prosody

__all__ = ["DEMO_SEED", "SPEAKER_IDS", "Speaker", "clip_prosody", "speaker"]

DEMO_SEED = 20030407

SPEAKER_IDS = tuple(range(2001, 2041))
"""Outside CREMA-D's range 1001-1091, so that no clip can be mistaken for one of its recordings."""

_SENTENCES_EACH = 4
_HABIT = 0.35
_CLIP_CHANCE = 0.4
_STEPS = (1, 5, 7, 11)  # coprime to the number of sentences, so the four sentences of a speaker are different


@dataclass(frozen=True, slots=True)
class Speaker:
    """An invented person in an invented room.

    Attributes:
        speaker_id: 2001-2040; odd ones are women.
        sex: `female` or `male`.
        age: years.
        sentences: codes of the sentences this speaker says.
        f0_hz: median f0 of the neutral voice.
        formant_scale: factor on every formant (a shorter vocal tract has higher ones; 1 = an average man).
        rate: log2 of the habitual speech rate against the average.
        tilt: habitual slope of the source against the average, dB per octave.
        jitter: standard deviation of the cycle length in neutral speech, as a fraction.
        breath_db: level of the aspiration noise against the voice.
        level_db: level of this speaker's clips against the average.
        expressiveness: factor on every emotion's profile.
        habits: personal deviation from the profile of each emotion.
        snr_db: level of the speech above the noise floor.
        noise_slope: exponent of the noise floor's 1/f amplitude.
        rt60_s: reverberation time of the room.
        reverb_db: level of the reverberation against the direct sound.
    """

    speaker_id: int
    sex: str
    age: int
    sentences: tuple[str, ...]
    f0_hz: float
    formant_scale: float
    rate: float
    tilt: float
    jitter: float
    breath_db: float
    level_db: float
    expressiveness: float
    habits: dict[str, Prosody]
    snr_db: float
    noise_slope: float
    rt60_s: float
    reverb_db: float


def _sentences_of(index: int) -> tuple[str, ...]:
    codes = tuple(SENTENCES)
    step = _STEPS[index // 2 % len(_STEPS)]
    return tuple(sorted(codes[(index + step * k) % len(codes)] for k in range(_SENTENCES_EACH)))


@cache
def speaker(speaker_id: int) -> Speaker:
    """Returns one of the forty speakers; the same id always gives the same speaker.

    >>> speaker(2001).sex, speaker(2002).sex
    ('female', 'male')
    """
    index = SPEAKER_IDS.index(speaker_id)
    rng = np.random.default_rng(np.random.SeedSequence((DEMO_SEED, speaker_id)))
    female = index % 2 == 0
    unit = rng.standard_normal(8)
    age = int(rng.integers(20, 75))
    spread = _HABIT * np.asarray(SPREAD)
    habits = {emotion: Prosody(*(float(v) for v in rng.standard_normal(len(SPREAD)) * spread)) for emotion in EMOTIONS}
    return Speaker(
        speaker_id=speaker_id,
        sex="female" if female else "male",
        age=age,
        sentences=_sentences_of(index),
        f0_hz=float((198.0 if female else 114.0) * 2 ** (2.0 * unit[0] / 12)),
        formant_scale=float((1.16 if female else 1.0) * (1 + 0.035 * unit[1])),
        rate=float(0.09 * unit[2] - 0.002 * (age - 45)),
        tilt=float(0.6 * unit[3]),
        jitter=float(0.008 * 2 ** (0.35 * unit[4])),
        breath_db=float((-19.0 if female else -22.0) + 2.5 * unit[5]),
        level_db=float(2.5 * unit[6]),
        expressiveness=float(np.exp(0.2 * unit[7])),
        habits=habits,
        snr_db=float(rng.uniform(20.0, 36.0)),
        noise_slope=float(rng.uniform(0.2, 0.7)),
        rt60_s=float(rng.uniform(0.12, 0.40)),
        reverb_db=float(rng.uniform(-20.0, -8.0)),
    )


def clip_prosody(person: Speaker, emotion: str, rng: np.random.Generator) -> Prosody:
    """Draws the prosody of one clip.

    The emotion's profile is scaled by the speaker's expressiveness and by a random strength of this clip (0.75 to
    1.35). The speaker's habit for this emotion and clip-level noise are added.

    Args:
        person: the speaker.
        emotion: one of `EMOTIONS`.
        rng: the source of the clip's randomness.
    """
    strength = person.expressiveness * rng.uniform(0.75, 1.35)
    profile = strength * np.asarray(PROFILES[emotion])
    chance = rng.standard_normal(len(SPREAD)) * _CLIP_CHANCE * np.asarray(SPREAD)
    return Prosody(*(float(v) for v in profile + np.asarray(person.habits[emotion]) + chance))
