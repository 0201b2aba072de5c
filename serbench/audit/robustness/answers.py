"""The answers of an entry's networks under one condition. They are kept, so that an interrupted measurement goes on."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.audit.robustness.panel import Panel
from serbench.errors import SerbenchError
from serbench.features import Alter, ClipFile, FeatureSpec, WaveformAugmentation, even_crops, extract_files
from serbench.records import StepProgress, digest_of, read_parquet, usable_cores, write_bytes_atomic
from serbench.training import load_answerer

__all__ = ["VERSION", "Answering", "StoppedError", "answers_table"]

VERSION = 1
"""Part of the name of kept answers. Raise it when a condition alters clips in another way than before."""

Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class StoppedError(SerbenchError):
    """The measurement was stopped."""


@dataclass(frozen=True, eq=False)
class Answering:
    """Answers the clips of a panel.

    Attributes:
        panel: clips and networks.
        spec: front end of the study.
        prediction_crops: windows of a clip that its answers are the mean of.
        family: model family.
        backend: Keras backend.
        folder: where answers are kept.
        seed: of all random draws.
        progress: receives the progress.
        stop: set this event to end early.
    """

    panel: Panel
    spec: FeatureSpec
    prediction_crops: int
    family: str
    backend: str
    folder: Path
    seed: int
    progress: StepProgress
    stop: threading.Event

    @cached_property
    def _key(self) -> str:
        """Digest of everything that answers depend on besides the condition."""
        networks = [
            [[hashlib.sha256(network.path.read_bytes()).hexdigest(), network.rows.tolist()] for network in run]
            for run in self.panel.runs
        ]
        clips = self.panel.clips[["clip_id", "digest"]].to_numpy().tolist()
        crops = [] if self.prediction_crops == 1 else [self.prediction_crops]
        return digest_of([VERSION, self.seed, networks, clips, self.spec.digest(), *crops], length=8)

    @cached_property
    def _networks(self) -> dict[Path, Answer]:
        paths = sorted({network.path for run in self.panel.runs for network in run})
        return {path: self._loaded(path) for path in paths}

    def _loaded(self, path: Path) -> Answer:
        try:
            return load_answerer(path.read_bytes(), self.family, self.backend)
        except SerbenchError as error:
            raise SerbenchError(f"{path}: {error}") from error

    def path(self, condition: str) -> Path:
        """Where the answers under a condition are kept."""
        return self.folder / f"{condition}-{self._key}.parquet"

    def kept(self, condition: str) -> NDArray[np.float32] | None:
        """Reads kept answers, (runs, clips, labels); None if there are none, or none of these clips and networks."""
        path = self.path(condition)
        if not path.is_file():
            return None
        try:
            table = read_parquet(path)
        except SerbenchError:
            return None
        ids, labels = list(self.panel.clips["clip_id"].astype(str)), self.panel.judged.labels
        columns = [f"p_{label}" for label in labels]
        if len(table) != len(self.panel.runs) * len(ids) or not {"clip_id", *columns} <= set(table):
            return None
        if list(table["clip_id"].astype(str)) != ids * len(self.panel.runs):
            return None
        found = table[columns].to_numpy(dtype=np.float32).reshape(len(self.panel.runs), len(ids), len(labels))
        return found if np.isfinite(found).all() else None

    def compute(self, what: str, alter: Alter | None) -> NDArray[np.float32]:
        """Answers all clips, (runs, clips, labels).

        Args:
            what: name of the step for the display.
            alter: changes each clip; None for the clips as they are.

        Raises:
            SerbenchError: a clip cannot be read, the front end fails for one, or an answer is not finite.
            StoppedError: the measurement was stopped.
        """
        crops = even_crops(self.prediction_crops) or (None,)
        answers = np.stack([self._answers(self._features(what, alter, crop)) for crop in crops])
        found: NDArray[np.float32] = np.asarray(answers.mean(axis=0, dtype=np.float64), dtype=np.float32)
        if not np.isfinite(found).all():
            raise SerbenchError("a network gives answers that are not finite")
        return found

    def _answers(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.zeros((len(self.panel.runs), len(features), len(self.panel.judged.labels)), dtype=np.float32)
        for answers, run in zip(found, self.panel.runs, strict=True):
            for network in run:
                if len(network.rows):
                    answers[network.rows] = self._networks[network.path](features[network.rows])
        return found

    def keep(self, condition: str, answers: NDArray[np.float32]) -> None:
        """Writes answers, so that they are not computed again.

        Raises:
            SerbenchError: they cannot be written.
        """
        table = answers_table(answers, self.panel)
        write_bytes_atomic(self.path(condition), table.to_parquet(index=False, compression="zstd"))

    def forget_others(self) -> None:
        """Removes kept answers of other clips or networks."""
        for path in self.folder.glob("*.parquet"):
            if not path.stem.endswith(f"-{self._key}"):
                path.unlink(missing_ok=True)

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise StoppedError("the measurement was stopped; the same command goes on from here")

    def _features(self, what: str, alter: Alter | None, crop: WaveformAugmentation | None) -> NDArray[np.float32]:
        clips = self.panel.clips
        files = [ClipFile(str(clip), str(path)) for clip, path in zip(clips["clip_id"], clips["path"], strict=True)]
        parts: list[NDArray[np.float32]] = []

        def progress(done: int, total: int) -> None:
            self._go_on()
            self.progress(what, done, total)

        self._go_on()
        extract_files(
            files, self.spec, crop, workers=usable_cores(), write=parts.append, progress=progress, alter=alter
        )
        return np.concatenate(parts)


def answers_table(answers: NDArray[np.float32], panel: Panel) -> pd.DataFrame:
    """Lists answers as a table: `run`, `clip_id`, `label`, and the probability `p_<label>` of each class."""
    runs, clips, _ = answers.shape
    columns: dict[str, Any] = {
        "run": np.repeat(np.arange(runs, dtype=np.int16), clips),
        "clip_id": list(panel.clips["clip_id"].astype(str)) * runs,
        "label": list(panel.clips["label"].astype(str)) * runs,
    }
    flat = answers.reshape(runs * clips, -1)
    return pd.DataFrame(columns | {f"p_{label}": flat[:, i] for i, label in enumerate(panel.judged.labels)})
