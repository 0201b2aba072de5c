"""`AuditRecord`: the findings of an audit, saved in the study's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from serbench.audit.draws import Draw
from serbench.audit.finding import AuditFinding
from serbench.audit.robustness.scores import Robustness
from serbench.errors import SerbenchError
from serbench.records import Record, StudyFolder, columns_of, run_name

__all__ = ["AuditRecord", "audit_path", "earlier_audit", "saved_audit"]


class AuditRecord(Record):
    """Findings of the audit of one entry: `audits/<entry>.json` in the study's folder.

    Without findings only the robustness was measured so far.
    """

    SCHEMA: ClassVar[int] = 2  # 2 may have columns; 1 has rows
    schema_version: int = Field(default=2)

    entry: str
    study: str
    family: str
    corpus: str
    protocol: str
    findings: tuple[AuditFinding, ...]
    draws: tuple[Draw, ...]
    robustness: tuple[Robustness, ...] = ()
    serbench: str
    created: str

    def compacted(self, content: dict[str, Any]) -> dict[str, Any]:
        """Turns the tables of the findings into columns: see `Record.compacted`."""
        findings = [one | {"table": columns_of(one["table"])} for one in content["findings"]]
        return content | {"findings": findings}

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


def saved_audit(path: Path) -> AuditRecord | None:
    """Reads an audit record to show it; None if there is none, or if it cannot be read, since it can be made again."""
    try:
        return earlier_audit(path)
    except SerbenchError:
        return None


def earlier_audit(path: Path) -> AuditRecord | None:
    """Reads an audit record to add to it; None if there is none.

    Raises:
        SerbenchError: it is damaged, of another entry or of a newer serbench. What it holds would be lost if it were
            written again.
    """
    if not path.is_file():
        return None
    record = AuditRecord.load(path)
    if (record.entry, run_name(record.study)) != (path.stem, run_name(path.parents[1].name)):
        raise SerbenchError(
            f"{path} is the audit of '{record.entry}' in study '{record.study}'; restore it, or remove it and audit "
            "again"
        )
    return record
