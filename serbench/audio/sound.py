"""`Sound`: what one audio file is. The one rule for which clips are usable: checks, training and prediction share it.

Files are not trusted: only regular files are opened, too large ones are not decoded, sizes in headers are not believed,
and decoding is done in blocks. This runs in worker processes, so it imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import soundfile

from serbench.audio.opening import Stream, UnreadableError, machine_lacks, open_sound
from serbench.audio.sizes import breaks_off, counts_frames, missing_bytes
from serbench.errors import UsageError

__all__ = [
    "MAX_BYTES",
    "MAX_SECONDS",
    "MIN_RATE",
    "MIN_SECONDS",
    "SILENCE_PEAK",
    "AudioHealth",
    "ClipState",
    "Sound",
    "examine_file",
    "examine_files",
    "read_sound",
    "sound_of_array",
]

ClipState = Literal["ok", "lfs_pointer", "empty", "undecodable", "cut_off", "silent", "too_short"]

MAX_BYTES: Final = 1 << 30
"""Larger files are not decoded."""

MAX_SECONDS: Final = 2 * 3600.0
"""Longer recordings are not decoded."""

MIN_RATE: Final = 1_000
"""Lower sample rates (Hz) hold no speech: the header is wrong."""

MIN_SECONDS: Final = 0.1
"""Shorter clips are too short to hold speech."""

SILENCE_PEAK: Final = 1e-4
"""Peak that a clip must reach to count as sound, as a fraction of full scale (-80 dB, 3 steps of 16-bit audio)."""

_CANCELLED: Final = 0.01
"""Peak of the average of all channels, as a fraction of the loudest channel's, below which channels cancel (-40 dB)."""

_ABSURD_LEVEL: Final = 2.0**32
"""Peaks above it come from damage: no sample format of whole numbers reaches it, even if it is not scaled."""

_HIGH_LEVEL: Final = 16.0
"""Peaks above it are used, but noted (24 dB over full scale)."""

_LOST_SHARE: Final = 0.01
"""Share of the stated samples that may be missing at the end. More is a file that was cut off."""

_LOST_SECONDS: Final = 0.1
"""Seconds by which ffmpeg's reading of a stated duration may be off: encoders pad, and some decoders drop the pad."""

_LONGEST_PACKET: Final = 4096
"""Samples of the longest packet of a lossless codec. A container may count a shorter last one as a whole one."""

_LOST_BYTES: Final = 64
"""Bytes that may be missing without a note: some programs count their header as samples."""

_BLOCK_FRAMES: Final = 1 << 18
_BLOCK_SAMPLES: Final = 1 << 22
_MAX_SAMPLES: Final = 1 << 31
_LFS_MARK: Final = b"version https://git-lfs.github.com/spec/"

_Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AudioHealth:
    """Whether a sound is usable. Numbers are None if it was not decoded."""

    state: ClipState
    detail: str = ""
    """Why it is not usable; for a usable one, what is unusual about it."""
    digest: str | None = None
    """SHA-256 (32 hex digits) of rate, channels and decoded samples. A WAV and a FLAC of one take have the same."""
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    peak: float | None = None
    """Largest absolute sample value, as a fraction of full scale."""
    rms: float | None = None
    """Root mean square over all samples, as a fraction of full scale."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A decoded sound.

    Attributes:
        health: whether it is usable, and why not.
        waveform: float32 (samples,), mean of the channels at the rate of the file, full scale at 1.0. None if there are
            no samples that could be used at all. A sound that is silent, too short or cut off has them.
    """

    health: AudioHealth
    waveform: _Samples | None = None

    @property
    def usable(self) -> bool:
        """Whether the sound is one to train on."""
        return self.health.state == "ok"


class _UnusableError(Exception):
    """Ends the reading of a file early, with its result in `health`."""

    def __init__(self, state: ClipState, detail: str) -> None:
        super().__init__(detail)
        self.health = AudioHealth(state, detail)


def examine_files(paths: Sequence[str]) -> list[AudioHealth]:
    """Examines several files; the results are in the same order."""
    return [examine_file(path) for path in paths]


def examine_file(path: str) -> AudioHealth:
    """Examines one file without keeping its samples. Problems of the file are part of the result."""
    return _read(path, keep=False).health


def read_sound(path: str | Path) -> Sound:
    """Reads every format of libsndfile, and those of ffmpeg if that is installed, by the content of the file.

    Problems of the file are part of the result; no exception is raised for them.

    Args:
        path: the file.
    """
    return _read(os.fspath(path), keep=True)


