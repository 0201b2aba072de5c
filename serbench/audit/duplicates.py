"""Is audio in more than one subset, exactly or as an altered copy?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from serbench.audit.features import audit_features
from serbench.audit.finding import AuditFinding, Cell
from serbench.audit.fingerprints import (
    FINGERPRINT_SPEC,
    THRESHOLD,
    Fingerprints,
    NearDuplicates,
    exact_duplicates,
    near_duplicates,
    parts_of,
)
from serbench.protocols import SplitPlan
from serbench.records import StepProgress

__all__ = ["duplicate_findings", "exact_finding", "near_finding"]

_NAMED: Final = 3


def duplicate_findings(
    clips: pd.DataFrame, plans: Sequence[SplitPlan], progress: StepProgress
) -> Iterator[AuditFinding]:
    """Whether audio is in more than one subset, exactly or as an altered copy.

    Under a folded protocol the subsets are the clips that each fold tests, since it trains on most of the others.
    """
    names = clips["clip_id"].tolist()
    parts = _tested_by(plans, len(clips)) if len(plans) > 1 else parts_of(plans[0].split(plans[0].cores), len(clips))
    yield exact_finding(exact_duplicates(clips["digest"].tolist(), parts), names, parts)
    features = audit_features(clips, FINGERPRINT_SPEC, progress)
    yield near_finding(near_duplicates(Fingerprints.of(features), parts), names, parts, THRESHOLD)


def _tested_by(plans: Sequence[SplitPlan], clips: int) -> tuple[str | None, ...]:
    """The fold that tests each row."""
    parts: list[str | None] = [None] * clips
    for plan in plans:
        for row in plan.split(plan.cores).test:
            parts[row] = f"fold {plan.fold}"
    return tuple(parts)


def exact_finding(
    groups: Sequence[Sequence[int]] | None, clip_ids: Sequence[str], parts: Sequence[str | None]
) -> AuditFinding:
    """Whether the same audio is in more than one subset.

    Args:
        groups: of `serbench.audit.fingerprints.exact_duplicates`; None where the clip table has no digests.
        clip_ids: of all rows.
        parts: the subset of each row, None for none.
    """
    check = "exact duplicates"
    if groups is None:
        return AuditFinding(check=check, level="skipped", verdict="not compared: the clips' audio was never examined")
    clips = sum(part is not None for part in parts)
    numbers: dict[str, Cell] = {"groups": len(groups), "clips": clips}
    if not groups:
        return AuditFinding(
            check=check, level="ok", verdict=f"no audio is in two subsets ({clips:,} clips compared)", numbers=numbers
        )
    table: tuple[dict[str, Cell], ...] = tuple(
        {
            "clips": ", ".join(clip_ids[row] for row in group),
            "subsets": ", ".join(str(parts[row]) for row in group),
        }
        for group in groups
    )
    named = "; ".join(str(row["clips"]) for row in table[:_NAMED])
    verdict = f"the same audio is in more than one subset, {_times(len(groups))}: {named}{_rest(len(groups))}"
    return AuditFinding(check=check, level="alarm", verdict=verdict, numbers=numbers, table=table)


def near_finding(
    near: NearDuplicates, clip_ids: Sequence[str], parts: Sequence[str | None], threshold: float
) -> AuditFinding:
    """Whether clips of different subsets are altered copies of one recording, as far as fingerprints tell.

    Args:
        near: of `serbench.audit.fingerprints.near_duplicates`; pairs that are exact duplicates may be among them.
        clip_ids: of all rows.
        parts: the subset of each row, None for none.
        threshold: that was used.
    """
    check = "near duplicates"
    numbers: dict[str, Cell] = {
        "pairs": len(near.pairs),
        "clips": near.compared,
        "threshold": threshold,
        "highest_below": near.highest,
    }
    if not near.compared:
        return AuditFinding(check=check, level="skipped", verdict="not compared: no clip has anything to hear")
    if not near.pairs:
        most = "" if near.highest is None else f"; the most alike reach {near.highest:.2f} of {threshold:.2f}"
        verdict = f"no two clips of different subsets sound like one recording ({near.compared:,} compared{most})"
        return AuditFinding(check=check, level="ok", verdict=verdict, numbers=numbers)
    table: tuple[dict[str, Cell], ...] = tuple(
        {
            "first": clip_ids[pair.first],
            "first_subset": parts[pair.first],
            "second": clip_ids[pair.second],
            "second_subset": parts[pair.second],
            "likeness": pair.likeness,
        }
        for pair in near.pairs
    )
    named = "; ".join(f"{row['first']} and {row['second']}" for row in table[:_NAMED])
    verdict = (
        "clips of different subsets sound like one recording, "
        f"{_times(len(table))}: {named}{_rest(len(table))}; listen to them"
    )
    return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers, table=table)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _rest(count: int) -> str:
    return f" and {count - _NAMED:,} more" if count > _NAMED else ""
