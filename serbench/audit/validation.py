"""Does the validation core promise more than the test core keeps?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from numpy.typing import ArrayLike

from serbench.audit.finding import AuditFinding
from serbench.evaluation import MIN_SPEAKERS, SpeakerRecalls, Spread
from serbench.results import ScoredEntry

__all__ = ["ScoredClips", "against_validation", "validation_finding"]

_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class ScoredClips:
    """A core of a protocol and what an entry's refits made of it.

    Attributes:
        y_true: (n,) class indices.
        predictions: one element a refit, each (n, C) probabilities or (n,) class indices.
        speakers: (n,).
    """

    y_true: ArrayLike
    predictions: Sequence[ArrayLike]
    speakers: ArrayLike


def against_validation(tested: ScoredEntry, clips: pd.DataFrame) -> AuditFinding:
    """Compares an entry's scores on its two cores.

    Args:
        tested: the entry, with refits.
        clips: of its study, with `clip_id` and `speaker`.
    """
    study, first = tested.study, tested.refits[0]
    if study.protocol.folds > 1:
        why = "not compared: under a folded protocol every fold validates on speakers that others test"
        return AuditFinding(check="validation against test", level="skipped", verdict=why)
    speaker_of = dict(zip(clips["clip_id"], clips["speaker"], strict=True))
    judged = [refit.validation for refit in tested.refits if refit.validation is not None]
    validation = ScoredClips(
        judged[0].true, [one.probabilities for one in judged], [speaker_of[clip] for clip in judged[0].clips]
    )
    test = ScoredClips(first.test_true, [refit.test_predicted for refit in tested.refits], tested.speakers)
    return validation_finding(validation, test, study.corpus.labels, shares_speakers=study.protocol.shares_speakers)


def validation_finding(
    validation: ScoredClips, test: ScoredClips, labels: Sequence[str], *, shares_speakers: bool
) -> AuditFinding:
    """Whether the mean validation UAR lies further from the mean test UAR than the speakers of both cores explain.

    A study chooses by the validation core, so a small gap upwards is its nature (the winner's curse); a large one means
    that it chose for the core's own speakers.

    Args:
        validation: the validation core.
        test: the test core.
        labels: the C class names.
        shares_speakers: whether speakers of one core are in the other, too; the spread is then an upper bound.
    """
    check = "validation against test"
    cores = {"validation": validation, "test": test}
    counts = {
        name: SpeakerRecalls.count(core.y_true, core.predictions, core.speakers, len(labels))
        for name, core in cores.items()
    }
    people = {name: count.speakers for name, count in counts.items()}
    numbers: dict[str, float | int | str | None] = {f"{name}_speakers": number for name, number in people.items()}
    for name, count in counts.items():
        if absent := [label for label, clips in zip(labels, count.support.sum(axis=0), strict=True) if not clips]:
            return AuditFinding(
                check=check,
                level="skipped",
                verdict=f"not compared: the {name} core has no clip of '{absent[0]}', so its UAR is undefined",
                numbers=numbers,
            )
    scores = {name: float(count.per_refit().mean()) for name, count in counts.items()}
    gap = scores["validation"] - scores["test"]
    numbers |= {f"{name}_uar": score for name, score in scores.items()} | {"gap_points": 100 * gap}
    said = f"validation UAR is {100 * abs(gap):.1f} points {'above' if gap >= 0 else 'below'} test UAR"
    if why := _no_spread(counts, labels):
        return AuditFinding(check=check, level="note", verdict=f"{said}; {why}", numbers=numbers)
    half = Spread.of_independent(counts["validation"], counts["test"]).half_width(_LEVEL)
    numbers["explained_points"] = 100 * half
    whom = f"{people['validation']} validation and {people['test']} test speakers"
    if abs(gap) <= half:
        return AuditFinding(
            check=check,
            level="ok",
            verdict=f"{said}, within the {100 * half:.1f} points that {whom} explain",
            numbers=numbers,
        )
    over = f"{said}, over the {100 * half:.1f} points that {whom} explain"
    if gap < 0:
        return AuditFinding(
            check=check, level="note", verdict=f"{over}: the test core is the easier one", numbers=numbers
        )
    meant = "the same speakers are in both, so the clips chosen by" if shares_speakers else "the speakers chosen by"
    return AuditFinding(
        check=check,
        level="warning",
        verdict=f"{over}: what was learnt fits {meant} better than others",
        numbers=numbers,
    )


def _no_spread(counts: Mapping[str, SpeakerRecalls], labels: Sequence[str]) -> str:
    """Why there is no spread to compare a gap with, or nothing."""
    for name, count in counts.items():
        if count.speakers < MIN_SPEAKERS:
            return f"{count.speakers} {name} speakers are fewer than {MIN_SPEAKERS}, too few to say how much is theirs"
        if count.rare_classes:
            return (
                f"fewer than two {name} speakers have clips of '{labels[count.rare_classes[0]]}', so it has no spread"
            )
    return ""
