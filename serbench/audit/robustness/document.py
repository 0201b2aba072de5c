"""Lays out the robustness of an entry: a sentence, the loss under each condition, and the recall of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from serbench.audit.robustness.scores import ConditionScore, Robustness
from serbench.render import NOTHING, Column, Document, Sheet, percent, plural

__all__ = [
    "ROBUSTNESS_HEADER",
    "robustness_document",
    "robustness_rows",
    "robustness_sheets",
    "robustness_verdict",
    "with_robustness",
]

ROBUSTNESS_HEADER = ("condition", "UAR %", "loss", "95 % interval", "answers gained", "recall lost")

_LEGEND = (
    "loss: points of UAR below the unaltered clips; its interval is paired over speakers. answers gained: the class "
    "that gets most answers more than before, in points of all answers. recall lost: the class whose recall falls most."
)


def robustness_document(entry: str, found: Robustness) -> Document:
    """Lays out one measurement. CSV has one row per condition, JSON the whole measurement.

    Args:
        entry: name of the entry.
        found: the measurement.
    """
    frame = pd.DataFrame([_flat(one, found.labels) for one in found.conditions])
    payload = {"schema_version": 1, "entry": entry, **found.model_dump(mode="json")}
    return Document(robustness_sheets(found, f"Robustness of {entry}"), frame, payload, (_LEGEND,))


def with_robustness(document: Document, measured: Sequence[Robustness]) -> Document:
    """Adds what was measured of an entry to its report: tables before those of the configuration, and a key in JSON.

    Args:
        document: the report of the entry.
        measured: on validation and test speakers, as far as it was measured; the report stays as it is without any.
    """
    if not measured:
        return document
    sheets = [sheet for one in measured for sheet in robustness_sheets(one)]
    titles = [sheet.title for sheet in document.sheets]
    place = titles.index("Configuration") if "Configuration" in titles else len(titles)
    return replace(
        document,
        sheets=(*document.sheets[:place], *sheets, *document.sheets[place:]),
        payload=document.payload | {"robustness": [one.model_dump(mode="json") for one in measured]},
        notes=(*document.notes, _LEGEND),
    )


def robustness_sheets(found: Robustness, title: str = "Robustness") -> tuple[Sheet, Sheet]:
    """Makes the table of losses and the table of recalls."""
    ranks = (0, 0, 0, 0, 1, 2)
    columns = tuple(
        Column(name, rank, "left" if place == 0 else "right")
        for place, (name, rank) in enumerate(zip(ROBUSTNESS_HEADER, ranks, strict=True))
    )
    losses = Sheet(
        f"{title}: {robustness_verdict(found)} {_judged(found)}",
        columns,
        tuple(map(tuple, robustness_rows(found))),
        _notes(found),
    )
    names = (Column("condition", 0, "left"), *(Column(label, place) for place, label in enumerate(found.labels)))
    recalls = tuple(
        (one.title, *(percent(recall) for recall in one.recalls)) for one in found.conditions if not one.not_measured
    )
    return losses, Sheet("Recall of each class in %", names, recalls)


def robustness_rows(found: Robustness) -> list[list[str]]:
    """Cells under `ROBUSTNESS_HEADER`, one row a condition."""
    return [_row(one) for one in found.conditions]


def robustness_verdict(found: Robustness) -> str:
    """Says in a sentence under which condition most is lost, and which class gains the answers there."""
    worst = found.worst
    if worst is None or worst.loss is None:
        return "No condition could be measured."
    if worst.loss <= 0:
        return f"No condition lowers UAR ({percent(found.plain.uar)} % on unaltered clips)."
    between = "" if worst.low is None else f" (95 % interval {_between(worst)})"
    sentence = (
        f"UAR falls most under {worst.title}, by {100 * worst.loss:.1f} points{between} from "
        f"{percent(found.plain.uar)} to {percent(worst.uar)} %"
    )
    if worst.gains is None:
        return f"{sentence}."
    place = found.labels.index(worst.gains)
    return (
        f"{sentence}; '{worst.gains}' gains most answers there: {percent(worst.answers[place])} % of all, "
        f"{percent(found.plain.answers[place])} % before."
    )


def _judged(found: Robustness) -> str:
    drawn = f" of {found.clips_known:,}" if found.clips < found.clips_known else ""
    return (
        f"Measured on {found.clips:,}{drawn} {found.on} clips of {plural(found.speakers, 'speaker')}, answered by "
        f"{found.answered_by}."
    )


def _notes(found: Robustness) -> tuple[str, ...]:
    reasons = [f"{one.title} is not measured: {one.not_measured}" for one in found.left_out]
    return (*reasons, *([found.no_interval] if found.no_interval else []))


def _row(one: ConditionScore) -> list[str]:
    if one.not_measured:
        return [one.title, *[NOTHING] * 3, "not measured", NOTHING]
    if one.loss is None:
        return [one.title, percent(one.uar), *[NOTHING] * 4]
    return [
        one.title,
        percent(one.uar),
        f"{100 * one.loss:.1f}",
        _between(one) if one.low is not None else NOTHING,
        NOTHING if one.gained is None else f"{one.gains} +{100 * one.gained:.1f}",
        NOTHING if one.suffered is None else f"{one.suffers} -{100 * one.suffered:.1f}",
    ]


def _between(one: ConditionScore) -> str:
    return f"{100 * (one.low or 0.0):.1f} to {100 * (one.high or 0.0):.1f}"


def _flat(one: ConditionScore, labels: tuple[str, ...]) -> dict[str, object]:
    row: dict[str, object] = one.model_dump(mode="json", exclude={"recalls", "answers"})
    for name, values in (("recall", one.recalls), ("answers", one.answers)):
        row |= {f"{name}_{label}": value for label, value in zip(labels, values or [None] * len(labels), strict=True)}
    return row
