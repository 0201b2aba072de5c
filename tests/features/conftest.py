"""Synthetic clips: what the tests of the feature room read instead of recordings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from serbench.audio import read_sound
from serbench.features import FeatureSpec

MakeClips = Callable[..., pd.DataFrame]


@pytest.fixture
def make_clips(tmp_path: Path) -> MakeClips:
    """Writes `n` short clips of a buzzing tone in noise, and returns their table."""

    def make(n: int, *, sample_rate: int = 8_000, seed: int = 0) -> pd.DataFrame:
        folder = tmp_path / f"audio-{seed}"
        folder.mkdir()
        rng = np.random.default_rng(seed)
        rows = []
        for index in range(n):
            length = int(rng.integers(sample_rate // 2, sample_rate))
            time = np.arange(length) / sample_rate
            wave = 0.3 * np.sign(np.sin(2 * np.pi * rng.uniform(90, 300) * time)) * np.hanning(length)
            path = folder / f"clip{index:03}.wav"
            soundfile.write(path, wave + 0.01 * rng.standard_normal(length), sample_rate)
            digest = read_sound(path).health.digest
            rows.append({"clip_id": path.stem, "path": str(path), "label": "anger", "digest": digest})
        return pd.DataFrame(rows)

    return make


@pytest.fixture
def small_spec() -> FeatureSpec:
    """A log-mel front end that costs next to nothing."""
    return FeatureSpec(kind="log_mel", sample_rate=8_000, duration_s=0.5, window_length=256, hop_length=128, n_mels=16)
