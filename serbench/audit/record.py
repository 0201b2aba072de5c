"""`AuditRecord`: what an audit found, kept beside the entry."""

from __future__ import annotations

from pathlib import Path

from serbench.audit.draws import Draw
from serbench.audit.finding import AuditFinding
from serbench.records import Record, StudyFolder

__all__ = ["AuditRecord", "audit_path"]


class AuditRecord(Record):
    """`audits/<entry>.json` in a study's folder."""

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
        """How many checks raised an alarm."""
        return sum(finding.level == "alarm" for finding in self.findings)


def audit_path(folder: StudyFolder, entry_id: str) -> Path:
    """Where the audit of an entry is kept."""
    return folder.path / "audits" / f"{entry_id}.json"
