"""A study's hyperparameters: each against the score, and all together as parallel coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serbench.records import TrialRecord
from serbench.render import percent, plural
from serbench.site.plots.axis import Axis, linear, of_values
from serbench.site.plots.history import trial_text
from serbench.site.plots.plot import Dot, Frame, Label, Path, Plot, Rule
from serbench.site.study_data import StudyData

__all__ = ["parallel_plot", "slice_plots"]

_MOST = 300  # trials in a figure: the best ones
_FEWEST = 2
_MOST_AXES = 9
_MOST_WORDS = 12
_STEPS = 4
_EDGE = 0.04
_ROOM = 34  # characters below a panel
_HEIGHT = 300


def slice_plots(data: StudyData, importances: Mapping[str, float], places: Mapping[str, str]) -> list[Plot]:
    """Validation UAR against each searched hyperparameter, the most important first.

    Args:
        data: the study. Before two of its trials are completed there is no figure.
        importances: importance of hyperparameters, as far as it is known.
        places: where on the page each trial is, by job id.
    """
    trials = _shown(data)
    if len(trials) < _FEWEST:
        return []
    down = linear([100 * (trial.value or 0.0) for trial in trials], count=4, least=5)
    names = [name for name in data.varied if any(data.is_active(trial, name) for trial in trials)]
    names.sort(key=lambda name: -importances.get(name, 0.0))
    return [_slice(data, name, trials, down, places) for name in names]


def _slice(data: StudyData, name: str, trials: Sequence[TrialRecord], down: Axis, places: Mapping[str, str]) -> Plot:
    own = [trial for trial in trials if data.is_active(trial, name)]
    frame = Frame(_axis(data, name, own), down, 130)
    return Plot(
        f"slice-{data.searched.index(name)}",
        name,
        "",
        f"Validation UAR of {len(own)} trials against {name}; the table of trials has the values.",
        height=130,
        left=2.4,
        across=_spread(frame.ticks_across),
        down=frame.ticks_down,
        dots=[
            Dot(
                _inside(frame.x(trial.config[name])),
                frame.y(100 * (trial.value or 0.0)),
                f"{trial.job_id}: {_text(trial.config[name])}, {percent(trial.value)} %",
                href=places.get(trial.job_id, ""),
            )
            for trial in own
        ],
    )


def _spread(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Ticks a little inside the edges, as the points are; of many, every second or third, so that texts stay apart."""
    every = 1
    while sum(len(text) + 2 for _, text in ticks[::every]) > _ROOM and every < len(ticks):
        every += 1
    return [(_inside(place), text) for place, text in ticks[::every]]


def _inside(place: float) -> float:
    return round(_EDGE + (1 - 2 * _EDGE) * place, 4)


def parallel_plot(data: StudyData, importances: Mapping[str, float], places: Mapping[str, str]) -> Plot | None:
    """Parallel coordinates with one line for each completed trial; None before two trials are completed.

    Args:
        data: the study.
        importances: importance of each hyperparameter. If there are too many for one figure, the most important are
            shown.
        places: where on the page each trial is, by job id.
    """
    trials = _shown(data)
    # An inactive hyperparameter has its default value, which the search did not choose.
    names = [name for name in data.varied if all(data.is_active(trial, name) for trial in trials)]
    everywhere = len(names)
    first = sorted(names, key=lambda name: (-importances.get(name, 0.0), names.index(name)))[:_MOST_AXES]
    names = [name for name in names if name in first]
    if len(trials) < _FEWEST or len(names) < _FEWEST:
        return None
    scores = [100 * (trial.value or 0.0) for trial in trials]
    axes = [*((name, _axis(data, name, trials)) for name in names), ("validation UAR, %", linear(scores, least=5))]
    xs = [(place + 0.5) / len(axes) for place in range(len(axes))]
    paths = []
    for rank in reversed(range(len(trials))):  # the best on top
        trial = trials[rank]
        values = [*(trial.config[name] for name in names), scores[rank]]
        points = tuple(
            (round(x, 4), round(_HEIGHT * (1 - axis.at(value)), 1))
            for x, (_, axis), value in zip(xs, axes, values, strict=True)
        )
        paths.append(Path(points, _step(rank, len(trials)), trial_text(trial), places.get(trial.job_id, "")))
    return Plot(
        "parallel",
        "All hyperparameters together",
        "Each line is a completed trial, the bluer the better; it leads to its trial in the table below. "
        + _about_axes(len(names), everywhere, len(data.varied), bool(importances))
        + best_only(data),
        f"Parallel coordinates of {len(trials)} trials over {len(names)} hyperparameters; the table of trials has the "
        "values.",
        height=_HEIGHT,
        left=0.4,
        rules=[Rule("axis", x=round(x, 4)) for x in xs],
        paths=paths,
        labels=_labels(axes, xs),
        legend=[("step3", "line", "best quarter"), ("step0", "line", "worst quarter")],
    )


def _about_axes(shown: int, everywhere: int, varied: int, ranked: bool) -> str:
    """Which hyperparameters have an axis, and why others have none."""
    parts = []
    if everywhere > shown:
        parts.append(f"the {shown} {'most important' if ranked else 'first'} of {everywhere} that all trials have")
    elif varied > everywhere:
        parts.append(f"the {shown} that all trials have")
    if varied > everywhere:
        parts.append(f"left out: {plural(varied - everywhere, 'hyperparameter')} that only some trials have")
    return f"Axes: {'; '.join(parts)}." if parts else ""


def _labels(axes: Sequence[tuple[str, Axis]], xs: Sequence[float]) -> list[Label]:
    """The name of each axis above it, higher and lower in turn so that long names stay apart, and its ticks."""
    found = []
    for place, (x, (name, axis)) in enumerate(zip(xs, axes, strict=True)):
        found.append(Label(round(x, 4), -12 - 16 * (place % 2), name, "middle", "name"))
        ticks = axis.marks
        every = -(-len(ticks) // _MOST_WORDS)
        found += [
            Label(round(x, 4), round(_HEIGHT * (1 - at), 1) + 4, text, kind="beside") for at, text in ticks[::every]
        ]
    return found


def _axis(data: StudyData, name: str, trials: Sequence[TrialRecord]) -> Axis:
    values = [trial.config[name] for trial in trials]
    return of_values(values, choice=data.is_choice(name), logarithmic=data.is_log(name))


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _step(rank: int, count: int) -> str:
    """The colour of a trial: one of four steps."""
    return f"step{_STEPS - 1 - rank * _STEPS // count}"


def best_only(data: StudyData) -> str:
    """A sentence where figures show the best trials alone; '' where they show all."""
    return f" Shown: the best {_MOST} trials." if len(data.scored()) > _MOST else ""


def _shown(data: StudyData) -> list[TrialRecord]:
    return sorted(data.scored(), key=lambda trial: -(trial.value or 0.0))[:_MOST]
