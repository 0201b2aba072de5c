"""Lays out an audit as one page: a verdict for each check, then the numbers behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from serbench.audit.draws import Draw
from serbench.audit.finding import AuditFinding
from serbench.audit.record import AuditRecord
from serbench.audit.robustness.document import robustness_sheets
from serbench.render import NOTHING, Column, Document, Sheet, count, percent

__all__ = ["audit_document"]

_LEGEND = (
    "ok: no problem found. note: good to know. warning: keep this in mind when you read the score. alarm: do not trust "
    "the score until this is explained. skipped: could not be checked; the verdict says why."
)


def audit_document(record: AuditRecord) -> Document:
    """Lays out an audit: first the verdicts, then a table of numbers for each check that has one.

    CSV has one row per check, JSON the whole record.
    """
    head = Sheet(
        f"Audit of {record.entry} ({record.family} on {record.corpus}, protocol {record.protocol}): "
        f"{_conclusion(record)}",
        (Column("check", 0, "left"), Column("result", 0, "left"), Column("verdict", 0, "left")),
        tuple((one.check, one.level, one.verdict) for one in record.findings),
    )
    tables = [_table(one) for one in record.findings if one.table]
    draws = [_draws(record.draws)] if record.draws else []
    robustness = [sheet for one in record.robustness for sheet in robustness_sheets(one)]
    frame = pd.DataFrame(
        [{"check": one.check, "level": one.level, "verdict": one.verdict} for one in record.findings],
        columns=["check", "level", "verdict"],
    )
    return Document((head, *draws, *tables, *robustness), frame, record.model_dump(mode="json"), (_LEGEND,))


def _conclusion(record: AuditRecord) -> str:
    """All verdicts in one."""
    counts: Counter[str] = Counter(one.level for one in record.findings)
    levels = (level for level in ("alarm", "warning", "note", "ok", "skipped") if counts[level])
    rest = ", ".join(f"{counts[level]} {level}" for level in levels)
    if counts["alarm"]:
        return f"do not trust the score before each alarm is explained ({rest})"
    if counts["warning"]:
        return f"no alarm; read the warnings before you trust the score ({rest})"
    return f"nothing that was checked speaks against the score ({rest})"


def _draws(draws: Sequence[Draw]) -> Sheet:
    columns = (
        Column("protocol", 0, "left"),
        Column("split seed"),
        Column("UAR %"),
        Column("acc. %", 1),
        Column("val. UAR %", 2),
        Column("trained on", 3),
        Column("test clips", 4),
        Column("test speakers", 4),
        Column("runs", 5),
    )
    rows = [
        (
            draw.protocol,
            str(draw.split_seed),
            percent(draw.uar),
            percent(draw.accuracy),
            percent(draw.validation_uar),
            count(draw.train_clips),
            count(draw.test_clips),
            str(draw.test_speakers),
            str(draw.seeds),
        )
        for draw in draws
    ]
    return Sheet("The same configuration on other random splits (means over runs)", columns, tuple(rows))


def _table(finding: AuditFinding) -> Sheet:
    """Returns the table of a finding. Fractions are shown in percent; the first column holds names."""
    shown = finding.table[: finding.printed_rows]
    names = list(dict.fromkeys(key for row in shown for key in row))
    columns = tuple(
        Column(name, 0 if place < 3 else place, "right" if place else "left") for place, name in enumerate(names)
    )
    rows = tuple(tuple(_cell(row.get(name)) for name in names) for row in shown)
    title = "scores in %"
    if len(shown) < len(finding.table):
        title += f"; the first {len(shown)} of {len(finding.table):,}, all of them with --format json"
    return Sheet(f"{finding.check} ({title})", columns, rows)


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return percent(value)
    return value if isinstance(value, str) else count(value)
