"""What slices, duplicates and the telling of speakers come to, as findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from serbench.audit.duplicates import NearDuplicates
from serbench.audit.finding import AuditFinding, Cell
from serbench.audit.speakers import SpeakerTelling
from serbench.evaluation.intervals import MIN_SPEAKERS
from serbench.evaluation.slices import AttributeSlices, Slice

__all__ = ["exact_finding", "near_finding", "slice_finding", "speakers_finding"]

ALPHA: Final = 0.05
_NAMED: Final = 3


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


def exact_finding(
    groups: Sequence[Sequence[int]] | None, clip_ids: Sequence[str], parts: Sequence[str | None]
) -> AuditFinding:
    """Whether the same audio is in more than one subset.

    Args:
        groups: of `serbench.audit.duplicates.exact_duplicates`; None where the clip table has no digests.
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
        near: of `serbench.audit.duplicates.near_duplicates`; pairs that are exact duplicates may be among them.
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


def speakers_finding(telling: SpeakerTelling | None, *, shares_speakers: bool) -> AuditFinding:
    """What the features give away about speakers, and whether the protocol lets a model use it.

    Args:
        telling: of `serbench.audit.speakers.tell_speakers`.
        shares_speakers: whether the protocol tests speakers that it trains on.
    """
    check = "speakers in the features"
    if telling is None:
        return AuditFinding(
            check=check, level="skipped", verdict="not tried: fewer than two training speakers have two clips or more"
        )
    numbers: dict[str, Cell] = {
        "accuracy": telling.accuracy,
        "chance": telling.chance,
        "speakers": telling.speakers,
        "clips": telling.clips,
    }
    said = (
        f"a linear rule names the speaker of {100 * telling.accuracy:.1f} % of unheard clips among {telling.speakers} "
        f"(by chance {100 * telling.chance:.1f} %)"
    )
    if telling.accuracy <= 2 * telling.chance:
        return AuditFinding(check=check, level="ok", verdict=f"{said}: the features hide who speaks", numbers=numbers)
    if shares_speakers:
        verdict = f"{said}, and this protocol tests speakers that it trains on, so the score may owe to knowing them"
        return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers)
    verdict = f"{said}; this protocol keeps speakers apart, so that does not help the score"
    return AuditFinding(check=check, level="note", verdict=verdict, numbers=numbers)


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


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _rest(count: int) -> str:
    return f" and {count - _NAMED:,} more" if count > _NAMED else ""
