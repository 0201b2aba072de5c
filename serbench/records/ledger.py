"""`Ledger`: every evaluation of a test set, one line each, appended where it happens and never taken back.

An entry's record counts its own evaluations. That is not enough: of ten studies on one test set, the best may be the
only one that is shown. So each prediction of a test set is written down under `results/ledger/`, in a file for each
test set (corpus, labels, protocol with its split seed), before its score is recorded. Removing a study, publishing it,
or searching under a new name leaves the lines as they are.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import filelock
from pydantic import Field, ValidationError

from serbench.records.base import FileName, Record, now
from serbench.records.files import digest_of, sync_folder, writing
from serbench.records.job_ids import JobId
from serbench.records.schemas import StudyRecord, TrialRecord

__all__ = ["Counted", "EvaluationKind", "Ledger", "LedgerLine", "SplitFamily", "count_evaluations", "study_id"]

EvaluationKind = Literal["run", "audit", "replay", "brought"]
"""`run`: a final run of a finalist, or a bag. `audit`: a run of `serbench audit`. `replay`: a run made again.
`brought`: predictions of another tool."""


_USUAL: Final = {"speaker_normalisation": False, "fold": 0, "predictions": None}  # not written, to save space


class SplitFamily(NamedTuple):
    """What two test sets share if only the split seed tells them apart.

    The validation core and the normalisation are no part of it: the first clips of the seed's order are tested,
    whatever is done with the others. Folds test every speaker once, so for them the test core is none either ('').
    """

    corpus_digest: str
    label_source: str
    labels: tuple[str, ...]
    protocol: str
    test_core: str


class LedgerLine(Record):
    """One evaluation of a test set."""

    id: str = Field(description="tells lines apart when ledgers are joined")
    kind: EvaluationKind
    corpus: str
    corpus_digest: FileName
    label_source: str
    labels: tuple[str, ...]
    protocol: str
    protocol_hash: FileName
    test_core: str
    validation_core: str
    speaker_normalisation: bool = False
    split_seed: int
    fold: int = 0
    study: str
    study_id: str = Field(description="see `study_id`; a study that is begun anew under its old name has another one")
    job_id: str
    predictions: str | None = Field(default=None, description="digest of the predictions; None in older results")
    serbench: str = ""
    time: str

    @property
    def family(self) -> SplitFamily:
        """The test set without its split seed."""
        return SplitFamily(
            self.corpus_digest,
            self.label_source,
            self.labels,
            self.protocol,
            "" if self.fold else self.test_core,
        )

    @property
    def test_set(self) -> tuple[SplitFamily, int]:
        """The test set, or for a fold all folds': family and split seed."""
        return self.family, self.split_seed

    @property
    def entry(self) -> tuple[str, str]:
        """What was evaluated, whatever the seed of the run: its study, and its job without the number of the run."""
        return self.study_id, str(JobId.parse(self.job_id).repeats)

    @property
    def run(self) -> tuple[EvaluationKind, str, str]:
        """Identifies the run, to recognise it in a record."""
        return self.kind, self.study_id, self.job_id

    @classmethod
    def of(
        cls,
        study: StudyRecord,
        job_id: str,
        kind: EvaluationKind = "run",
        *,
        predictions: str | None = None,
        recorded: TrialRecord | None = None,
    ) -> LedgerLine:
        """Makes the line of an evaluation.

        Args:
            study: the study whose test set was predicted.
            job_id: the run that predicted it.
            kind: what it was for.
            predictions: digest of the predictions.
            recorded: record of a run of earlier results, which had no ledger: the line always gets the same id.
        """
        corpus, protocol = study.corpus, study.protocol
        known = None if recorded is None else [kind, study_id(study), job_id, recorded.finished]
        return cls(
            id=uuid.uuid4().hex[:16] if known is None else digest_of(known),
            kind=kind,
            corpus=corpus.name,
            corpus_digest=corpus.digest,
            label_source=corpus.label_source,
            labels=corpus.labels,
            protocol=protocol.name,
            protocol_hash=protocol.hash,
            test_core=protocol.test_core,
            validation_core=protocol.validation_core,
            speaker_normalisation=protocol.speaker_normalisation,
            split_seed=protocol.split_seed,
            fold=protocol.fold,
            study=study.name,
            study_id=study_id(study),
            job_id=job_id,
            predictions=predictions,
            serbench=study.environment.serbench,
            time=now() if recorded is None else recorded.finished,
        )


def study_id(study: StudyRecord) -> str:
    """Returns what tells two studies of one name apart: the identity, in older records the time of creation."""
    return study.identity or f"{study.name} {study.created}"


@dataclass(frozen=True)
class Counted:
    """How often a test set was evaluated.

    Of a folded protocol, whose folds have test sets of their own, each number is that of the fold with the most.

    Attributes:
        entries: configurations with final runs, and bags.
        studies: that they come from.
        evaluations: predictions of the test set, those of audits and replays included.
        audits: of these evaluations, by audits.
        replays: of these evaluations, by replays.
        split_seeds: split seeds under which the same corpus was evaluated by the same protocol.
    """

    entries: int = 0
    studies: int = 0
    evaluations: int = 0
    audits: int = 0
    replays: int = 0
    split_seeds: int = 0


