"""Audio files written byte by byte, with the faults that the tests want."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soundfile

__all__ = ["RATE", "chunk", "pcm", "saved", "voice", "wav_bytes"]

RATE = 16_000


def voice(seconds: float = 0.5, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """A buzz with a moving loudness, float32 within +-0.6."""
    time = np.arange(int(seconds * rate)) / rate
    generator = np.random.default_rng(seed)
    buzz = sum(np.sin(2 * np.pi * k * (120 + seed % 40) * time) / k for k in range(1, 8))
    sound = buzz * (0.3 + np.abs(np.sin(6 * time))) + 0.01 * generator.standard_normal(len(time))
    return (0.6 * sound / np.abs(sound).max()).astype(np.float32)


def pcm(samples: np.ndarray) -> bytes:
    """Samples within +-1 as 16-bit PCM; (frames, channels) are interleaved."""
    return np.round(samples * 32767).astype("<i2").tobytes()


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """A RIFF chunk, if asked for with another size than it has."""
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def wav_bytes(
    data: bytes, *, channels: int = 1, rate: int = RATE, data_size: int | None = None, riff_size: int | None = None
) -> bytes:
    """A 16-bit WAV file."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    body = b"WAVE" + chunk(b"fmt ", form) + chunk(b"data", data, data_size)
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def saved(path: Path, samples: np.ndarray | None = None, rate: int = RATE, **form: str) -> Path:
    """A sound file in libsndfile's words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(rate=rate) if samples is None else samples, rate, **form)
    return path
