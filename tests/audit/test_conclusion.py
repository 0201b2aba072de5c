"""The one verdict at the head of an audit."""

from __future__ import annotations

import pytest

from serbench.audit import AuditRecord, audit_document
from serbench.audit.finding import AuditFinding


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (("ok", "note", "ok"), "nothing that was checked speaks against the score (1 note, 2 ok)"),
        (
            ("ok", "warning", "skipped"),
            "no alarm; read the warnings before you trust the score (1 warning, 1 ok, 1 skipped)",
        ),
        (
            ("warning", "alarm", "ok"),
            "do not trust the score before each alarm is explained (1 alarm, 1 warning, 1 ok)",
        ),
    ],
)
def test_the_worst_level_decides(levels, words) -> None:
    findings = tuple(AuditFinding(check=f"c{place}", level=level, verdict="v") for place, level in enumerate(levels))
    record = AuditRecord.model_construct(
        entry="e", family="cnn1d", corpus="demo", protocol="speaker", findings=findings, draws=()
    )
    assert audit_document(record).sheets[0].title == f"Audit of e (cnn1d on demo, protocol speaker): {words}"
