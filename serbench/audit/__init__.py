"""Checks whether a score can be trusted. Each check of a study's data or an entry's scores gives one finding.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.audit.audit import AuditPlan, audit_entry
    from serbench.audit.document import audit_document
    from serbench.audit.finding import AuditFinding
    from serbench.audit.record import AuditRecord, audit_path, saved_audit
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "audit": (
                "AuditPlan",
                "audit_entry",
            ),
            "document": ("audit_document",),
            "finding": ("AuditFinding",),
            "record": (
                "AuditRecord",
                "audit_path",
                "saved_audit",
            ),
        },
    )

__all__ = [
    "AuditFinding",
    "AuditPlan",
    "AuditRecord",
    "audit_document",
    "audit_entry",
    "audit_path",
    "saved_audit",
]