def sound_of_array(samples: npt.NDArray[Any], rate: int) -> Sound:
    """Makes the sound that `read_sound` would give for a file of these samples.

    >>> sound_of_array(np.array([[16384, 0], [0, -32768]], np.int16), 8000).waveform.tolist()
    [0.25, -0.5]

    Args:
        samples: (samples,) or (samples, channels): floats with full scale at 1.0, or integers whose full scale is
            that of their type.
        rate: sample rate in Hz.

    Raises:
        UsageError: the shape, type or rate is not that of a recording, or the values are not finite or absurdly large.
    """
    if samples.ndim not in (1, 2) or not samples.size or (samples.ndim == 2 and samples.shape[1] > samples.shape[0]):
        raise UsageError(f"an array of shape {samples.shape} is no recording; pass (samples,) or (samples, channels)")
    if rate <= 0:
        raise UsageError(f"the sample rate must be above 0 Hz, got {rate}")
    if samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    elif samples.dtype.kind != "f":
        raise UsageError(f"samples of type {samples.dtype} are no sound; pass floats or signed integers")
    with np.errstate(over="ignore"):
        block = samples.reshape(len(samples), -1).astype(np.float32)
    measured = _Measured(rate, block.shape[1], keep=True)
    try:
        measured.add(block)
        return measured.sound(len(block))
    except _UnusableError as error:
        raise UsageError(f"the array {error}") from None


def _read(path: str, *, keep: bool) -> Sound:
    try:
        _look_before_decoding(path)
        with open_sound(path) as sound:
            return _decode(sound, path, keep)
    except _UnusableError as verdict:
        return Sound(verdict.health)
    except UnreadableError as error:
        reason = str(error)
    except soundfile.LibsndfileError as error:
        reason = f"no readable audio: {error.error_string.strip().rstrip('.')}"
    except FileNotFoundError:
        reason = "does not exist, or is a link to nothing"
    except Exception as error:  # whatever a decoder raises concerns this file only, but for what the machine lacks
        if machine_lacks(error):
            raise
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        reason = f"cannot be read: {said.strip() or type(error).__name__}"
    return Sound(AudioHealth("undecodable", reason[:300]))


def _look_before_decoding(path: str) -> None:
    status = os.stat(path)  # noqa: PTH116
    if not stat.S_ISREG(status.st_mode):
        raise _UnusableError("undecodable", "not a regular file")
    if status.st_size == 0:
        raise _UnusableError("empty", "0 bytes")
    if status.st_size > MAX_BYTES:
        raise _UnusableError("undecodable", f"{status.st_size / 2**30:.1f} GiB, over the limit of 1 GiB")
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(len(_LFS_MARK))
    if head == _LFS_MARK:
        raise _UnusableError("lfs_pointer", "a Git LFS pointer, not the audio itself")


def _joined(blocks: list[_Samples]) -> _Samples:
    """Puts blocks together and empties the list, so that a long recording is not in memory twice."""
    whole = np.empty(sum(map(len, blocks)), dtype=np.float32)
    end = len(whole)
    while blocks:
        block = blocks.pop()
        whole[end - len(block) : end] = block
        end -= len(block)
    return whole


