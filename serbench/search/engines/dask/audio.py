"""`StudyAudio`: the clips of a study as a worker on another machine needs them, to find audio and compute features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from serbench.corpora import inspect_clips
from serbench.errors import SerbenchError
from serbench.features import FeatureStore
from serbench.home import expanded
from serbench.training import FeatureSource, Teacher, TrialJob

__all__ = ["DATA_VARIABLE", "StudyAudio"]

DATA_VARIABLE = "SERBENCH_DATA"
"""Environment variable of a worker: its local copy of the folder that `--data` names for the coordinator."""

_COLUMNS = ("clip_id", "path", "label", "speaker", "digest")
_LOOKED_AT = 8


@dataclass(frozen=True)
class StudyAudio:
    """The clips of a study for a worker. Plain lists, so that both sides may have different versions of pandas.

    Attributes:
        columns: `clip_id`, `path` (on the coordinator), `label`, `speaker` and `digest`, one value per clip; also
            `votes`, empty for clips without votes.
        root: folder on the coordinator that contains all paths.
        teacher: answers that the fits of the study learn from.
    """

    columns: dict[str, list[str]]
    root: str
    teacher: Teacher | None = None

    @classmethod
    def of(cls, clips: pd.DataFrame, data: Path | None = None, teacher: Teacher | None = None) -> StudyAudio:
        """Describes the clips of a study.

        Args:
            clips: clip table of the study, with `path` and `digest`.
            data: folder that the user named for the corpus.
            teacher: answers that the fits of the study learn from.
        """
        columns = {name: [str(value) for value in clips[name]] for name in _COLUMNS}
        columns["votes"] = [votes if isinstance(votes, str) else "" for votes in clips.get("votes", [""] * len(clips))]
        folders = [str(Path(path).parent) for path in columns["path"]]
        root = Path(os.path.commonpath(folders))
        if data is not None and root.is_relative_to(data.resolve()):
            root = data.resolve()
        return cls(columns, str(root), teacher)

    def source(self, job: TrialJob) -> FeatureSource:
        """Returns the features of these clips on this machine: from its cache, or computed from audio found here.

        Raises:
            SerbenchError: the cache lacks them and the audio is not here, or differs from the coordinator's audio.
        """
        clips = pd.DataFrame(self.columns)
        store = FeatureStore.in_cache()
        kept = all(store.has(clips, job.features, copy) for copy in (None, *job.copies))
        paths = self._paths()
        if paths is None and not kept:
            raise SerbenchError(self._missing())
        if paths is not None:
            clips["path"] = paths
        if not kept:
            _compare(clips.iloc[_some(len(clips))])
        return FeatureSource(clips, store, self.teacher)

    def _paths(self) -> list[str] | None:
        """Paths of the audio here: as on the coordinator, or in the folder of SERBENCH_DATA; None if there is none."""
        given = self.columns["path"]
        if _exist(given):
            return given
        folder = os.environ.get(DATA_VARIABLE, "").strip()
        if folder:
            moved = [str(expanded(folder) / Path(path).relative_to(self.root)) for path in given]
            if _exist(moved):
                return moved
        return None

    def _missing(self) -> str:
        folder = os.environ.get(DATA_VARIABLE, "").strip()
        tried = f", nor in {folder} ({DATA_VARIABLE})" if folder else ""
        return (
            f"the study's audio is not in {self.root}{tried}; share that folder with the worker, or start the worker "
            f"with {DATA_VARIABLE}=FOLDER, the folder there that holds the same files"
        )


def _some(count: int) -> list[int]:
    """A few rows, evenly spread: enough to recognise a corpus without reading all of it."""
    return sorted({int(row) for row in np.linspace(0, count - 1, _LOOKED_AT)})


def _exist(paths: Sequence[str]) -> bool:
    return all(Path(paths[row]).is_file() for row in _some(len(paths)))


def _compare(clips: pd.DataFrame) -> None:
    """Refuses different audio, since the cache keeps features under the coordinator's digests."""
    found = inspect_clips(clips)
    for path, expected, digest in zip(clips["path"], clips["digest"], found["digest"], strict=True):
        if digest != expected:
            raise SerbenchError(
                f"{path} is another recording than the coordinator's file of that name (other rate, cut or coding); "
                f"give the worker the same files, in a shared folder or with {DATA_VARIABLE}"
            )
