"""Learning curves of all trials of a study."""

from __future__ import annotations

from collections.abc import Mapping

from serbench.records import TrialRecord
from serbench.render import percent
from serbench.site.plots.axis import linear
from serbench.site.plots.history import score_of, trial_text
from serbench.site.plots.plot import Dot, Frame, Path, Plot
from serbench.site.study_data import StudyData

__all__ = ["trial_curves"]

_MOST = 100
_FEWEST = 2


def trial_curves(data: StudyData, places: Mapping[str, str]) -> Plot | None:
    """Validation UAR by epoch, one line for each trial; None if no trial was judged at two epochs.

    Args:
        data: the study.
        places: where on the page each trial is, by job id.
    """
    curves = []
    for trial in data.trials:
        points = [(one.epoch + 1, 100 * one.val_uar) for one in trial.epochs if one.val_uar is not None]
        if len(points) >= _FEWEST:
            curves.append((trial, points))
    if not curves:
        return None
    curves.sort(key=lambda pair: (_counts(pair[0]), score_of(pair[0]) or 0.0))
    left_out, curves = max(0, len(curves) - _MOST), curves[-_MOST:]
    frame = Frame(
        linear([1, *(epoch for _, points in curves for epoch, _ in points)], whole=True),
        linear([score for _, points in curves for _, score in points], least=5),
    )
    best, of_best = curves[-1]
    called = "best trial" if _counts(best) else "highest so far"
    paths = [
        Path(frame.points(points), _kind(trial.state), trial_text(trial), places.get(trial.job_id, ""))
        for trial, points in curves[:-1]
    ]
    paths.append(Path(frame.points(of_best), "one", trial_text(best), places.get(best.job_id, "")))
    top = max(of_best, key=lambda pair: pair[1])
    states = {_kind(trial.state): trial.state for trial, _ in reversed(curves[:-1])}
    return Plot(
        "curves",
        "Learning curves of all trials",
        f"Validation UAR after each epoch. The blue line is the {called}, with its best epoch; a line leads to its "
        "trial in the table below." + (f" Shown: the best {_MOST}; {left_out} are left out." if left_out else ""),
        f"Learning curves of {len(curves)} trials; the best reaches {percent(top[1] / 100)} % at epoch {top[0]}.",
        across=frame.ticks_across,
        down=frame.ticks_down,
        about_across="epoch",
        about_down="validation UAR, %",
        paths=paths,
        dots=[Dot(frame.x(top[0]), frame.y(top[1]), f"{trial_text(best)}; best epoch {top[0]}", "one", "ring")],
        legend=[
            ("one", "line", f"{called}, {best.job_id}"),
            *((kind, "line", _NAMES[kind]) for kind in ("plain", "faint", "five") if kind in states),
        ],
    )


def _counts(trial: TrialRecord) -> bool:
    """Whether a trial's score can be chosen: one that was pruned or failed may have been high for an epoch."""
    return trial.state == "completed" and trial.value is not None


_NAMES = {"plain": "completed", "faint": "pruned", "five": "failed"}


def _kind(state: str) -> str:
    return {"completed": "plain", "pruned": "faint"}.get(state, "five")
