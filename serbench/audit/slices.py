"""Compares recall between groups of clips, such as female and male speakers or different sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from serbench.audit.finding import AuditFinding, Cell
from serbench.evaluation import ALPHA, AttributeSlices, Slice, judge_slices
from serbench.results import OF_PEOPLE, ScoredEntry, clip_attributes, clips_by_id, clips_in_no_slice, why_unranked

__all__ = ["by_slices", "slice_finding"]

_PERMUTATIONS = 0x511CE  # a random stream apart from those of the study's seed tree


def by_slices(tested: ScoredEntry, clips: pd.DataFrame) -> list[AuditFinding]:
    """Compares recall between groups of test clips: one finding per attribute of the clips.

    Args:
        tested: the entry, with at least one completed run.
        clips: clip table of its study, with `clip_id`.
    """
    first = tested.refits[0]
    rows = clips_by_id(clips).loc[list(first.test_clips)]
    attributes, left_out = clip_attributes(rows), clips_in_no_slice(rows)
    if not attributes and not left_out:
        why = "not checked: the corpus has no attribute to compare by, such as sex, age, sentence or intensity"
        return [AuditFinding(check="slices", level="skipped", verdict=why)]
    found = judge_slices(
        first.test_true,
        [refit.test_predicted for refit in tested.refits],
        tested.speakers,
        tested.study.corpus.labels,
        attributes,
        np.random.default_rng([_PERMUTATIONS, tested.study.seed]),
    )
    unranked = why_unranked(tested.study.protocol)
    findings = [
        slice_finding(one.without_tests(), untested=unranked) if unranked else slice_finding(one) for one in found
    ]
    noted = [_with_note(one, left_out.pop(it.attribute, "")) for one, it in zip(findings, found, strict=True)]
    gone = (
        AuditFinding(check=f"slices by {name}", level="skipped", verdict=f"not checked: {why}")
        for name, why in left_out.items()
    )
    return [*noted, *gone]


def _with_note(finding: AuditFinding, left_out: str) -> AuditFinding:
    if not left_out:
        return finding
    return finding.model_copy(update={"verdict": f"{finding.verdict}; clips in no group: {left_out}"})


def slice_finding(slices: AttributeSlices, *, untested: str = "") -> AuditFinding:
    """Reports whether recall differs significantly between the values of one attribute.

    A significant difference by an attribute of speakers (sex, age) is a warning, since the model works less well for
    some people. A difference by sentence or intensity is a note.

    Args:
        slices: result of `serbench.evaluation.slices.judge_slices`.
        untested: why nothing is tested; '' if too few speakers are the reason.
    """
    check = f"slices by {slices.attribute}"
    table = tuple(_slice_row(part) for part in slices.slices)
    numbers: dict[str, Cell] = {
        "clips": sum(part.clips for part in slices.slices),
        "clips_unknown": slices.unknown,
        "speakers": slices.speakers,
        "classes": ", ".join(slices.classes),
    }
    if slices.gap is None:
        why = "fewer than two groups to compare" if slices.classes else "no class has clips in every group"
        return AuditFinding(check=check, level="skipped", verdict=f"not checked: {why}", numbers=numbers, table=table)
    numbers |= {
        "gap_points": 100 * slices.gap,
        "chance_gap_points": None if slices.by_chance is None else 100 * slices.by_chance,
        "p_value": slices.p_value,
        "corrected_p_value": slices.corrected,
    }
    ranked = sorted((part for part in slices.slices if part.recall is not None), key=lambda part: part.recall or 0.0)
    low, high = ranked[0], ranked[-1]
    summary = (
        f"mean recall is {100 * slices.gap:.1f} points lower for '{low.value}' ({_percent(low)} %) than for "
        f"'{high.value}' ({_percent(high)} %)"
    )
    if slices.corrected is None or slices.by_chance is None:
        few = f"{slices.speakers} speakers are too few to test whether that is chance"
        verdict = f"{summary}; {f'not tested ({untested})' if untested else few}"
        return AuditFinding(check=check, level="skipped", verdict=verdict, numbers=numbers, table=table)
    p_value = f"p = {slices.corrected:.3f}, corrected for all attributes"
    if slices.corrected >= ALPHA:
        verdict = f"{summary}: not significant ({p_value})"
        return AuditFinding(check=check, level="ok", verdict=verdict, numbers=numbers, table=table)
    usual = f"by chance alone it would stay under {100 * slices.by_chance:.1f} points in 19 of 20 cases"
    verdict = f"{summary}: significant ({p_value}); {usual}"
    level = "warning" if slices.attribute in OF_PEOPLE else "note"
    return AuditFinding(check=check, level=level, verdict=verdict, numbers=numbers, table=table)


def _slice_row(part: Slice) -> dict[str, Cell]:
    return {
        "value": part.value,
        "clips": part.clips,
        "speakers": part.speakers,
        "accuracy": part.accuracy,
        "recall": part.recall,
        "low": part.interval.low if part.interval else None,
        "high": part.interval.high if part.interval else None,
    }


def _percent(part: Slice) -> str:
    return f"{100 * (part.recall or 0.0):.1f}"
