"""Published results: shown as their authors reported them, never ranked."""

from __future__ import annotations

import csv
import functools
from importlib import resources

from serbench.records import FrozenModel

__all__ = ["Reported", "reported"]

_TABLE = "literature.csv"


class Reported(FrozenModel):
    """One published score (`value_pct`, in percent). Facts that the publication does not state are None."""

    corpus: str
    system: str
    trained_from_scratch: bool | None
    metric: str
    value_pct: float
    protocol: str
    speakers_shared: bool | None
    labels: str
    source: str
    authors: str = ""
    year: int | None = None
    url: str = ""


def reported(corpus: str, labels: str = "intended") -> tuple[Reported, ...]:
    """Returns the published scores for a corpus and kind of labels, best first within each metric.

    Args:
        corpus: name of the corpus in serbench.
        labels: 'intended' (by the speaker) or 'perceived' (by listeners).
    """
    return tuple(row for row in _all() if (row.corpus, row.labels) == (corpus, labels))


@functools.cache
def _all() -> tuple[Reported, ...]:
    text = resources.files("serbench.references").joinpath(_TABLE).read_text(encoding="utf-8")
    rows = [_row(row) for row in csv.DictReader(text.splitlines())]
    return tuple(sorted(rows, key=lambda row: (row.metric, -row.value_pct, row.system)))


def _row(row: dict[str, str]) -> Reported:
    known = {"yes": True, "no": False, "": None}
    return Reported(
        corpus=row["corpus"],
        system=row["system"],
        trained_from_scratch=known[row["trained_from_scratch"]],
        metric=row["metric"],
        value_pct=float(row["value_pct"]),
        protocol=row["protocol"],
        speakers_shared=known[row["speakers_shared"]],
        labels=row["labels"],
        source=row["source"],
        authors=row["authors"],
        year=int(row["year"]) if row["year"] else None,
        url=row["url"],
    )