def count_evaluations(lines: Iterable[LedgerLine], corpus_digest: str, protocol_hash: str) -> Counted:
    """Counts the evaluations of one test set, those by protocols that differ in the validation core alone included.

    Args:
        lines: of all test sets.
        corpus_digest: digest of the corpus, which labels are part of.
        protocol_hash: hash of a protocol under which the test set was evaluated.
    """
    known = list(lines)
    named = [one for one in known if (one.corpus_digest, one.protocol_hash) == (corpus_digest, protocol_hash)]
    families, test_sets = {one.family for one in named}, {one.test_set for one in named}
    seeds = {one.split_seed for one in known if one.family in families}
    here = [one for one in known if one.test_set in test_sets]
    folds: dict[int, list[LedgerLine]] = {}
    for one in here:
        folds.setdefault(one.fold, []).append(one)
    finals = {fold: [one for one in lines if one.kind == "run"] for fold, lines in folds.items()}
    return Counted(
        entries=max((len({one.entry for one in lines}) for lines in finals.values()), default=0),
        studies=max((len({one.study_id for one in lines}) for lines in finals.values()), default=0),
        evaluations=max(map(len, folds.values()), default=0),
        audits=max((sum(one.kind == "audit" for one in lines) for lines in folds.values()), default=0),
        replays=max((sum(one.kind == "replay" for one in lines) for lines in folds.values()), default=0),
        split_seeds=len(seeds),
    )


class Ledger:
    """The ledger of a results folder: `ledger/<corpus digest>-<labels>-<protocol hash>.jsonl`.

    Args:
        root: folder of the files; created when the first line is written.
        kind: what the lines are that a search writes.
    """

    def __init__(self, root: Path, kind: EvaluationKind = "run") -> None:
        self.root = root
        self.kind: EvaluationKind = kind

    def append(self, lines: Iterable[LedgerLine]) -> None:
        """Adds lines. Each file gets its own in one write that is synced to disk; several processes may do so at once.

        A line that a killed process left unfinished stays alone on its line.

        Raises:
            SerbenchError: the ledger cannot be written.
        """
        files: dict[Path, list[LedgerLine]] = {}
        for one in lines:
            files.setdefault(self._path(one), []).append(one)
        for path, mine in files.items():
            data = "".join(f"{_json(one)}\n" for one in mine).encode()
            with writing(path):
                self.root.mkdir(parents=True, exist_ok=True)
                with filelock.FileLock(self.root / ".lock"):
                    _append(path, data)
                sync_folder(self.root)

    def append_once(self, line: LedgerLine) -> None:
        """Adds the line of a run, unless the ledger has this run with the same predictions.

        So it is when a kill came between line and record. The same answers of the same run tell nobody anything new.

        Raises:
            SerbenchError: the ledger cannot be written.
        """
        if line.predictions is None or (line.run, line.predictions) not in {
            (one.run, one.predictions) for one in self.read()[0]
        }:
            self.append([line])

    def read(self) -> tuple[list[LedgerLine], int]:
        """Returns the lines of all files, and the number of lines that cannot be read. A non-file counts as one."""
        found, unreadable = [], 0
        for path in sorted(self.root.glob("*.jsonl")):
            if not path.is_file():
                unreadable += 1
                continue
            for text in path.read_bytes().splitlines():
                try:
                    found.append(LedgerLine.model_validate_json(text))
                except ValidationError:
                    unreadable += bool(text.strip())
        return found, unreadable

    def missing(self, lines: Iterable[LedgerLine]) -> Iterator[LedgerLine]:
        """Yields those lines whose evaluation is not in the ledger.

        Replays are told by id, runs by study, job and predictions: a run that was made again with other answers is
        another evaluation. Where either line has no digest of the predictions, they are taken to be the same.
        """
        known, _ = self.read()
        ids = {one.id for one in known}
        answered = {(one.run, one.predictions) for one in known if one.kind != "replay"}
        runs = {run for run, _ in answered}

        def is_known(one: LedgerLine) -> bool:
            if one.predictions is None:
                return one.run in runs
            return not answered.isdisjoint({(one.run, one.predictions), (one.run, None)})

        return (one for one in lines if one.id not in ids and not is_known(one))

    def _path(self, line: LedgerLine) -> Path:
        labels = digest_of([line.label_source, line.labels], length=8)
        return self.root / f"{line.corpus_digest[:16]}-{labels}-{line.protocol_hash}.jsonl"


def _json(line: LedgerLine) -> str:
    usual = {name for name, value in _USUAL.items() if getattr(line, name) == value}
    return line.model_dump_json(exclude=usual)


def _append(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    try:
        end = os.lseek(handle, 0, os.SEEK_END)
        if end:
            os.lseek(handle, end - 1, os.SEEK_SET)
            data = data if os.read(handle, 1) == b"\n" else b"\n" + data
        if os.write(handle, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    finally:
        os.close(handle)
