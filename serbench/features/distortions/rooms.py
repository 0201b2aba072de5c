"""Rooms: impulse responses of a box by the image-source method.

Each wall is a mirror, so a box holds a lattice of image sources; every image sounds after the time that its distance
takes, weaker by that distance and by the walls that its sound met (J. B. Allen and D. A. Berkley, J. Acoust. Soc. Am.
65, 1979, 943-950). Delays are rounded on a grid four times as fine as the samples.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serbench.features.audio import Waveform

__all__ = ["Images", "Room", "in_room", "reverberation_s", "room_responses"]

_SOUND_M_S: Final = 343.0
_OVERSAMPLING: Final = 4
_HIGH_PASS_HZ: Final = 50.0
"""Images of one sign only make a slow swell that no room has; Allen and Berkley filter it out, too."""
_BISECTIONS: Final = 14


@dataclass(frozen=True)
class Room:
    """A box with walls of one kind.

    Attributes:
        rt60_s: reverberation time: seconds until the sound has fallen by 60 dB.
        size_m: length, width and height.
        places: number of pairs of a talker and a microphone, drawn at random.
        distance_m: least and largest distance between the two.
        seed: draws the places.
    """

    rt60_s: float
    size_m: tuple[float, float, float] = (6.2, 4.7, 2.9)
    places: int = 4
    distance_m: tuple[float, float] = (1.0, 2.5)
    seed: int = 0


@functools.lru_cache(maxsize=16)
def room_responses(room: Room, sample_rate: int) -> tuple[NDArray[np.float32], ...]:
    """Computes the impulse response of each place of a room.

    The reflection of the walls is searched for until the response of the first place has the reverberation time asked
    for. It is the same at all frequencies, and the air absorbs nothing.

    Args:
        room: the room.
        sample_rate: in Hz.

    Returns:
        One float32 array per place. It begins with the direct sound, and has unit energy.
    """
    images = [Images.of(room, talker, microphone) for talker, microphone in _places(room)]
    low, high = 0.01, 0.999
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        short = reverberation_s(_response(images[0], middle, sample_rate), sample_rate) < room.rt60_s
        low, high = (middle, high) if short else (low, middle)
    return tuple(_response(one, (low + high) / 2, sample_rate).astype(np.float32) for one in images)


def in_room(waveform: Waveform, response: NDArray[np.float32]) -> Waveform:
    """Plays a waveform in a room, at its own level. The reverberation after its end is part of the result.

    Args:
        waveform: (samples,).
        response: impulse response of the room.

    Returns:
        float32 (samples + len(response) - 1,), of the mean power of `waveform` over its own length.
    """
    from scipy import signal

    played = signal.fftconvolve(waveform, response)
    power, of_played = (float(np.mean(np.square(one, dtype=np.float64))) for one in (waveform, played[: len(waveform)]))
    return np.asarray(played * np.sqrt(power / of_played) if of_played > 0 else played, dtype=np.float32)


def reverberation_s(response: NDArray[np.floating], sample_rate: int) -> float:
    """Measures the reverberation time of an impulse response: from -5 to -25 dB, times three (ISO 3382-2, T20).

    Args:
        response: (samples,).
        sample_rate: in Hz.

    Returns:
        Seconds for 60 dB.
    """
    left = np.cumsum(np.square(response, dtype=np.float64)[::-1])[::-1]  # Schroeder's backward integration
    level = 10 * np.log10(np.maximum(left / left[0], 1e-12))
    begin, end = int(np.argmax(level <= -5)), int(np.argmax(level <= -25))
    if end - begin < 2:
        return 0.0
    slope = np.polyfit(np.arange(begin, end) / sample_rate, level[begin:end], 1)[0]
    return float(-60 / slope)


@dataclass(frozen=True)
class Images:
    """The images of a source: seconds until each is heard, and how often its sound met a wall."""

    arrival_s: NDArray[np.float64]
    bounces: NDArray[np.int64]

    @classmethod
    def of(cls, room: Room, talker: NDArray[np.float64], microphone: NDArray[np.float64]) -> Images:
        """Lists the images that are heard within the reverberation time."""
        reach_m = _SOUND_M_S * room.rt60_s
        squares, counts = [], []
        for length, source, ear in zip(room.size_m, talker, microphone, strict=True):
            number = np.arange(-int(reach_m / length) - 2, int(reach_m / length) + 3)
            # Image n of a wall pair lies n rooms away; every second one is mirrored, and |n| walls were met.
            place = number * length + np.where(number % 2 == 0, source, length - source)
            squares.append((place - ear) ** 2)
            counts.append(np.abs(number))
        distance = np.sqrt(np.add.outer(np.add.outer(squares[0], squares[1]), squares[2])).ravel()
        bounces = np.add.outer(np.add.outer(counts[0], counts[1]), counts[2]).ravel()
        heard = distance <= reach_m
        return cls(distance[heard] / _SOUND_M_S, bounces[heard])


def _response(images: Images, reflection: float, sample_rate: int) -> NDArray[np.float64]:
    """The impulse response where walls reflect this share of the sound pressure, from the direct sound on."""
    import soxr
    from scipy import signal

    fine = sample_rate * _OVERSAMPLING
    times = images.arrival_s - images.arrival_s.min()
    strength = reflection ** images.bounces.astype(np.float64) / images.arrival_s
    dense = np.bincount(np.round(times * fine).astype(np.int64), weights=strength)
    response = np.asarray(soxr.resample(dense, fine, sample_rate, quality="HQ"), dtype=np.float64)
    response = signal.sosfilt(signal.butter(2, _HIGH_PASS_HZ, "highpass", fs=sample_rate, output="sos"), response)
    return np.asarray(response / np.sqrt(np.square(response).sum()))


def _places(room: Room) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Draws talkers and microphones half a metre or more from each wall, at a distance within the bounds."""
    rng = np.random.default_rng(room.seed)
    inside = np.array(room.size_m) - 1.0
    least, most = room.distance_m
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    while len(found) < room.places:
        talker, microphone = 0.5 + rng.random((2, 3)) * inside
        if least <= float(np.linalg.norm(talker - microphone)) <= most:
            found.append((talker, microphone))
    return found
