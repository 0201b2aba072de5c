"""`audit_entry`: runs all checks on one entry. Some only read its predictions, others train again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import serbench
from serbench.audit.doubtful_labels import doubtful_labels
from serbench.audit.draws import Draws, draws_of, over_draws, paired_reruns
from serbench.audit.duplicates import duplicate_findings
from serbench.audit.finding import AuditFinding, skipped
from serbench.audit.leakage import leakage
from serbench.audit.literature import against_literature
from serbench.audit.record import AuditRecord, audit_path, earlier_audit
from serbench.audit.rerun import Rerun, Reruns
from serbench.audit.shuffled_labels import shuffled_labels
from serbench.audit.slices import by_slices
from serbench.audit.speakers import speaker_recognition
from serbench.audit.target import audited_entry, entry_folder, locked_audit
from serbench.audit.validation import against_validation
from serbench.errors import SerbenchError
from serbench.protocols import recorded_plan, recorded_protocol
from serbench.records import ResultsFolder, StudyFolder, StudyRecord, fold_name, now
from serbench.results import Results, ScoredEntry
from serbench.search import Observer, recorded_clips, recorded_space

__all__ = ["AuditPlan", "audit_entry"]

TRAINED = ("shuffled labels", "leakage delta", "draws of test speakers")
"""Checks that train models."""

_TRANSFERRED = (
    "not checked: training began with what other networks have learned (--init or --teacher), and those have heard "
    "other test speakers and true labels; audit an entry that was trained from scratch"
)


@dataclass(frozen=True)
class AuditPlan:
    """Settings of an audit.

    Attributes:
        target: name of an entry, or of a study to audit its selected entry.
        split_seeds: number of random splits on which the configuration is trained again.
        repeats: training runs per split.
        refits: whether to train at all. If False, checks that need training are left out.
        data: folder of the corpus; None for the folder that the search used.
        workers: training runs at the same time; None for as many as the machine has room for.
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
    """Audits an entry and saves the findings in the `audits` folder of its study.

    An audit that was stopped is not saved. One without training does not overwrite an earlier audit.

    Args:
        results: the results that hold the entry.
        plan: settings of the audit.
        observer: receives the progress; None for no display.
        stop: set this event to end the audit gracefully. Completed training runs are kept.

    Returns:
        The findings.

    Raises:
        UsageError: no entry or study has this name.
        SerbenchError: the corpus is missing or has changed, a record is damaged, or another process is auditing the
            entry.
    """
    tested = audited_entry(results, plan.target)
    folder = entry_folder(results.folder, tested)
    audit = _Audit(tested, folder, plan, observer or Observer(), stop or threading.Event())
    path = audit_path(folder, tested.entry.entry_id)
    with locked_audit(path, ", or use --no-refits") if plan.refits else contextlib.nullcontext():
        earlier = earlier_audit(path)
        record = audit.run()
        if earlier is not None:
            record = record.model_copy(update={"robustness": earlier.robustness})
        _save(record, path, audit, earlier)
    return record


class _StoppedError(Exception):
    """The audit was told to stop. What it found until then is shown and not saved."""


