"""Is a score what it seems? Checks of a study's data and of an entry's scores, each a finding in one sentence."""

from serbench.audit.audit import AuditPlan, audit_entry
from serbench.audit.document import audit_document
from serbench.audit.finding import AuditFinding
from serbench.audit.record import AuditRecord, audit_path

__all__ = ["AuditFinding", "AuditPlan", "AuditRecord", "audit_document", "audit_entry", "audit_path"]
