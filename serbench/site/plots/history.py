"""How a search went: the score of each trial and the best so far, by number and by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from serbench.records import STATES, TrialRecord
from serbench.render import duration, percent
from serbench.site.plots.axis import linear
from serbench.site.plots.plot import Dot, Frame, Path, Plot
from serbench.site.study_data import StudyData

__all__ = ["MOST", "history_plots", "score_of", "trial_text"]

MOST = 1000
"""Most trials that a figure marks one by one: the last ones."""

_MARKS = {"completed": ("one", "dot"), "pruned": ("two", "ring")}
_FAILED = ("five", "square")
_Xs = Callable[[Sequence[TrialRecord]], list[float]]


def score_of(trial: TrialRecord) -> float | None:
    """The trial's score; for a trial that was stopped early the score of its best epoch."""
    return trial.best_uar if trial.value is None else trial.value


def trial_text(trial: TrialRecord) -> str:
    """What a point of a figure says of its trial."""
    origin = f" ({trial.origin})" if trial.origin else ""
    score = score_of(trial)
    scored = "no score" if score is None else f"validation UAR {percent(score)} %"
    return f"trial {trial.job_id}{origin}: {scored}, {trial.state}, {len(trial.epochs)} epochs"


def history_plots(data: StudyData, places: Mapping[str, str]) -> list[Plot]:
    """Scores of all trials and the best so far, by trial number and by minutes.

    Args:
        data: the study.
        places: where on the page each trial is, by job id.

    Returns:
        Nothing before a trial has a score; of one trial a sentence.
    """
    scored = [trial for trial in data.trials if score_of(trial) is not None]
    if not scored or not data.scored():
        return []
    best = max(trial.value or 0.0 for trial in data.scored())
    if len(scored) == 1 and not data.control:
        only = f"One trial has a score: {trial_text(scored[0])}."
        return [Plot("history", "Trial after trial", "", only, says=only)]
    against = f", also for the random search {data.control.name}" if data.control else ""
    return [
        _numbers(data, places, best, against),
        _minutes(data, best, against),
    ]


def _numbers(data: StudyData, places: Mapping[str, str], best: float, against: str) -> Plot:
    trials = list(enumerate(data.trials, start=1))
    scored = [(place, trial) for place, trial in trials if score_of(trial) is not None]
    shown = scored[-MOST:]
    lines = _lines(data, lambda own: [float(place) for place in range(1, len(own) + 1)])
    values = [100 * (score_of(trial) or 0.0) for _, trial in shown] + [y for _, _, pairs, _ in lines for _, y in pairs]
    most = round(max([len(trials), *(end for *_, end in lines)]))
    frame = Frame(linear([1, max(2, most)], whole=True), linear(values, least=5))
    dots = []
    for place, trial in shown:
        kind, shape = _MARKS.get(trial.state, _FAILED)
        y = frame.y(100 * (score_of(trial) or 0.0))
        dots.append(Dot(frame.x(place), y, trial_text(trial), kind, shape, places.get(trial.job_id, "")))
    states = [state for state in STATES if any(trial.state == state for _, trial in shown)]
    return Plot(
        "history",
        "Trial after trial",
        f"Validation UAR of each trial (of pruned trials the best epoch) and the best so far{against}. A point leads "
        f"to its trial in the table below.{f' Points: the last {MOST:,} trials.' if len(scored) > MOST else ''}",
        f"Validation UAR of {len(data.trials)} trials; the best is {percent(best)} %.",
        across=frame.ticks_across,
        down=frame.ticks_down,
        about_across="trials so far",
        about_down="validation UAR, %",
        paths=[Path(frame.stairs(pairs, end), kind, name) for kind, name, pairs, end in lines],
        dots=dots,
        legend=[
            *((*_MARKS.get(state, _FAILED), state) for state in states),
            *((kind, "line", name) for kind, name, *_ in lines),
        ],
    )


def _minutes(data: StudyData, best: float, against: str) -> Plot:
    lines = _lines(data, lambda own: [seconds / 60 for seconds in _spent(own)])
    spent = _spent(data.trials)[-1]
    frame = Frame(
        linear([0, *(end for *_, end in lines), spent / 60]),
        linear([y for _, _, pairs, _ in lines for _, y in pairs], least=5),
    )
    return Plot(
        "minutes",
        "Best score against minutes spent",
        f"The best validation UAR so far{against}. Compute minutes, all trials added up; with several workers less "
        "time passed on the clock.",
        f"The best validation UAR, {percent(best)} %, after {duration(spent)} of trials.",
        across=frame.ticks_across,
        down=frame.ticks_down,
        about_across="compute minutes",
        about_down="best validation UAR, %",
        paths=[Path(frame.stairs(pairs, end), kind, name) for kind, name, pairs, end in lines],
        legend=[(kind, "line", name) for kind, name, *_ in lines],
    )


def _spent(trials: Sequence[TrialRecord]) -> list[float]:
    """Cumulative seconds of trials."""
    total, found = 0.0, []
    for trial in trials:
        total += trial.seconds.get("total", 0.0)
        found.append(total)
    return found


def _lines(data: StudyData, xs: _Xs) -> list[tuple[str, str, list[tuple[float, float]], float]]:
    """Class, name, points and end of each line of the best so far. Lines without points are left out.

    A line ends where its own study does, whatever the other has spent.
    """
    studies = [("one", "best so far", data.trials)]
    if data.control:
        studies.append(("faint", f"random: {data.control.name}", data.control.trials))
    return [(kind, name, pairs, xs(own)[-1]) for kind, name, own in studies if (pairs := _best(own, xs))]


def _best(trials: Sequence[TrialRecord], xs: _Xs) -> list[tuple[float, float]]:
    """Where the best score so far rises."""
    best, found = -1.0, []
    for x, trial in zip(xs(trials), trials, strict=True):
        if trial.state == "completed" and trial.value is not None and trial.value > best:
            best = trial.value
            found.append((x, 100 * best))
    return found
