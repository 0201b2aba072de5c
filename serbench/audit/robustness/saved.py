"""What was measured of an entry's robustness before."""

from __future__ import annotations

from serbench.audit.record import audit_path, saved_audit
from serbench.audit.robustness.scores import Robustness
from serbench.results import Results

__all__ = ["saved_robustness"]


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
    return () if audit is None else audit.robustness
