"""`audit_entry`: every check of one entry, from the ones that only read predictions to those that train again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import pandas as pd

import serbench
from serbench.audit.draws import Drawn, draw_again, over_draws
from serbench.audit.duplicates import duplicate_findings
from serbench.audit.finding import AuditFinding, skipped
from serbench.audit.leakage import leakage
from serbench.audit.literature import against_literature
from serbench.audit.record import AuditRecord, audit_path
from serbench.audit.rerun import Reruns
from serbench.audit.shuffled_labels import shuffled_labels
from serbench.audit.slices import by_slices
from serbench.audit.speakers import speaker_telling
from serbench.audit.validation import against_validation
from serbench.audit.watch import FitWatch
from serbench.errors import SerbenchError, UsageError
from serbench.records import ResultsFolder, StudyFolder, StudyRecord, now, writing
from serbench.results import Results, ScoredEntry, run_name
from serbench.search import Observer, recorded_clips, recorded_plan, recorded_protocol, recorded_space

__all__ = ["AuditPlan", "audit_entry"]

TRAINED = ("shuffled labels", "leakage delta", "draws of test speakers")
"""Checks that train."""


@dataclass(frozen=True)
class AuditPlan:
    """What is checked.

    Attributes:
        target: an entry, or a study for its selected entry.
        split_seeds: draws that the configuration is fitted on again.
        repeats: fits of each draw.
        refits: whether anything is fitted at all.
        data: the corpus's folder; None for where the search found it.
        workers: fits side by side; None for as many as fit.
    """

    target: str
    split_seeds: int = 1
    repeats: int = 1
    refits: bool = True
    data: Path | None = None
    workers: int | None = None


def audit_entry(
    results: Results,
    plan: AuditPlan,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
) -> AuditRecord:
    """Audits an entry and keeps what was found beside it.

    Args:
        results: where it lies.
        plan: what is checked.
        observer: is told of every step.
        stop: set from outside to end gracefully; what was fitted is kept.

    Raises:
        UsageError: there is no such entry or study.
        SerbenchError: the corpus is gone or another, a record is damaged, or another process audits the entry.
    """
    tested = _target(results, plan.target)
    folder = _folder(results.folder, tested)
    audit = _Audit(tested, folder, plan, observer or Observer(), stop or threading.Event())
    path = audit_path(folder, tested.entry.entry_id)
    with _alone(path) if plan.refits else contextlib.nullcontext():
        record = audit.run()
        _keep(record, path, audit)
    return record


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps a second audit of the same entry out: it would find fits taken and say less than the first."""
    lock = filelock.FileLock(path.with_name(f".{path.stem}.lock"))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            raise SerbenchError(
                f"entry '{path.stem}' is being audited by another serbench process; wait for it, or use --no-refits"
            ) from None
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class _Audit:
    """One audit; `folder` is of the study, or of a folded one's first fold."""

    tested: ScoredEntry
    folder: StudyFolder
    plan: AuditPlan
    observer: Observer
    stop: threading.Event

    def run(self) -> AuditRecord:
        """Makes all checks, the cheap ones first."""
        study, entry = self.tested.study, self.tested.entry
        if not self.tested.refits:
            raise SerbenchError(f"entry '{entry.entry_id}' has no completed refit, so there is nothing to audit")
        record = self.folder.record()
        clips = recorded_clips(self.folder, record, self.plan.data, self.observer.progress)
        findings = [*self._of_scores(clips), *self._of_data(record, clips)]
        drawn = Drawn(())
        if self.plan.refits and not self.stop.is_set():
            retrained, drawn = self._retrained(record, clips)
            findings += retrained
        return AuditRecord(
            entry=entry.entry_id,
            study=study.name,
            family=entry.family,
            corpus=study.corpus.name,
            protocol=study.protocol.name,
            findings=tuple(findings),
            draws=drawn.draws,
            serbench=serbench.__version__,
            created=now(),
        )

    def _of_scores(self, clips: pd.DataFrame) -> Iterator[AuditFinding]:
        yield against_validation(self.tested, clips)
        yield against_literature(self.tested)
        yield from by_slices(self.tested, clips)

    def _of_data(self, record: StudyRecord, clips: pd.DataFrame) -> Iterator[AuditFinding]:
        yield from duplicate_findings(
            clips, recorded_protocol(self.folder, record).plans(clips), self.observer.progress
        )
        yield speaker_telling(clips, recorded_plan(self.folder, record, clips), record, self.observer.progress)

    def _retrained(self, record: StudyRecord, clips: pd.DataFrame) -> tuple[list[AuditFinding], Drawn]:
        if record.protocol.folds > 1:
            why = "not tried: each fold chose a configuration of its own; audit an entry of protocol 'speaker' for this"
            return [skipped(check, why) for check in TRAINED], Drawn(())
        space, protocol = recorded_space(self.folder, record), recorded_protocol(self.folder, record)
        again = Reruns(self.folder, record, space, self.tested.entry, clips, FitWatch(self.observer), self.stop)
        workers, repeats = self.plan.workers, self.plan.repeats
        try:
            findings = [shuffled_labels(again, protocol, workers)]
        except SerbenchError as error:
            findings = [skipped(TRAINED[0], str(error))]
        if self.stop.is_set():
            return findings, Drawn(())
        seeds = range(protocol.split_seed, protocol.split_seed + self.plan.split_seeds)
        drawn = draw_again(again, protocol, seeds, repeats, workers)
        own = self.tested.mean_score("test", "uar") if protocol.name == "speaker" else None
        return [*findings, leakage(drawn, protocol), over_draws(drawn, own)], drawn


def _keep(record: AuditRecord, path: Path, audit: _Audit) -> None:
    """Saves an audit, unless an earlier one that has trained says more."""
    if audit.stop.is_set() or (not audit.plan.refits and path.exists()):
        return
    try:
        record.save(path)
    except SerbenchError as error:  # somebody else's results, readable only
        audit.observer.warning(f"the audit is not kept: {error}")


def _target(results: Results, name: str) -> ScoredEntry:
    """The entry of this name, or the selected one of the study or folded run of this name."""
    studies = [study for study in results.studies if run_name(study.record.name) == name or study.record.name == name]
    if not studies:
        tested = results.scored_entry(name)
        if tested.entry.members:
            raise UsageError(f"entry '{name}' is an ensemble and no single model; audit one of its finalists")
        return tested
    board = results.board(studies[0].record.corpus.name, studies[0].record.protocol.name)
    chosen = [row.entry for row in board.rows if row.selected and row.study == name]
    if len(chosen) == 1:
        return results.scored_entry(chosen[0])
    known = {study.name for study in studies}
    if lost := [one.sentence for one in board.damaged if one.study in known and one.kind == "entry"]:
        raise SerbenchError(f"which entry of study '{name}' is selected cannot be told: {lost[0]}")
    raise UsageError(
        f"study '{name}' has no tested entry to audit yet (under a folded protocol all folds are needed); the "
        "same search command goes on"
    )


def _folder(results: ResultsFolder, tested: ScoredEntry) -> StudyFolder:
    """Of the study; of a folded one's first fold."""
    name = tested.study.name
    return results.existing_study(name if tested.study.protocol.folds == 1 else f"{name}-fold1")
