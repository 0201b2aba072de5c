"""`AuditRecord`: the findings of an audit, saved in the study's folder."""

from __future__ import annotations

from pathlib import Path

from serbench.audit.draws import Draw
from serbench.audit.finding import AuditFinding
from serbench.records import Record, StudyFolder

__all__ = ["AuditRecord", "audit_path"]


class AuditRecord(Record):
    """Findings of the audit of one entry: `audits/<entry>.json` in the study's folder."""

    entry: str
    study: str
    family: str
    corpus: str
    protocol: str
    findings: tuple[AuditFinding, ...]
    draws: tuple[Draw, ...]
    serbench: str
    created: str

    @property
    def alarms(self) -> int:
        """Number of checks that raised an alarm."""
        return sum(finding.level == "alarm" for finding in self.findings)


def audit_path(folder: StudyFolder, entry_id: str) -> Path:
    """Returns the path of an entry's audit record.

    Args:
        folder: folder of the entry's study.
        entry_id: id of the entry.
    """
    return folder.path / "audits" / f"{entry_id}.json"
