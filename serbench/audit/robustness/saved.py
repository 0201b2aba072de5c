"""What was measured of an entry's robustness before."""

from __future__ import annotations

from serbench.audit.record import AuditRecord, audit_path, saved_audit
from serbench.audit.robustness.scores import Robustness
from serbench.corpora import starts_from_its_corpus
from serbench.printable import without_paths
from serbench.records import StudyRecord
from serbench.results import Results

__all__ = ["saved_robustness", "told_robustness"]


def saved_robustness(results: Results, entry_id: str) -> tuple[Robustness, ...]:
    """Reads what was measured of an entry; empty if nothing was, or if it is an ensemble or pools folds.

    Args:
        results: the results that hold the entry.
        entry_id: name of the entry.

    Raises:
        UsageError: there is no such entry.
        SerbenchError: a record of the entry is damaged.
    """
    tested = results.scored_entry(entry_id)
    if tested.entry.members or tested.study.protocol.folds > 1:
        return ()
    audit = saved_audit(audit_path(results.folder.study(tested.study.name), entry_id))
    return told_robustness(audit, tested.study)


def told_robustness(audit: AuditRecord | None, study: StudyRecord) -> tuple[Robustness, ...]:
    """Returns what an audit measured, as it may be told: without paths of a machine.

    What was measured on speakers whom the network had heard is left out: earlier versions measured that.

    Args:
        audit: the audit of an entry; None if there is none.
        study: the record of its study.
    """
    if audit is None:
        return ()
    heard = starts_from_its_corpus(study)
    return tuple(_without_paths(one) for one in audit.robustness if not (heard and one.on == "validation"))


def _without_paths(found: Robustness) -> Robustness:
    told = (one.model_copy(update={"not_measured": without_paths(one.not_measured)}) for one in found.conditions)
    return found.model_copy(update={"conditions": tuple(told)})
