"""Inspects one audio file: can it be decoded, and is it silent?

This runs in worker processes, so it imports nothing heavy. Files are not trusted: only regular files are opened, too
large ones are not decoded, and decoding is done in blocks.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import soundfile

from serbench.corpora.inspection.readable import UnreadableError, readable_file

__all__ = [
    "MAX_BYTES",
    "MAX_SECONDS",
    "MIN_SECONDS",
    "SILENCE_PEAK",
    "AudioHealth",
    "ClipState",
    "examine_file",
    "examine_files",
]

ClipState = Literal["ok", "lfs_pointer", "empty", "undecodable", "silent", "too_short"]

MAX_BYTES: Final = 1 << 30
"""Larger files are not decoded."""

MAX_SECONDS: Final = 2 * 3600.0
"""Longer recordings are not decoded."""

MIN_SECONDS: Final = 0.1
"""Shorter clips are too short to hold speech."""

SILENCE_PEAK: Final = 1e-4
"""Peak that a clip must reach to count as sound, as a fraction of full scale (-80 dB, 3 steps of 16-bit audio)."""

_BLOCK_FRAMES: Final = 1 << 18
_MAX_SAMPLES: Final = 1 << 31
_LFS_MARK: Final = b"version https://git-lfs.github.com/spec/"

# Programs that write to a pipe do not know the size and leave a placeholder near this value.
_RIFF_PLACEHOLDER: Final = 0x7FFF0000
_RIFF_SLACK: Final = 4096


@dataclass(frozen=True)
class AudioHealth:
    """Result of inspecting one file. Numbers are None if the file was not decoded."""

    state: ClipState
    detail: str = ""
    digest: str | None = None
    """SHA-256 (32 hex digits) of rate, channels and decoded samples. A WAV and a FLAC of one take have the same."""
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    peak: float | None = None
    """Largest absolute sample value, as a fraction of full scale."""
    rms: float | None = None
    """Root mean square over all samples, as a fraction of full scale."""


class _UnusableError(Exception):
    """Ends an inspection early, with its result in `health`."""

    def __init__(self, state: ClipState, detail: str) -> None:
        super().__init__(detail)
        self.health = AudioHealth(state, detail)


def examine_files(paths: Sequence[str]) -> list[AudioHealth]:
    """Inspects several files; the results are in the same order."""
    return [examine_file(path) for path in paths]


def examine_file(path: str) -> AudioHealth:
    """Inspects one file. Problems of the file are part of the result; no exception is raised for them."""
    try:
        _look_before_decoding(path)
        with readable_file(path) as sound:
            return _decode(sound)
    except _UnusableError as verdict:
        return verdict.health
    except UnreadableError as error:
        return AudioHealth("undecodable", str(error))
    except soundfile.LibsndfileError as error:
        return AudioHealth("undecodable", f"no readable audio: {error.error_string.strip().rstrip('.')}")
    except FileNotFoundError:
        return AudioHealth("undecodable", "does not exist, or is a link to nothing")
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return AudioHealth("undecodable", f"cannot be read: {reason or type(error).__name__}")


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
    if head[:4] == b"RIFF":
        stated = int.from_bytes(head[4:8], "little") + 8
        if status.st_size + _RIFF_SLACK < stated < _RIFF_PLACEHOLDER:
            raise _UnusableError("undecodable", f"cut off after {status.st_size:,} of {stated:,} bytes")


def _decode(path: str) -> AudioHealth:
    with soundfile.SoundFile(path) as sound:
        rate, channels, frames = sound.samplerate, sound.channels, sound.frames
        _check_extent(rate, channels, frames)
        hasher = hashlib.sha256(f"{rate} {channels}\n".encode())
        lowest = np.full(channels, np.inf, dtype=np.float32)
        highest = np.full(channels, -np.inf, dtype=np.float32)
        read, energy = 0, 0.0
        while read < frames:
            block = sound.read(min(_BLOCK_FRAMES, frames - read), dtype="float32", always_2d=True)
            if not len(block):
                raise _UnusableError("undecodable", f"cut off after {read:,} of {frames:,} samples")
            read += len(block)
            hasher.update(np.ascontiguousarray(block, dtype="<f4").data)
            energy += float(np.square(block, dtype=np.float64).sum())
            lowest = np.minimum(lowest, block.min(axis=0))
            highest = np.maximum(highest, block.max(axis=0))
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all()):
        raise _UnusableError("undecodable", "holds samples that are not finite numbers")
    peak = abs(float(max(-lowest.min(), highest.max())))
    duration = frames / rate
    state: ClipState = "ok"
    detail = ""
    if duration < MIN_SECONDS:
        state, detail = "too_short", f"{duration:.3f} s, under {MIN_SECONDS} s"
    elif peak < SILENCE_PEAK or bool((lowest == highest).all()):
        state, detail = "silent", f"digital silence of {duration:.2f} s"
    rms = float(np.sqrt(energy / (frames * channels)))
    return AudioHealth(state, detail, hasher.hexdigest()[:32], duration, rate, channels, peak, rms)


def _check_extent(rate: int, channels: int, frames: int) -> None:
    if frames <= 0:
        raise _UnusableError("empty", "holds no samples")
    if rate <= 0 or frames / rate > MAX_SECONDS:
        hours = "of unknown length" if rate <= 0 else f"{frames / rate / 3600:.1f} hours"
        raise _UnusableError("undecodable", f"{hours}, over the limit of {MAX_SECONDS / 3600:.0f} hours")
    if frames * channels > _MAX_SAMPLES:
        raise _UnusableError("undecodable", f"{frames * channels:,} samples, over the limit of {_MAX_SAMPLES:,}")