def _decode(stream: Stream, path: str, keep: bool) -> Sound:
    rate, channels = stream.samplerate, stream.channels
    if rate <= 0 or channels <= 0:
        raise _UnusableError("undecodable", f"{rate} Hz and {channels} channels are no sound")
    measured = _Measured(rate, channels, keep=keep)
    block_frames = max(1, min(_BLOCK_FRAMES, _BLOCK_SAMPLES // channels))
    while len(block := stream.read(block_frames, dtype="float32", always_2d=True)):
        measured.add(block)
    stated = stream.frames
    if stated > MAX_SECONDS * rate:  # it would have been reached
        return measured.sound(measured.frames, note="the header does not state the length")
    if cut_off := _ends_early(stream, measured.frames / rate):
        return measured.sound(stated, cut_off=cut_off)
    note = f"ffmpeg reports: {stream.trouble}" if stream.trouble else ""
    with open(path, "rb") as file:  # noqa: PTH123
        if stream.subtype.startswith("MPEG") and not counts_frames(file):
            stated = measured.frames
        if breaks_off(file):
            return measured.sound(stated, cut_off="cut off in the middle of a page")
        missing = missing_bytes(file)
    if missing is None:
        return measured.sound(stated, note=note)
    lost, whole = missing
    if lost > _LOST_BYTES and lost > _LOST_SHARE * whole:
        return measured.sound(stated, cut_off=f"cut off after {max(whole - lost, 0):,} of {whole:,} bytes of sound")
    return measured.sound(
        stated, note=f"the last {lost:,} of {whole:,} bytes are missing" if lost > _LOST_BYTES else note
    )


def _ends_early(stream: Stream, decoded_s: float) -> str:
    """How a file that ffmpeg decoded ends before its stated end; '' if it does not."""
    stated = stream.stated_s
    padding = max(_LOST_SECONDS, _LONGEST_PACKET / stream.samplerate)
    if stated is not None and stated - decoded_s > max(padding, _LOST_SHARE * stated):
        return f"cut off after {decoded_s:.2f} of {stated:.2f} s"
    whole = stated is not None and decoded_s > (1 - _LOST_SHARE) * stated
    return f"cut off after {decoded_s:.2f} s ({stream.cut_off})" if stream.cut_off and not whole else ""


class _Measured:
    """What is summed up over the blocks of one sound."""

    def __init__(self, rate: int, channels: int, *, keep: bool) -> None:
        self.rate, self.channels, self.frames = rate, channels, 0
        self._hasher = hashlib.sha256(f"{rate} {channels}\n".encode())
        self._lowest = np.full(channels, np.inf, dtype=np.float32)
        self._highest = np.full(channels, -np.inf, dtype=np.float32)
        self._mono_range = (np.inf, -np.inf)
        self._energy = 0.0
        self._kept: list[_Samples] | None = [] if keep else None

    def add(self, block: _Samples) -> None:
        """Adds float32 (frames, channels).

        Raises:
            _UnusableError: the sound is too long.
        """
        self.frames += len(block)
        if self.frames > MAX_SECONDS * self.rate:
            hours = self.frames / self.rate / 3600
            raise _UnusableError("undecodable", f"over {hours:.1f} hours, the limit is {MAX_SECONDS / 3600:.0f} hours")
        if self.frames * self.channels > _MAX_SAMPLES:
            raise _UnusableError("undecodable", f"over {_MAX_SAMPLES:,} samples, the limit")
        self._hasher.update(np.ascontiguousarray(block, dtype="<f4").data)
        with np.errstate(all="ignore"):  # NaN and infinity are found at the end
            self._energy += float(np.square(block, dtype=np.float64).sum())
            self._lowest = np.minimum(self._lowest, block.min(axis=0))
            self._highest = np.maximum(self._highest, block.max(axis=0))
            mono = block[:, 0] if self.channels == 1 else block.mean(axis=1)
        lowest, highest = self._mono_range
        self._mono_range = (min(lowest, float(mono.min())), max(highest, float(mono.max())))
        if self._kept is not None:
            self._kept.append(mono)

    def sound(self, stated: int, *, cut_off: str = "", note: str = "") -> Sound:
        """Returns the sound.

        Args:
            stated: number of samples per channel that the header states.
            cut_off: reason to count it as cut off.
            note: remark on a usable sound.

        Raises:
            _UnusableError: there is no sample, the rate is too low, or a value is not finite or absurdly large.
        """
        if not self.frames:
            raise _UnusableError("empty", "holds no samples")
        if self.rate < MIN_RATE:
            raise _UnusableError("undecodable", f"has a rate of {self.rate} Hz; speech needs {MIN_RATE:,} Hz")
        if not (np.isfinite(self._lowest).all() and np.isfinite(self._highest).all()):
            raise _UnusableError("undecodable", "holds samples that are not finite numbers")
        peak = abs(float(max(-self._lowest.min(), self._highest.max())))
        if peak > _ABSURD_LEVEL:
            raise _UnusableError("undecodable", f"holds absurd samples, up to {peak:.2g} times full scale")
        state, detail = self._verdict(peak, stated, cut_off)
        if state == "ok":
            loud = f"up to {peak:.6g} times full scale; unscaled integers?" if peak > _HIGH_LEVEL else ""
            detail = "; ".join(filter(None, (detail, note, loud)))
        rms = float(np.sqrt(self._energy / (self.frames * self.channels)))
        digest, duration = self._hasher.hexdigest()[:32], self.frames / self.rate
        health = AudioHealth(state, detail, digest, duration, self.rate, self.channels, peak, rms)
        return Sound(health, None if self._kept is None else _joined(self._kept))

    def _verdict(self, peak: float, stated: int, cut_off: str) -> tuple[ClipState, str]:
        duration = self.frames / self.rate
        lost = stated - self.frames
        if duration < MIN_SECONDS:
            return "too_short", f"{duration:.3f} s, under {MIN_SECONDS} s"
        if cut_off:
            return "cut_off", cut_off
        if lost > _LOST_SHARE * stated:
            return "cut_off", f"cut off after {self.frames:,} of {stated:,} samples"
        if silence := self._silence(peak):
            return "silent", silence
        return "ok", f"the last {lost:,} of {stated:,} samples are missing" if lost > 0 else ""

    def _silence(self, peak: float) -> str:
        """Why there is nothing to hear; '' if there is."""
        duration = self.frames / self.rate
        low, high = self._mono_range
        mono_peak = abs(max(-low, high))
        if peak < SILENCE_PEAK:
            return f"digital silence of {duration:.2f} s"
        if bool((self._highest - self._lowest < SILENCE_PEAK).all()):
            return f"digital silence of {duration:.2f} s (constant at {high:.3g})"
        alone = peak / len(self._highest)  # what one channel leaves in the average if all others are silent
        if mono_peak < min(_CANCELLED * peak, alone / 2) or high - low < SILENCE_PEAK:
            return f"channels cancel when averaged (peak {mono_peak:.1e} instead of {peak:.2g})"
        return ""
