"""Are some speakers or sentences recognised less well than others?"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from serbench.audit.attributes import clip_attributes
from serbench.audit.finding import AuditFinding, Cell
from serbench.evaluation import MIN_SPEAKERS, AttributeSlices, Slice, judge_slices
from serbench.results import ScoredEntry

__all__ = ["by_slices", "slice_finding"]

ALPHA: Final = 0.05
_DEALT = 0x511CE  # a stream of its own, beside those of the study's seed tree


def by_slices(tested: ScoredEntry, clips: pd.DataFrame) -> list[AuditFinding]:
    """Whether some speakers or sentences are recognised less well than others."""
    first = tested.refits[0]
    rows = clips.set_index("clip_id", drop=False).loc[list(first.test_clips)]
    attributes = clip_attributes(rows)
    if not attributes:
        why = "not compared: the corpus says nothing of speakers or sentences"
        return [AuditFinding(check="slices", level="skipped", verdict=why)]
    judged = judge_slices(
        first.test_true,
        [refit.test_predicted for refit in tested.refits],
        tested.speakers,
        tested.study.corpus.labels,
        attributes,
        np.random.default_rng([_DEALT, tested.study.seed]),
    )
    return [slice_finding(one) for one in judged]


def slice_finding(slices: AttributeSlices, *, alpha: float = ALPHA) -> AuditFinding:
    """Whether an entry recognises some clips worse than others because of what they have in common.

    A difference by something that speakers are (sex, age) is a warning: it tells for whom the model works less well. A
    difference by what they say or how strongly is a note.

    Args:
        slices: judged by `serbench.evaluation.slices.judge_slices`.
        alpha: of the corrected p-value.
    """
    check = f"slices by {slices.attribute}"
    table = tuple(_slice_row(part) for part in slices.slices)
    numbers: dict[str, Cell] = {
        "clips": sum(part.clips for part in slices.slices),
        "clips_unknown": slices.unknown,
        "speakers": slices.speakers,
        "classes": ", ".join(slices.classes),
    }
    if slices.gap is None or slices.by_chance is None or slices.corrected is None:
        why = "there are not two slices to compare" if slices.classes else "no class has clips in every slice"
        return AuditFinding(check=check, level="skipped", verdict=f"not compared: {why}", numbers=numbers, table=table)
    numbers |= {
        "gap_points": 100 * slices.gap,
        "chance_gap_points": 100 * slices.by_chance,
        "p_value": slices.p_value,
        "corrected_p_value": slices.corrected,
    }
    ranked = sorted((part for part in slices.slices if part.recall is not None), key=lambda part: part.recall or 0.0)
    low, high = ranked[0], ranked[-1]
    said = (
        f"mean recall is {100 * slices.gap:.1f} points lower for '{low.value}' ({_percent(low)} %) than for "
        f"'{high.value}' ({_percent(high)} %)"
    )
    if slices.of_speakers and slices.speakers < MIN_SPEAKERS:
        verdict = f"{said}; {slices.speakers} speakers are too few to say whether that is chance"
        return AuditFinding(check=check, level="skipped", verdict=verdict, numbers=numbers, table=table)
    usual = f"where errors unrelated to {slices.attribute} stay under {100 * slices.by_chance:.1f} in 19 of 20 cases"
    if slices.corrected >= alpha:
        verdict = f"{said}, {usual}: no difference shown (p = {slices.corrected:.3f}, corrected for all attributes)"
        return AuditFinding(check=check, level="ok", verdict=verdict, numbers=numbers, table=table)
    verdict = f"{said}, {usual}: more than chance (p = {slices.corrected:.3f}, corrected for all attributes)"
    level = "warning" if slices.of_speakers else "note"
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
