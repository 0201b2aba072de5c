"""Compares validation and test scores. A large gap means that the search overfitted its validation speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from serbench.audit.finding import AuditFinding
from serbench.corpora import UNKNOWN_SPEAKER
from serbench.evaluation import LEVEL, MIN_SPEAKERS, SpeakerRecalls, Spread
from serbench.render import plural
from serbench.results import ScoredEntry, validated_on_heard_clips

__all__ = ["ScoredClips", "against_validation", "validation_finding"]


@dataclass(frozen=True, eq=False)
class ScoredClips:
    """Clips of a validation or test core, with the predictions of all runs of an entry.

    Attributes:
        y_true: (n,), true class indices.
        predictions: one array per run: probabilities (n, C) or class indices (n,).
        speakers: (n,), speaker of each clip.
    """

    y_true: ArrayLike
    predictions: Sequence[ArrayLike]
    speakers: ArrayLike


def against_validation(tested: ScoredEntry, clips: pd.DataFrame) -> AuditFinding:
    """Compares the validation and test scores of an entry.

    Args:
        tested: the entry, with at least one completed run.
        clips: clip table of its study, with `clip_id` and `speaker`.
    """
    study, first = tested.study, tested.refits[0]
    if study.protocol.folds > 1:
        why = "not checked: in cross-validation, the validation speakers of a fold are test speakers of other folds"
        return AuditFinding(check="validation against test", level="skipped", verdict=why)
    speaker_of = dict(zip(clips["clip_id"], clips["speaker"], strict=True))
    judged = [refit.validation for refit in tested.refits if refit.validation is not None]
    validation = ScoredClips(
        judged[0].true, [one.probabilities for one in judged], [speaker_of[clip] for clip in judged[0].clips]
    )
    test = ScoredClips(first.test_true, [refit.test_predicted for refit in tested.refits], tested.speakers)
    found = validation_finding(validation, test, study.corpus.labels, shares_speakers=study.protocol.shares_speakers)
    if found.level == "warning" and validated_on_heard_clips(study):
        summary, _, _ = found.verdict.partition(";")
        why = "what its training builds on (a teacher, or weights to start from) had heard the validation clips"
        return found.model_copy(update={"level": "note", "verdict": f"{summary}; {why}"})
    return found


def validation_finding(
    validation: ScoredClips, test: ScoredClips, labels: Sequence[str], *, shares_speakers: bool
) -> AuditFinding:
    """Reports whether the gap between validation and test UAR is larger than the variance between speakers explains.

    A study selects by validation score, so that score is slightly too high (selection bias). A large gap means that the
    configuration was selected for these particular validation speakers.

    Args:
        validation: clips and predictions of the validation core.
        test: clips and predictions of the test core.
        labels: the C class names.
        shares_speakers: whether both cores have clips of the same speakers. The expected gap is then an upper bound.
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
                verdict=f"not checked: the {name} set has no clip of '{absent[0]}', so its UAR is undefined",
                numbers=numbers,
            )
    scores = {name: float(count.per_refit().mean()) for name, count in counts.items()}
    gap = scores["validation"] - scores["test"]
    numbers |= {f"{name}_uar": score for name, score in scores.items()} | {"gap_points": 100 * gap}
    summary = f"validation UAR is {100 * abs(gap):.1f} points {'above' if gap >= 0 else 'below'} test UAR"
    nameless = [name for name, core in cores.items() if UNKNOWN_SPEAKER in set(map(str, np.asarray(core.speakers)))]
    if nameless:
        why = f"the speakers of some {' and '.join(nameless)} clips are unknown, so the gap cannot be judged"
        return AuditFinding(check=check, level="note", verdict=f"{summary}; {why}", numbers=numbers)
    if why := _no_spread(counts, labels):
        return AuditFinding(check=check, level="note", verdict=f"{summary}; {why}", numbers=numbers)
    half = Spread.of_independent(counts["validation"], counts["test"]).half_width(LEVEL)
    numbers["explained_points"] = 100 * half
    whom = f"{people['validation']} validation and {people['test']} test speakers"
    if abs(gap) <= half:
        return AuditFinding(
            check=check,
            level="ok",
            verdict=f"{summary}, within the {100 * half:.1f} points to expect with {whom}",
            numbers=numbers,
        )
    over = f"{summary}, more than the {100 * half:.1f} points to expect with {whom}"
    if gap < 0:
        return AuditFinding(check=check, level="note", verdict=f"{over}: the test set is easier", numbers=numbers)
    why = (
        "both sets have the same speakers, so the configuration was selected for the validation clips"
        if shares_speakers
        else "the configuration was selected for the validation speakers"
    )
    verdict = f"{over}; {why} and does less well on others"
    return AuditFinding(check=check, level="warning", verdict=verdict, numbers=numbers)


def _no_spread(counts: Mapping[str, SpeakerRecalls], labels: Sequence[str]) -> str:
    """Returns why the variance between speakers cannot be estimated; '' if it can."""
    for name, count in counts.items():
        if count.speakers < MIN_SPEAKERS:
            return f"{plural(count.speakers, f'{name} speaker')}, fewer than {MIN_SPEAKERS}: too few to judge the gap"
        if count.rare_classes:
            rare = labels[count.rare_classes[0]]
            return f"fewer than two {name} speakers have clips of '{rare}', so the gap cannot be judged"
    return ""
