"""The card at the top of a table: the best score so far, and what it has to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serbench.records import ProtocolFacts
from serbench.render import percent, plural, span, speakers
from serbench.results import GroupRows, Row, why_unranked
from serbench.site.charts.lines import Line

__all__ = ["Card", "best_card"]


@dataclass(frozen=True)
class Card:
    """The card of one table.

    Attributes:
        row: the entry that validation selected; if there is none, the row with the highest UAR. Rows that fail their
            checks are left out.
        interval: its 95 % interval as text; '' if there is none.
        beside: references as pairs of name and UAR in percent.
        warning: why the score is not the one for a stranger; '' if it is.
        sentences: what else has to be known.
    """

    row: Row
    interval: str
    beside: tuple[tuple[str, str], ...]
    warning: str
    sentences: tuple[str, ...]


def best_card(group: GroupRows, protocol: ProtocolFacts, lines: Sequence[Line]) -> Card | None:
    """Makes the card of a table; None if no row that passes its checks has a UAR."""
    scored = [row for row in group.rows if row.uar is not None and not row.problems]
    if not scored:
        return None
    highest = max(scored, key=lambda row: row.uar or 0.0)
    best = next((row for row in scored if row.selected), highest)
    interval = "" if best.uar_low is None else span(best.uar_low, best.uar_high)
    warning = (
        "The same people are in training and test: not the score for a stranger." if protocol.shares_speakers else ""
    )
    return Card(
        best,
        interval,
        tuple((line.name, percent(line.value)) for line in lines),
        warning,
        tuple(_sentences(group, best, highest, protocol)),
    )


def _sentences(group: GroupRows, best: Row, highest: Row, protocol: ProtocolFacts) -> list[str]:
    scored = sum(row.uar is not None and not row.problems for row in group.rows)
    found = [
        f"Mean recall (UAR) of {best.labels} emotions on {protocol.test_clips:,} clips of "
        f"{speakers(protocol.test_speakers)}, mean of {plural(best.seeds, 'run')}."
    ]
    if why := why_unranked(protocol):
        found.append(f"{why[0].upper()}{why[1:]}.")
    if not best.selected:
        highest_of = f"; this is the highest of {scored} test scores, so it is too high" if scored > 1 else ""
        found.append(f"No entry is selected{highest_of}.")
    elif (highest.uar or 0.0) > (best.uar or 0.0):
        found.append(
            f"Validation selected it, without a look at test scores. The highest of {scored} test scores is "
            f"{percent(highest.uar)} % ({highest.entry})."
        )
    if group.below:
        found.append(f"{group.below[0].upper()}{group.below[1:]}.")
    return found
