"""The clips of the demo corpus, and how one of them is synthesised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serbench.corpora.demo.phones import SENTENCES, sentence_sounds
from serbench.corpora.demo.prosody import EMOTIONS
from serbench.corpora.demo.recording import record
from serbench.corpora.demo.speakers import DEMO_SEED, SPEAKER_IDS, clip_prosody, speaker
from serbench.corpora.demo.synthesis import synthesise
from serbench.corpora.demo.utterance import utterance_tracks

__all__ = ["EMOTION_CODES", "DemoClip", "demo_clips", "render"]

EMOTION_CODES = {
    "anger": "ANG",
    "disgust": "DIS",
    "fear": "FEA",
    "happiness": "HAP",
    "neutral": "NEU",
    "sadness": "SAD",
}
"""CREMA-D's code of each label."""


@dataclass(frozen=True, slots=True)
class DemoClip:
    """One clip of the demo corpus: who says what, with which emotion. `clip_id` is derived from these."""

    speaker_id: int
    sentence: str
    emotion: str

    @property
    def clip_id(self) -> str:
        """The id in the form of CREMA-D's file names. The intensity is always `XX` (unspecified).

        >>> DemoClip(2001, "BAD", "anger").clip_id
        '2001_BAD_ANG_XX'
        """
        return f"{self.speaker_id}_{self.sentence}_{EMOTION_CODES[self.emotion]}_XX"


def demo_clips(speakers: tuple[int, ...] = SPEAKER_IDS) -> list[DemoClip]:
    """Lists the clips of these speakers (by default all 960 clips), sorted by `clip_id`."""
    clips = [
        DemoClip(speaker_id, sentence, emotion)
        for speaker_id in speakers
        for sentence in speaker(speaker_id).sentences
        for emotion in EMOTIONS
    ]
    return sorted(clips, key=lambda clip: clip.clip_id)


def render(clip: DemoClip) -> NDArray[np.int16]:
    """Synthesises one clip.

    The random numbers depend only on the clip, so the result is the same in any order and with any number of workers.

    Returns:
        The waveform, shape (samples,), int16 at 16 kHz.
    """
    key = (DEMO_SEED, clip.speaker_id, tuple(SENTENCES).index(clip.sentence), EMOTIONS.index(clip.emotion))
    rng = np.random.default_rng(np.random.SeedSequence(key))
    person = speaker(clip.speaker_id)
    prosody = clip_prosody(person, clip.emotion, rng)
    tracks = utterance_tracks(sentence_sounds(clip.sentence), person, prosody, rng)
    return record(synthesise(tracks, person, prosody, rng), person, prosody, rng)
