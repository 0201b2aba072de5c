"""The conditions under which an entry's answers are compared with those to the clips as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from serbench.errors import SerbenchError
from serbench.features import Alter, Waveform
from serbench.features.distortions import (
    CODECS,
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
    room_responses,
    scaled,
    stream_of,
    through_codec,
    white_noise,
)

__all__ = ["CONDITIONS", "Condition", "NotMeasuredError", "Scene", "Voice"]

VOICES: Final = 6
"""Voices in the babble of one clip."""

_WHITE, _BABBLE, _ROOM = 0x3817E, 0xBABB1E, 0x800A5  # random streams apart from each other and from the seed tree's
_CUT_S: Final = 0.5


class NotMeasuredError(SerbenchError):
    """A condition cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Voice:
    """A clip of the corpus that is part of the babble of other clips."""

    clip_id: str
    speaker: str
    waveform: Waveform


@dataclass(frozen=True)
class Scene:
    """What conditions are made of.

    Attributes:
        sample_rate: of the waveforms, in Hz.
        seed: of all random draws.
        voices: clips for babble.
        speaker_of: speaker of each judged clip, by clip id.
    """

    sample_rate: int
    seed: int
    voices: Sequence[Voice]
    speaker_of: Mapping[str, str]

    @cached_property
    def several_speakers(self) -> bool:
        """Whether every judged clip can have the voices of other people behind it."""
        return len({voice.speaker for voice in self.voices}) > 1

    def crowd(self, clip_id: str, rng: np.random.Generator) -> list[Waveform]:
        """Draws voices of other people than the speaker of a clip."""
        others = [voice for voice in self.voices if voice.speaker != self.speaker_of[clip_id]]
        chosen = rng.permutation(len(others))[:VOICES]
        return [others[place].waveform for place in chosen]


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        key: its name in records, the same in every version.
        title: its name for people.
        group: its kind.
        make: returns what alters a clip, and the program that does it if it is one. It raises `NotMeasuredError` where
            that cannot be done.
    """

    key: str
    title: str
    group: str
    make: Callable[[Scene], tuple[Alter, str]]


def _plain(alter: Callable[[Waveform, Scene], Waveform]) -> Callable[[Scene], tuple[Alter, str]]:
    """A condition without chance that needs the sample rate at the most."""
    return lambda scene: (lambda waveform, _: alter(waveform, scene), "")


def _white(snr_db: float) -> Callable[[Scene], tuple[Alter, str]]:
    def make(scene: Scene) -> tuple[Alter, str]:
        def alter(waveform: Waveform, clip_id: str) -> Waveform:
            rng = np.random.default_rng(stream_of(clip_id, scene.seed, _WHITE))
            return add_noise(waveform, white_noise(len(waveform), rng), snr_db)

        return alter, ""

    return make


def _babble(snr_db: float) -> Callable[[Scene], tuple[Alter, str]]:
    def make(scene: Scene) -> tuple[Alter, str]:
        if not scene.several_speakers:
            raise NotMeasuredError("babble needs clips of two or more other speakers outside the test set")

        def alter(waveform: Waveform, clip_id: str) -> Waveform:
            rng = np.random.default_rng(stream_of(clip_id, scene.seed, _BABBLE))
            return add_noise(waveform, babble(len(waveform), scene.crowd(clip_id, rng), rng), snr_db)

        return alter, ""

    return make


def _room(rt60_s: float) -> Callable[[Scene], tuple[Alter, str]]:
    def make(scene: Scene) -> tuple[Alter, str]:
        responses = room_responses(Room(rt60_s, seed=scene.seed), scene.sample_rate)

        def alter(waveform: Waveform, clip_id: str) -> Waveform:
            place = np.random.default_rng(stream_of(clip_id, scene.seed, _ROOM)).integers(len(responses))
            return in_room(waveform, responses[place])

        return alter, ""

    return make


def _codec(name: str) -> Callable[[Scene], tuple[Alter, str]]:
    codec = CODECS[name]

    def make(scene: Scene) -> tuple[Alter, str]:
        program = encoder_of(codec)
        if not program:
            raise NotMeasuredError(
                f"{codec.name} needs the program ffmpeg (this libsndfile cannot write it); install ffmpeg"
            )
        return lambda waveform, _: through_codec(waveform, scene.sample_rate, codec, program), program

    return make


def _samples(scene: Scene) -> int:
    return round(_CUT_S * scene.sample_rate)


CONDITIONS: Final = (
    *(Condition(f"white-noise-{snr}", f"white noise {snr} dB", "white noise", _white(snr)) for snr in (20, 10, 0)),
    *(Condition(f"babble-{snr}", f"babble {snr} dB", "babble", _babble(snr)) for snr in (20, 10, 0)),
    *(Condition(f"room-{rt60}", f"room, RT60 {rt60} s", "room", _room(rt60)) for rt60 in (0.3, 0.8)),
    Condition(
        "telephone-band", "telephone band", "transmission", _plain(lambda x, scene: band_limited(x, scene.sample_rate))
    ),
    Condition("gsm", "GSM", "transmission", _codec("gsm")),
    Condition("opus-12", "Opus 12 kbit/s", "transmission", _codec("opus")),
    Condition("mp3-32", "MP3 32 kbit/s", "transmission", _codec("mp3")),
    Condition("clipping-12", "clipped 12 dB", "recording", _plain(lambda x, _: clipped(x, 12.0))),
    Condition("level-20", "level -20 dB", "recording", _plain(lambda x, _: scaled(x, -20.0))),
    Condition("level+10", "level +10 dB", "recording", _plain(lambda x, _: scaled(x, 10.0))),
    Condition("speed-0.9", "speed 0.9", "recording", _plain(lambda x, _: at_speed(x, 0.9))),
    Condition("speed-1.1", "speed 1.1", "recording", _plain(lambda x, _: at_speed(x, 1.1))),
    Condition("start-cut", "first 0.5 s missing", "recording", _plain(lambda x, scene: cut_start(x, _samples(scene)))),
    Condition("end-cut", "last 0.5 s missing", "recording", _plain(lambda x, scene: cut_end(x, _samples(scene)))),
)
"""All conditions, in the order in which they are shown."""
