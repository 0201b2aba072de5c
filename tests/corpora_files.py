"""Synthesised audio files and small corpora for the corpora's tests."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile

LFS_POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:c6f94b2592487c7556bd86df7df6e8f4420d1b9c11414aeec9d8e5e640b51495\n"
    "size 72862\n"
)


def noise(seed: int = 0, seconds: float = 0.2, rate: int = 16000, channels: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.uniform(-0.5, 0.5, (round(seconds * rate), channels)) * 32767).astype(np.int16)


def write(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)
    return path


def write_clips(folder: Path, names: Iterable[str], rate: int = 16000) -> Path:
    """One distinct short clip for each file name."""
    for seed, name in enumerate(names):
        write(folder / name, noise(seed, rate=rate), rate)
    return folder


def crash_on_seven(items: Sequence[int]) -> list[int]:
    if 7 in items:
        os._exit(3)
    return [item * 2 for item in items]


def double(items: Sequence[int]) -> list[int]:
    return [item * 2 for item in items]


def process_ids(items: Sequence[int]) -> list[int]:
    return [os.getpid() for _ in items]
