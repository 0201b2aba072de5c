"""`ReferenceFolder`: predictions of the reference methods on one test set, kept once for all studies that share it."""

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
from serbench.records.base import FileName, Record
from serbench.records.files import held, publish_folder, writing
from serbench.records.predictions import SHARES, answers_digest, write_predictions
from serbench.records.progress import Progress
from serbench.records.shares import are_shares
from serbench.records.study_folder import holds_text, read_parquet

if TYPE_CHECKING:
    from serbench.records.schemas import StudyRecord

__all__ = ["ReferenceFolder", "ReferenceRecord"]


class ReferenceRecord(Record):
    """`record.json` of one reference on one test set.

    `predictions.parquet` beside it has the columns `clip_id, label, speaker` and one share `p_<label>` for each label.
    """

    name: str
    title: str
    detail: str = Field(description="how it predicts, in a few words")
    corpus: str
    corpus_digest: str
    protocol: str
    protocol_hash: str
    fold: int
    labels: tuple[str, ...]
    left_out: int = Field(default=0, description="clips of the test set without a prediction")
    transductive: bool = Field(default=False, description="whether it was fitted to the test speakers' own clips")
    settings: dict[str, str | int | float] = Field(default_factory=dict)
    answers: FileName | None = Field(
        default=None, description="digest of clip ids, labels and shares in predictions.parquet; None in older results"
    )
    seconds: float
    serbench: str
    created: str


class ReferenceFolder:
    """The references of one test set: `references/<corpus digest>-<protocol hash>-fold<k>/` of a results folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, root: Path, study: StudyRecord) -> ReferenceFolder:
        """Returns the folder for a study's test set.

        Args:
            root: the results folder.
            study: any study with this test set.
        """
        core = f"{study.corpus.digest[:16]}-{study.protocol.hash}-fold{study.protocol.fold}"
        return cls(root / "references" / core)

    def names(self) -> list[str]:
        """Returns the names of the references in the folder, sorted."""
        found = (path.parent.name for path in self.path.glob("*/record.json"))
        return sorted(name for name in found if not name.startswith("."))

    def load(self, name: str) -> tuple[ReferenceRecord, pd.DataFrame]:
        """Reads a reference's record and predictions.

        Raises:
            SerbenchError: it is missing or damaged.
        """
        record = ReferenceRecord.load(self.path / name / "record.json")
        table = read_parquet(self.path / name / "predictions.parquet")
        core = f"{record.corpus_digest[:16]}-{record.protocol_hash}-fold{record.fold}"
        if (record.name, core) != (name, self.path.name) or not _is_whole(record, table):
            raise SerbenchError(f"{self.path / name} is damaged; the next search on these clips computes it again")
        if record.answers is not None and record.answers != answers_digest(table):
            raise SerbenchError(
                f"{self.path / name} has other answers than it was made with (digest differs); the next search on "
                "these clips computes it again (if they were brought: remove this folder, and submit them again)"
            )
        return record, table

    @contextlib.contextmanager
    def exclusively(self, progress: Progress | None = None) -> Iterator[None]:
        """Locks the folder against other processes, and removes temporary files that a killed process left.

        Args:
            progress: as in `held`.

        Raises:
            SerbenchError: the folder cannot be written.
        """
        with contextlib.ExitStack() as lock:
            with writing(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                lock.enter_context(held(filelock.FileLock(self.path / ".lock"), progress))
            for left in self.path.glob(".*.tmp"):
                for kept in left.glob("*/record.json"):  # moved aside for a new one that never came
                    with contextlib.suppress(OSError):
                        kept.parent.rename(self.path / kept.parent.name)
                shutil.rmtree(left, ignore_errors=True)
            yield

    def publish(self, record: ReferenceRecord, predictions: pd.DataFrame, *, compact: bool = False) -> None:
        """Writes a reference atomically and replaces an earlier one. Call it only inside `exclusively`.

        Args:
            record: its record.
            predictions: its answers.
            compact: whether to write the record in half of the space, as published studies have it.
        """
        with publish_folder(self.path / record.name, replace=True) as folder:
            write_predictions(predictions, folder / "predictions.parquet")
            digest = answers_digest(predictions)
            record.model_copy(update={"answers": digest}).save(folder / "record.json", compact=compact)


def _is_whole(record: ReferenceRecord, table: pd.DataFrame) -> bool:
    """Whether the table has one row a clip, only labels of the record, and valid shares."""
    shares, texts = [f"p_{label}" for label in record.labels], ["clip_id", "label", "speaker"]
    if not {*texts, *shares} <= set(table) or table.empty or not all(holds_text(table[name]) for name in texts):
        return False
    if not set(table["label"]) <= set(record.labels) or table["clip_id"].duplicated().any():
        return False
    # The digest reads columns of other labels, too.
    numeric = all(pd.api.types.is_float_dtype(kind) for name, kind in table.dtypes.items() if _is_share(name))
    return numeric and are_shares(table[shares].to_numpy(dtype="float64"))


def _is_share(column: object) -> bool:
    return str(column).startswith(SHARES)
