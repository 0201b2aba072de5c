"""Looks for clips that occur in more than one subset, as identical audio or as altered copies."""

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
    """Yields two findings: identical audio in more than one subset, and altered copies.

    The subsets are training, validation and test set. In cross-validation they are the test sets of the folds, since
    each fold trains on most of the others.

    Args:
        clips: clip table with `clip_id`, `digest` and `path`.
        plans: one split plan per fold.
        progress: receives the progress of feature extraction and comparison.
    """
    names = clips["clip_id"].tolist()
    parts = _tested_by(plans, len(clips)) if len(plans) > 1 else parts_of(plans[0].core_split, len(clips))
    yield exact_finding(exact_duplicates(clips["digest"].tolist(), parts), names, parts)
    features = audit_features(clips, FINGERPRINT_SPEC, progress)
    near = near_duplicates(Fingerprints.of(features, progress=progress), parts, progress=progress)
    yield near_finding(near, names, parts, THRESHOLD)


def _tested_by(plans: Sequence[SplitPlan], clips: int) -> tuple[str | None, ...]:
    """Returns for each row the fold that has it in its test set."""
    parts: list[str | None] = [None] * clips
    for plan in plans:
        for row in plan.core_split.test:
            parts[row] = f"fold {plan.fold}"
    return tuple(parts)


def exact_finding(
    groups: Sequence[Sequence[int]] | None, clip_ids: Sequence[str], parts: Sequence[str | None]
) -> AuditFinding:
    """Reports identical audio in more than one subset.

    Args:
        groups: result of `serbench.audit.fingerprints.exact_duplicates`; None if the clip table has no digests.
        clip_ids: clip id of each row.
        parts: subset of each row; None for clips in no subset.
    """
    check = "exact duplicates"
    if groups is None:
        return AuditFinding(check=check, level="skipped", verdict="not checked: the audio was never examined")
    clips = sum(part is not None for part in parts)
    numbers: dict[str, Cell] = {"groups": len(groups), "clips": clips}
    if not groups:
        return AuditFinding(
            check=check,
            level="ok",
            verdict=f"no audio is in more than one subset ({clips:,} clips compared)",
            numbers=numbers,
        )
    table: tuple[dict[str, Cell], ...] = tuple(
        {
            "clips": ", ".join(clip_ids[row] for row in group),
            "subsets": ", ".join(str(parts[row]) for row in group),
        }
        for group in groups
    )
    named = "; ".join(str(row["clips"]) for row in table[:_NAMED])
    verdict = f"identical audio in more than one subset, found {_times(len(groups))}: {named}{_rest(len(groups))}"
    return AuditFinding(check=check, level="alarm", verdict=verdict, numbers=numbers, table=table)


def near_finding(
    near: NearDuplicates, clip_ids: Sequence[str], parts: Sequence[str | None], threshold: float
) -> AuditFinding:
    """Reports clips of different subsets whose fingerprints suggest altered copies of one recording.

    Args:
        near: result of `serbench.audit.fingerprints.near_duplicates`. It may include exact duplicates.
        clip_ids: clip id of each row.
        parts: subset of each row; None for clips in no subset.
        threshold: similarity (0-1) from which pairs were reported.
    """
    check = "near duplicates"
    numbers: dict[str, Cell] = {
        "pairs": len(near.pairs),
        "clips": near.compared,
        "threshold": threshold,
        "highest_below": near.highest,
    }
    if not near.compared:
        return AuditFinding(check=check, level="skipped", verdict="not checked: no subset has an audible clip")
    if not near.pairs:
        most = "" if near.highest is None else f"; highest similarity {near.highest:.2f}, threshold {threshold:.2f}"
        verdict = f"no near duplicates in different subsets ({near.compared:,} clips compared{most})"
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
        "clips in different subsets may be copies of one recording, found "
        f"{_times(len(table))}: {named}{_rest(len(table))}; listen to them"
    )
    return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers, table=table)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _rest(count: int) -> str:
    return f" and {count - _NAMED:,} more" if count > _NAMED else ""
