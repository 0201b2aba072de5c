"""`ReferenceFolder`: what does not come from a search but is tested on the same core, kept once for all studies."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import numpy as np
import pandas as pd
from pydantic import Field

from serbench.errors import SerbenchError
from serbench.records.base import Record
from serbench.records.files import publish_folder, writing
from serbench.records.study_folder import read_parquet

if TYPE_CHECKING:
    from serbench.records.schemas import StudyRecord

__all__ = ["ReferenceFolder", "ReferenceRecord"]


class ReferenceRecord(Record):
    """`record.json`; `predictions.parquet` beside it has `clip_id, label, speaker` and a share `p_<label>` each."""

    name: str
    title: str
    detail: str = Field(description="how it answers, in a few words")
    corpus: str
    corpus_digest: str
    protocol: str
    protocol_hash: str
    fold: int
    labels: tuple[str, ...]
    left_out: int = Field(default=0, description="clips of the test core that it has no answer to")
    settings: dict[str, str | int | float] = Field(default_factory=dict)
    seconds: float
    serbench: str
    created: str


def _are_shares(table: pd.DataFrame) -> bool:
    """Whether each row is a distribution, and there is one."""
    values = table.to_numpy(dtype=np.float64)
    return bool(len(values) and (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-6))


class ReferenceFolder:
    """`references/<corpus digest>-<protocol hash>-fold<k>/` of a results folder: one test core."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, root: Path, study: StudyRecord) -> ReferenceFolder:
        """The folder of the test core that a study has.

        Args:
            root: of the results.
            study: any that is tested on the same clips.
        """
        core = f"{study.corpus.digest[:16]}-{study.protocol.hash}-fold{study.protocol.fold}"
        return cls(root / "references" / core)

    def names(self) -> list[str]:
        """References that are there, sorted."""
        found = (path.parent.name for path in self.path.glob("*/record.json"))
        return sorted(name for name in found if not name.startswith("."))

    def load(self, name: str) -> tuple[ReferenceRecord, pd.DataFrame]:
        """Reads one.

        Raises:
            SerbenchError: it is missing or damaged.
        """
        record = ReferenceRecord.load(self.path / name / "record.json")
        table = read_parquet(self.path / name / "predictions.parquet")
        columns = [f"p_{label}" for label in record.labels]
        whole = {"clip_id", "label", "speaker", *columns} <= set(table) and set(table["label"]) <= set(record.labels)
        core = f"{record.corpus_digest[:16]}-{record.protocol_hash}-fold{record.fold}"
        if not whole or (record.name, core) != (name, self.path.name) or not _are_shares(table[columns]):
            raise SerbenchError(f"{self.path / name} is damaged; remove that folder, and the next search makes it anew")
        return record, table

    def all(self) -> Iterator[tuple[ReferenceRecord, pd.DataFrame]]:
        """All references.

        Raises:
            SerbenchError: one is damaged.
        """
        for name in self.names():
            yield self.load(name)

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        """Keeps out others who make references of this core, and clears away what a killed one of them left.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.path / ".lock"):
                for left in self.path.glob(".*.tmp"):
                    shutil.rmtree(left, ignore_errors=True)
                yield

    def publish(self, record: ReferenceRecord, predictions: pd.DataFrame) -> None:
        """Writes one in one rename, in the place of any other. Only inside `exclusively`."""
        target = self.path / record.name
        shutil.rmtree(target, ignore_errors=True)
        with publish_folder(target) as folder:
            predictions.to_parquet(folder / "predictions.parquet", index=False)
            record.save(folder / "record.json")
