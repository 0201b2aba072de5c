"""Where the time of a study went."""

from __future__ import annotations

from collections.abc import Sequence

from serbench.records import JobId, TrialRecord
from serbench.render import duration, percent
from serbench.site.plots.plot import Band, Plot, kind_of

__all__ = ["time_plot"]

_HEIGHT = 34
_MOST = 6
_ALONE = 0.95  # share of a part beside which no other can be seen


def time_plot(fits: Sequence[TrialRecord]) -> Plot | None:
    """Wall time of all fits by part; None if no time was recorded."""
    parts: dict[str, float] = {}
    for fit in fits:
        bag = JobId.parse(fit.job_id).role == "bag"  # its fit time is that of its folds, which count themselves
        for part, seconds in fit.seconds.items():
            if part != "total" and not (bag and part == "fit"):
                parts[part] = parts.get(part, 0.0) + seconds
    ordered = [(part, seconds) for part, seconds in sorted(parts.items(), key=lambda item: -item[1]) if seconds > 0]
    whole = sum(seconds for _, seconds in ordered)
    if not whole:
        return None
    if len(ordered) > _MOST:
        ordered = [*ordered[: _MOST - 1], ("other", sum(seconds for _, seconds in ordered[_MOST - 1 :]))]
    sentence = f"Wall time of all fits added up, {duration(whole)}: " + ", ".join(
        f"{part} {percent(seconds / whole)} %" for part, seconds in ordered
    )
    if ordered[0][1] > _ALONE * whole:  # a bar of one colour shows nothing
        return Plot("time", "Where the time went", "", f"{sentence}.", says=f"{sentence}.")
    bands, at = [], 0.0
    for place, (part, seconds) in enumerate(ordered):
        share = seconds / whole
        text = f"{part}: {duration(seconds)}, {percent(share)} %"
        bands.append(Band(round(at, 5), 0, round(share, 5), _HEIGHT, text, kind_of(place)))
        at += share
    return Plot(
        "time",
        "Where the time went",
        f"{sentence}.",
        f"{sentence}.",
        height=_HEIGHT,
        left=0,
        bands=bands,
        legend=[(kind_of(place), "bar", part) for place, (part, _) in enumerate(ordered)],
    )
