"""When each fit of a study ran, side by side as they ran at the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from serbench.records import TrialRecord
from serbench.render import duration, plural
from serbench.site.plots.axis import linear
from serbench.site.plots.plot import Band, Label, Plot, Rule

__all__ = ["lanes", "timeline"]

_LANE, _GAP = 22, 6
_MOST_LANES = 40
_MOST = 1500
_LONG, _SHORT = 0.05, 0.015  # of the busy time: a pause that is cut, and what is left of it
_KINDS = {"fold": "four", "refit": "three", "probe": "six"}
_NAMES = {
    "one": "trial", "two": "pruned trial", "five": "failed or invalid", "four": "fold of the cross-validation",
    "three": "final run", "six": "probe",
}  # fmt: skip


@dataclass(frozen=True)
class _Span:
    fit: TrialRecord
    start: float
    end: float


def timeline(fits: Sequence[TrialRecord], places: Mapping[str, str]) -> Plot | None:
    """All fits on the clock; None if their times are unknown.

    Args:
        fits: trials, probes, folds and refits, in any order.
        places: where on the page a fit is, by job id.
    """
    known = sorted((span for fit in fits if (span := _span(fit))), key=lambda span: (span.start, span.end))
    spans = known[:_MOST]
    if not spans:
        return None
    if len(spans) == 1:
        fit = spans[0].fit
        only = f"One fit ran: {fit.job_id}, {duration(spans[0].end - spans[0].start)}."
        return Plot("timeline", "When it ran", "", only, says=only)
    rows = lanes([(span.start, span.end) for span in spans])
    count = max(rows) + 1
    clock = _Clock.of(spans)
    axis = linear([0.0, clock.total / 60], snug=True)
    height = min(count, _MOST_LANES) * (_LANE + _GAP)
    kinds = {_kind(span.fit): None for span in spans}
    pauses = f" Pauses are cut out at the dashed lines: {', '.join(duration(one) for _, one in clock.pauses[:5])}."
    return Plot(
        "timeline",
        "When each fit ran",
        f"Up to {plural(count, 'fit')} ran at the same time. Rows are put together from the times at which fits began "
        f"and ended: a row is no worker's name.{pauses if clock.pauses else ''}"
        + (f" Shown: the first {len(spans):,} of {len(known):,} fits." if len(known) > len(spans) else ""),
        f"{len(spans)} fits in {duration(clock.total)} on the clock, up to {count} at the same time.",
        height=height,
        left=0.4,
        across=[(axis.at(value), text) for value, text in axis.ticks],
        about_across="minutes on the clock since the first fit began" + (", without pauses" if clock.pauses else ""),
        rules=[Rule("pause", x=clock.at(at) / clock.total) for at, _ in clock.pauses],
        bands=[_band(span, row, clock, places) for span, row in zip(spans, rows, strict=True) if row < _MOST_LANES],
        labels=[Label(0.0, height - 4, f"{count - _MOST_LANES} more rows")] if count > _MOST_LANES else [],
        legend=[(kind, "bar", _NAMES[kind]) for kind in _NAMES if kind in kinds],
    )


def lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """The row of each span, so that spans of one row do not overlap. Spans are sorted by their beginning.

    >>> lanes([(0, 3), (1, 2), (2, 4), (3, 5)])
    [0, 1, 1, 0]
    """
    ends: list[float] = []
    rows = []
    for start, end in spans:
        row = next((place for place, last in enumerate(ends) if last <= start), len(ends))
        ends[row : row + 1] = [end]
        rows.append(row)
    return rows


@dataclass(frozen=True)
class _Clock:
    """Seconds since the first fit began, without long pauses. `pauses` are pairs of beginning and length."""

    begin: float
    total: float
    pauses: tuple[tuple[float, float], ...]
    left: float

    @classmethod
    def of(cls, spans: Sequence[_Span]) -> _Clock:
        begin, end, busy = spans[0].start, spans[0].start, 0.0
        gaps = []
        for span in spans:
            if span.start > end:
                gaps.append((end, span.start - end))
            busy += max(0.0, span.end - max(span.start, end))
            end = max(end, span.end)
        pauses = tuple(gap for gap in gaps if gap[1] > _LONG * busy)
        left = _SHORT * busy
        total = end - begin - sum(length - left for _, length in pauses)
        return cls(begin, max(total, 1e-9), pauses, left)

    def at(self, time: float) -> float:
        """Seconds of the figure at a time."""
        cut = sum(min(max(0.0, time - at), length - self.left) for at, length in self.pauses)
        return time - self.begin - cut


def _span(fit: TrialRecord) -> _Span | None:
    try:
        start, end = (datetime.fromisoformat(one).timestamp() for one in (fit.started, fit.finished))
    except ValueError:  # a record that somebody edited
        return None
    return _Span(fit, start, end) if end > start else None


def _kind(fit: TrialRecord) -> str:
    if fit.kind in _KINDS and fit.state == "completed":
        return _KINDS[fit.kind]
    return {"completed": "one", "pruned": "two"}.get(fit.state, "five")


def _band(span: _Span, row: int, clock: _Clock, places: Mapping[str, str]) -> Band:
    start, end = clock.at(span.start) / clock.total, clock.at(span.end) / clock.total
    kind = _kind(span.fit)
    text = f"{_NAMES[kind]} {span.fit.job_id}: {duration(span.end - span.start)}, {span.fit.state}"
    return Band(
        round(start, 5), row * (_LANE + _GAP), round(max(0.001, end - start - 0.001), 5), _LANE, text, kind,
        places.get(span.fit.job_id, ""),
    )  # fmt: skip
