"""Are an entry's scores believable: its validation beside its test score, and both beside what others have reached?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from serbench.audit.finding import AuditFinding
from serbench.errors import SerbenchError
from serbench.evaluation.intervals import MIN_SPEAKERS
from serbench.evaluation.jackknife import SpeakerRecalls, Spread

__all__ = ["ALARM_POINTS", "ScoredClips", "literature_finding", "validation_finding"]

ALARM_POINTS = 20.0
"""More percentage points than this above the best published figure of its kind, and a score is taken for a leak."""

_LEVEL = 0.95
_METRICS = {"uar": "UAR", "accuracy": "accuracy"}


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


def literature_finding(
    uar: float | None,
    accuracy: float,
    *,
    shares_speakers: bool,
    literature: Iterable[Mapping[str, object]],
    labels: str = "intended",
) -> AuditFinding:
    """Whether a model trained from scratch is far above what any such model has reached under this kind of protocol.

    Compared is the best published figure in UAR or accuracy, with the entry's score in the same metric. Where the entry
    has no UAR its accuracy stands in: the two are close where classes are about equally many, as in CREMA-D.

    Args:
        uar: of the entry, a fraction; None where it is undefined.
        accuracy: of the entry, a fraction.
        shares_speakers: whether the protocol tests speakers that it trains on.
        literature: rows of the entry's corpus, with `system`, `trained_from_scratch` ('yes' or else), `metric`,
            `value_pct`, `speakers_shared` ('yes' or 'no'); where a row has `labels`, it must be the kind asked for.
        labels: what the entry's labels are: 'intended' by the speaker or 'perceived' by listeners.

    Raises:
        SerbenchError: a row lacks a column, or its value is no number.
    """
    check = "literature"
    kind = "that shares speakers between training and test" if shares_speakers else "that keeps speakers apart"
    figures = [_figure(row) for row in literature if _compares(row, shares_speakers, labels)]
    if not figures:
        return AuditFinding(
            check=check,
            level="skipped",
            verdict=f"no published from-scratch figure is known for this corpus under a protocol {kind}",
        )
    # The best figure of each metric beside the entry's score in that metric; the one it exceeds most counts.
    judged = []
    for metric in sorted({figure[1] for figure in figures}):
        best, _, system = max(figure for figure in figures if figure[1] == metric)
        score, own = (accuracy, "accuracy") if metric == "accuracy" or uar is None else (uar, "UAR")
        # 75.4 is 20 points above 55.4, not a trifle more
        judged.append((round(100 * score - best, 6), best, metric, system, score, own))
    above, best, metric, system, score, own = max(judged)
    numbers: dict[str, float | int | str | None] = {
        "metric": own,
        "score": score,
        "published_metric": metric,
        "published_percent": best,
        "published_system": system,
        "above_points": above,
    }
    where = f"the best published from-scratch figure under a protocol {kind} ({system}: {best:.1f} % {metric})"
    said = f"{own} {100 * score:.1f} % is {abs(above):.1f} points {'above' if above > 0 else 'below'} {where}"
    if above > ALARM_POINTS:
        return AuditFinding(
            check=check, level="alarm", verdict=f"{said}: a leak until shown otherwise", numbers=numbers
        )
    return AuditFinding(check=check, level="note" if above > 0 else "ok", verdict=said, numbers=numbers)


def _compares(row: Mapping[str, object], shares_speakers: bool, labels: str) -> bool:
    if absent := [name for name in ("trained_from_scratch", "metric", "speakers_shared") if name not in row]:
        raise SerbenchError(f"a row of published figures has no column '{absent[0]}'; add it")
    return (
        _text(row, "trained_from_scratch") == "yes"
        and _text(row, "metric") in _METRICS
        and _text(row, "speakers_shared") == ("yes" if shares_speakers else "no")
        and _text(row, "labels") in {"", labels}
    )


def _figure(row: Mapping[str, object]) -> tuple[float, str, str]:
    """(percent, metric, system)."""
    try:
        value = float(str(row["value_pct"]))
    except (KeyError, ValueError):
        raise SerbenchError(
            f"the published figure of '{row.get('system')}' has the value_pct '{row.get('value_pct')}'; "
            "write percent as a number"
        ) from None
    return value, _METRICS[_text(row, "metric")], str(row.get("system") or "unnamed")


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip().lower()
