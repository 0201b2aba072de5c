"""`SplitAgain`: the split of a study, made again from its clips and its protocol, to be compared with its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import serbench
from serbench.corpora import clip_set_digest
from serbench.errors import SerbenchError
from serbench.protocols import SplitProtocol, recorded_protocol
from serbench.records import Ledger, LedgerLine, ProtocolFacts, StudyFolder, StudyRecord, file_sha256, study_id

if TYPE_CHECKING:
    import pandas as pd

    from serbench.protocols import SplitPlan

__all__ = ["FolderFacts", "SplitAgain"]

_FLAGS = (
    "shares_speakers",
    "test_clips",
    "validation_clips",
    "test_speakers",
    "validation_speakers",
    "train_speakers",
    "reordered",
)


@dataclass(frozen=True)
class SplitAgain:
    """The labels and the split of a study, as its clips and its protocol give them.

    Attributes:
        labels: label of each clip by id.
        cores: ids of the clips of the cores `test` and `validation`; empty if the split cannot be made again.
        problems: what of the study's record cannot be true.
        test_clips: number of test clips by the study's record, for a split that cannot be made again.
        unchecked: what cannot be checked.
    """

    labels: Mapping[str, str]
    test_clips: int
    cores: Mapping[str, frozenset[str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


class FolderFacts:
    """What the checks of all studies of a results folder share: splits that were made again, and the ledger.

    Args:
        ledger: the ledger of the results folder.

    Attributes:
        keeps_trials: whether studies keep the records of trials that are only counted.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.keeps_trials = False
        self._ledger = ledger
        self._lines: dict[str, list[LedgerLine]] | None = None
        self._plans: dict[tuple[str, str], tuple[SplitPlan, ...]] = {}
        self._protocols: dict[tuple[str, str, int], ProtocolFacts] = {}
        self._digests: dict[str, str] = {}
        self._texts: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}

    def lines(self, study: StudyRecord) -> list[LedgerLine]:
        """The lines in the ledger of a study's final runs and their replays, and of all audits on its test set."""
        if self._lines is None:
            self._lines = {}
            for line in self._ledger.read()[0]:
                key = line.study_id if line.kind != "audit" else f"{line.corpus_digest} {line.protocol_hash}"
                self._lines.setdefault(key, []).append(line)
        audits = self._lines.get(f"{study.corpus.digest} {study.protocol.hash}", [])
        return [*self._lines.get(study_id(study), []), *audits]

    def one_copy(self, facts: Mapping[str, str]) -> Mapping[str, str]:
        """Returns one copy of equal facts about clips: hundreds of studies may be on the same clips."""
        return self._texts.setdefault(tuple(facts.items()), facts)

    def split(self, folder: StudyFolder, record: StudyRecord, clips: pd.DataFrame) -> SplitAgain:
        """Makes the split of a study again, and compares it with the study's record.

        Args:
            folder: the study's folder.
            record: its record.
            clips: its table of clips.
        """
        content = file_sha256(folder.clips_path)
        ids = clips["clip_id"].astype(str)
        labels = self.one_copy(dict(zip(ids, clips["label"].astype(str), strict=True)))
        tested = record.protocol.test_clips
        problems = list(self._corpus(folder, record, clips, content))
        try:
            if "sex" not in clips:
                raise SerbenchError("clips.parquet has no column 'sex'")
            protocol = recorded_protocol(folder, record)
        except SerbenchError as error:
            why = f"the split cannot be made again: {error}".replace(f"{folder.path}/", "")
            if record.environment.serbench != serbench.__version__:  # that version may have split differently
                return SplitAgain(labels, tested, problems=tuple(problems), unchecked=(why,))
            return SplitAgain(labels, tested, problems=(*problems, why))
        try:
            plan, facts = self._again(protocol, record, clips, content)
        except SerbenchError as error:
            return SplitAgain(labels, tested, problems=(*problems, f"its clips cannot be split as recorded: {error}"))
        problems += _flags(record.protocol, facts)
        split = plan.core_split
        cores = {part: frozenset(ids.iloc[list(getattr(split, part))]) for part in ("test", "validation")}
        return SplitAgain(labels, tested, cores, tuple(problems))

    def _corpus(self, folder: StudyFolder, record: StudyRecord, clips: pd.DataFrame, content: str) -> Iterator[str]:
        facts = record.corpus
        if clips["clip_id"].duplicated().any():
            yield "clips.parquet lists a clip twice"
        if tuple(sorted(set(clips["label"].astype(str)))) != tuple(sorted(facts.labels)):
            yield "the labels of the record are not those of clips.parquet"
        if len(clips) != facts.clips:
            yield f"the record says {facts.clips:,} clips, clips.parquet holds {len(clips):,}"
        if record.objective != "uar":
            yield f"the record says that the search maximised '{record.objective}', and every search maximises 'uar'"
        if "digest" not in clips:  # every version has stored it
            yield "clips.parquet has no column 'digest', so its clips, labels and speakers cannot be checked"
        else:
            if content not in self._digests:
                self._digests[content] = clip_set_digest(clips)
            if self._digests[content] != facts.digest:
                yield "clips.parquet has other clips, labels or speakers than the study began with (digest differs)"
        if folder.is_sharing_clips and content[:32] != folder.clips_path.stem:
            yield f"clips/{folder.clips_path.name} is not the table that it is called after (digest differs)"

    def _again(
        self, protocol: SplitProtocol, record: StudyRecord, clips: pd.DataFrame, content: str
    ) -> tuple[SplitPlan, ProtocolFacts]:
        """Makes plans once for all studies with the same clips and protocol, and facts once for each fold."""
        settings = f"{protocol.hash} {protocol.least_validation} {protocol.every_class} {protocol.counts_validation}"
        key, fold = (content, settings), record.protocol.fold
        if key not in self._plans:
            self._plans[key] = protocol.plans(clips)
        plans = self._plans[key]
        found = [plan for plan in plans if plan.fold == fold]
        if not found or record.protocol.folds != len(plans):
            raise SerbenchError(f"the record says fold {fold} of {record.protocol.folds}, the clips give {len(plans)}")
        if (*key, fold) not in self._protocols:
            self._protocols[*key, fold] = protocol.facts(clips, found[0], len(plans))
        return found[0], self._protocols[*key, fold]


def _flags(recorded: ProtocolFacts, again: ProtocolFacts) -> Iterator[str]:
    for name in _FLAGS:
        said, found = getattr(recorded, name), getattr(again, name)
        if said != found:
            yield f"the record says {name} = {said}, the clips and the protocol give {found}"
