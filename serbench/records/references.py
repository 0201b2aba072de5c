"""`ReferenceFolder`: what does not come from a search but is tested on the same core, kept once for all studies."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import pandas as pd
from pydantic import Field

from serbench.errors import SerbenchError
from serbench.records.base import Record
from serbench.records.files import publish_folder, writing
from serbench.records.shares import are_shares
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
        core = f"{record.corpus_digest[:16]}-{record.protocol_hash}-fold{record.fold}"
        if (record.name, core) != (name, self.path.name) or not _is_whole(record, table):
            raise SerbenchError(f"{self.path / name} is damaged; the next search on these clips makes it anew")
        return record, table

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        """Keeps out others who make references of this core, and clears away what a killed one of them left.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.path / ".lock")
            lock.acquire()
        try:
            for left in self.path.glob(".*.tmp"):
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            lock.release()

    def publish(self, record: ReferenceRecord, predictions: pd.DataFrame) -> None:
        """Writes one in one rename, in the place of any other; only inside `exclusively`."""
        target = self.path / record.name
        if target.exists():
            with writing(target):
                shutil.rmtree(target)
        with publish_folder(target) as folder:
            predictions.to_parquet(folder / "predictions.parquet", index=False)
            record.save(folder / "record.json")


def _is_whole(record: ReferenceRecord, table: pd.DataFrame) -> bool:
    """Whether the answers are of the record's labels, one a clip, and shares."""
    shares = [f"p_{label}" for label in record.labels]
    if not {"clip_id", "label", "speaker", *shares} <= set(table) or table.empty:
        return False
    if not set(table["label"]) <= set(record.labels) or table["clip_id"].duplicated().any():
        return False
    numeric = all(pd.api.types.is_float_dtype(table[column]) for column in shares)
    return numeric and are_shares(table[shares].to_numpy(dtype="float64"))
