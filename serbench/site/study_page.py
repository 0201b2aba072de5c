"""The page of one study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serbench.errors import SerbenchError
from serbench.families import recorded_setting
from serbench.records import STATES, TrialRecord
from serbench.render import duration, moment, percent, points, study_facts
from serbench.results import StudyReport
from serbench.site.board_page import PagePaths
from serbench.site.pages import Pages
from serbench.site.plots.curves import trial_curves
from serbench.site.plots.history import history_plots
from serbench.site.plots.space import best_only, parallel_plot, slice_plots
from serbench.site.plots.time import time_plot
from serbench.site.plots.timeline import timeline
from serbench.site.study_data import MIN_TRIALS, StudyData
from serbench.site.words import search_again

__all__ = ["study_page"]

_MOST_ROWS = 300
_FEW_ROWS = 60
_MOST_NAMES = 15
_MOST_SLICES = 9
_MOST_REASONS = 20


def study_page(pages: Pages, report: StudyReport, data: StudyData, paths: PagePaths) -> str:
    """Renders the study's page as HTML.

    Args:
        pages: renders the template.
        report: the study's report.
        data: the study's fits, for the figures.
        paths: paths of the other pages, relative to the index.
    """
    importances = data.importances()
    rows = _trial_rows(data)
    places = {job_id: f"#{place}" for place, job_id, _ in rows}
    fits = [*data.trials, *data.others, *data.refits]
    plots = [*history_plots(data, places), trial_curves(data, places)]
    command, placeholders = search_again(data.record, report.counted)
    return pages.render(
        "study.html",
        root="../",
        scripts=("copy.js", "study.js"),
        here="study",
        report=report,
        record=data.record,
        facts=[
            (about, text) for about, text in study_facts(report) if about != "folder"
        ],  # the folder is a path of this machine
        plots=[plot for plot in plots if plot],
        spent=time_plot(fits),
        clock=timeline(fits, places),
        importances=list(importances.items())[:_MOST_NAMES],
        all_importances=len(importances),
        best_only=best_only(data),
        most_reasons=_MOST_REASONS,
        parallel=parallel_plot(data, importances, places),
        slices=slice_plots(data, importances, places),
        most_slices=_MOST_SLICES,
        few=len(data.scored()) < MIN_TRIALS,
        fewest=MIN_TRIALS,
        control=data.control.name if data.control else "",
        sampler=data.record.sampler.get("name"),
        states=[(state, STATES[state].meaning, count) for state, count in report.states.items()],
        shortlist=_shortlist(report),
        pruned=_pruned(data),
        most_rows=_MOST_ROWS,
        trials=rows,
        open=len(rows) <= _FEW_ROWS,
        left_out=max(0, len(data.trials) - _MOST_ROWS),
        trial_header=("trial", "state", "val. UAR %", "epochs", "time", *data.searched),
        entries=[
            (one, f"../{paths.entries[one.entry]}" if one.entry in paths.entries else "") for one in report.entries
        ],
        moment=moment,
        command=command,
        placeholders=placeholders,
    )


def _shortlist(report: StudyReport) -> list[tuple[str, ...]]:
    """Rows of the configurations that cross-validation compared, the best first."""
    return [
        (
            one.job_id,
            percent(one.search_uar),
            percent(one.out_of_fold_uar),
            points(one.selection_bias),
            str(one.folds),
            str(one.epochs),
            one.origin,
        )
        for one in report.shortlist
    ]


def _pruned(data: StudyData) -> list[tuple[str, str, str, str]]:
    """Rows of pruned trials: id, epochs, best validation UAR and time."""
    rows = []
    for trial in data.trials:
        if trial.state == "pruned":
            budget = _budget(data, trial)
            epochs = f"{len(trial.epochs)}" + (f" of {budget}" if budget else "")
            rows.append((trial.job_id, epochs, percent(trial.best_uar), duration(trial.seconds.get("total"))))
    return rows


def _budget(data: StudyData, trial: TrialRecord) -> int | None:
    """Epochs that a trial would have had; None if its space or configuration cannot be read."""
    if data.space is None:
        return None
    try:
        return data.space.training.lasting(recorded_setting(trial.config, "training_length")).epochs
    except SerbenchError:
        return None


def _trial_rows(data: StudyData) -> list[tuple[str, str, tuple[str, ...]]]:
    """Rows of all trials, the best first: id of the row on the page, job id, cells."""
    numbered = enumerate(data.trials, start=1)
    ordered = sorted(
        numbered, key=lambda pair: (-1.0 if pair[1].value is None else pair[1].value, pair[1].job_id), reverse=True
    )
    return [
        (
            f"trial-{number}",
            trial.job_id,
            (
                trial.job_id + (f" ({trial.origin})" if trial.origin else ""),
                trial.state,
                percent(trial.value),
                str(len(trial.epochs)),
                duration(trial.seconds.get("total")),
                *_values(trial, data.searched),
            ),
        )
        for number, trial in ordered[:_MOST_ROWS]
    ]


def _values(trial: TrialRecord, names: Sequence[str]) -> list[str]:
    return [_shown(trial.config.get(name)) for name in names]


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
