"""A tiny job on random features in which the class is easily heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serbench.families import get_family
from serbench.features import FeatureSpec
from serbench.training import ClipTargets, FitSettings, TrialJob

LABELS = ("anger", "joy", "sadness")
SPEC = FeatureSpec(
    kind="acoustic", sample_rate=8000, duration_s=0.6, window_length=256, hop_length=128, n_mfcc=8, n_mels=24,
    deltas=False,
)  # fmt: skip
N_CLIPS = 60


@pytest.fixture
def targets() -> np.ndarray:
    return np.arange(N_CLIPS) % len(LABELS)


@pytest.fixture
def features(targets: np.ndarray) -> np.ndarray:
    x = 0.3 * np.random.default_rng(0).normal(size=(N_CLIPS, *SPEC.shape))
    x += targets[:, None, None]
    return x.astype(np.float32)


@pytest.fixture
def make_job():
    def make(*, config: dict | None = None, settings: dict | None = None, **parts) -> TrialJob:
        family = get_family("cnn1d")
        small = {
            "depth": 1, "width": 8, "dense_width": 8, "batch_size": 16, "mixup": 0.0, "learning_rate": 0.01,
            "dropout": 0.0, "dense_dropout": 0.0, "batch_norm": False, "schedule": "constant",
        }  # fmt: skip
        values = {
            "job_id": "t0000", "kind": "search", "study": "test", "family": "cnn1d",
            "config": family.hyperparameters(**(small | (config or {}))).model_dump(mode="json"),
            "seed": 7, "settings": FitSettings(**({"epochs": 4, "patience": 4} | (settings or {}))),
            "features": SPEC, "augmentations": (), "labels": LABELS,
            "train": tuple(range(36)), "predict": {"validation": tuple(range(36, 48))},
        }  # fmt: skip
        return TrialJob(**(values | parts))

    return make


class ArraySource:
    """Stands where a `FeatureSource` does, with arrays made by the test instead of audio."""

    def __init__(self, folder: Path, arrays: list[np.ndarray], targets: np.ndarray) -> None:
        self._paths = tuple(folder / f"features{number}.npy" for number in range(len(arrays)))
        for path, array in zip(self._paths, arrays, strict=True):
            np.save(path, array)
        self.clips = pd.DataFrame({"label": [LABELS[t] for t in targets]})

    def paths(self, spec, augmentations=(), progress=None):
        return self._paths[: 1 + len(augmentations)]

    def targets_for(self, job):
        return ClipTargets(np.array([job.labels.index(label) for label in self.clips["label"]]))


@pytest.fixture
def source(tmp_path: Path, features: np.ndarray, targets: np.ndarray) -> ArraySource:
    return ArraySource(tmp_path, [features], targets)