@dataclass(frozen=True)
class _Audit:
    """One audit. `folder` belongs to the entry's study, or to its first fold in cross-validation."""

    tested: ScoredEntry
    folder: StudyFolder
    plan: AuditPlan
    observer: Observer
    stop: threading.Event

    def run(self) -> AuditRecord:
        """Runs all checks, the fast ones first."""
        study, entry = self.tested.study, self.tested.entry
        if not self.tested.refits:
            raise SerbenchError(f"entry '{entry.entry_id}' has no completed final run, so there is nothing to audit")
        record = self.folder.record()
        clips = recorded_clips(self.folder, record, self.plan.data, self.observer.progress)
        findings = list(self._of_scores(clips))
        with contextlib.suppress(_StoppedError):
            for finding in self._of_data(record, clips):
                findings.append(finding)
                self._end_if_stopped()
        splits = Draws(())
        if self.plan.refits and not self.stop.is_set():
            retrained, splits = self._retrained(record, clips)
            findings += retrained
        return AuditRecord(
            entry=entry.entry_id,
            study=study.name,
            family=entry.family,
            corpus=study.corpus.name,
            protocol=study.protocol.name,
            findings=tuple(findings),
            draws=splits.draws,
            serbench=serbench.__version__,
            created=now(),
        )

    def _of_scores(self, clips: pd.DataFrame) -> Iterator[AuditFinding]:
        if problems := self.tested.problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            verdict = f"the entry fails its checks, so its score need not be true: {problems[0]}{more}"
            yield AuditFinding(check="records", level="alarm", verdict=verdict, numbers={"problems": len(problems)})
        yield against_validation(self.tested, clips)
        yield against_literature(self.tested)
        yield from by_slices(self.tested, clips)

    def _of_data(self, record: StudyRecord, clips: pd.DataFrame) -> Iterator[AuditFinding]:
        yield from duplicate_findings(clips, recorded_protocol(self.folder, record).plans(clips), self._progress)
        yield doubtful_labels(self._folders(), record.corpus.labels)
        yield speaker_recognition(
            clips,
            recorded_plan(self.folder, record, clips),
            record,
            self._progress,
            shares_speakers=self.tested.study.protocol.shares_speakers,
        )

    def _progress(self, what: str, done: int, total: int) -> None:
        """Shows the progress of a step, which ends here once the audit is told to stop."""
        self.observer.progress(what, done, total)
        self._end_if_stopped()

    def _end_if_stopped(self) -> None:
        if self.stop.is_set():
            raise _StoppedError

    def _folders(self) -> list[StudyFolder]:
        """The study's folder; in cross-validation those of all folds."""
        protocol = self.tested.study.protocol
        results = ResultsFolder(self.folder.path.parents[1])
        if protocol.folds == 1:
            return [self.folder]
        names = [fold_name(self.tested.study.name, fold) for fold in range(1, protocol.folds + 1)]
        return [results.study(name) for name in names if name in results.study_names()]

    def _retrained(self, record: StudyRecord, clips: pd.DataFrame) -> tuple[list[AuditFinding], Draws]:
        if record.protocol.folds > 1:
            why = "not checked: each fold selected its own configuration; audit an entry of protocol 'speaker' instead"
            return [skipped(check, why) for check in TRAINED], Draws(())
        if record.init is not None or record.teacher is not None:
            return [skipped(check, _TRANSFERRED) for check in TRAINED], Draws(())
        space, protocol = recorded_space(self.folder, record), recorded_protocol(self.folder, record)
        again = Reruns(self.folder, record, space, self.tested.entry, clips, self.observer, self.stop)
        seeds = range(protocol.split_seed, protocol.split_seed + self.plan.split_seeds)
        pairs, why_not = paired_reruns(again, protocol, seeds)
        shuffled = Rerun(protocol, shuffled=True)
        fitted = again.fit_all({shuffled: 1, **dict.fromkeys(pairs, self.plan.repeats)}, self.plan.workers)
        if self.stop.is_set():
            return [], Draws(())  # what is stopped is not saved
        splits = draws_of([fitted[rerun] for rerun in pairs], len(seeds), why_not)
        own = self.tested.mean_score("test", "uar") if protocol.name == "speaker" else None
        return [shuffled_labels(fitted[shuffled]), leakage(splits, protocol), over_draws(splits, own)], splits


def _save(record: AuditRecord, path: Path, audit: _Audit, earlier: AuditRecord | None) -> None:
    """Saves a complete audit. One without training does not replace earlier findings, which are more."""
    found_more = earlier is not None and bool(earlier.findings)
    if audit.stop.is_set() or (not audit.plan.refits and found_more):
        return
    try:
        record.save(path, compact=True)
    except SerbenchError as error:  # the results folder may be read-only
        audit.observer.warning(f"the audit was not saved: {error}")
