"""Scores of each seed: how much of a score is luck of the seed."""

from __future__ import annotations

from collections.abc import Sequence

from serbench.render import percent, plural
from serbench.results import RefitReport
from serbench.site.plots.axis import linear
from serbench.site.plots.plot import Dot, Frame, Label, Path, Plot, Rule

__all__ = ["seeds_plot"]

_ROW = 30
_MOST = 20


def seeds_plot(refits: Sequence[RefitReport], *, out_of_fold: bool = False) -> Plot | None:
    """Test and validation UAR of each run; None if no run has a test UAR, a sentence for one run.

    Args:
        refits: the runs.
        out_of_fold: whether other fits judged the configuration: then all runs have the same validation UAR, a line.
    """
    runs = [(refit, score) for refit in refits if (score := _uar(refit, "test")) is not None]
    if not runs:
        return None
    if len(runs) == 1:
        only = (
            f"One run only, {runs[0][0].title}: {percent(runs[0][1])} % UAR. How much of that is luck of the seed "
            "is unknown."
        )
        return Plot("seeds", "Seed by seed", "", only, says=only)
    judged = [_uar(refit, "validation") for refit, _ in runs]
    across = linear([100 * score for _, score in runs] + [100 * one for one in judged if one is not None], least=5)
    frame = Frame(across, across)
    dots, labels, paths = [], [], []
    drawn = list(zip(runs, judged, strict=True))[:_MOST]
    for place, ((refit, score), validation) in enumerate(drawn):
        y = _ROW * (place + 0.6)
        x = frame.x(100 * score)
        labels.append(Label(0.0, y - 7, refit.title, "start"))
        if validation is not None and not out_of_fold:
            other = frame.x(100 * validation)
            paths.append(Path(((x, y), (other, y)), "faint"))
            dots.append(Dot(other, y, f"{refit.title}: validation {percent(validation)} %", "two", "ring"))
        dots.append(Dot(x, y, f"{refit.title}: test {percent(score)} %"))
    low, high = min(score for _, score in runs), max(score for _, score in runs)
    known = next((one for one in judged if one is not None), None)
    rules = [Rule("plain", x=frame.x(100 * known))] if out_of_fold and known is not None else []
    beside = {False: ("two", "ring", "validation"), True: ("plain", "line", f"out of fold, {percent(known)} %")}
    return Plot(
        "seeds",
        "Seed by seed",
        f"Test UAR of each run: from {percent(low)} to {percent(high)} %, {100 * (high - low):.1f} points apart. "
        + _what_differs(runs[0][0])
        + (f" Shown: the first {_MOST} of {len(runs)} runs." if len(runs) > _MOST else ""),
        f"Test UAR of {plural(len(runs), 'run')}, from {percent(low)} to {percent(high)} %.",
        height=round(_ROW * (len(drawn) + 0.3)),
        left=1.2,
        across=frame.ticks_across,
        about_across="UAR, %",
        rules=rules,
        paths=paths,
        dots=dots,
        labels=labels,
        legend=[("one", "dot", "test"), *([] if known is None else [beside[out_of_fold]])],
    )


def _uar(refit: RefitReport, subset: str) -> float | None:
    return refit.scores[subset].uar if subset in refit.scores else None


def _what_differs(run: RefitReport) -> str:
    if run.seed is None:
        return "Each joins one fit of every fold or member; the configurations are the same, only the seeds differ."
    return "The configuration is the same, only the seed differs."
