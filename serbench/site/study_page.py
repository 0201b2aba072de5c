"""The page of one study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serbench.records import STATES, TrialRecord
from serbench.render import duration, moment, percent, points, study_facts
from serbench.results import StudyReport
from serbench.site.board_page import PagePaths
from serbench.site.charts.space import parallel_chart, slice_chart
from serbench.site.charts.study import history_charts, importance_chart, time_chart
from serbench.site.pages import Pages
from serbench.site.study_data import MIN_TRIALS, StudyData
from serbench.site.words import search_again

__all__ = ["study_page"]

_MOST_ROWS = 300


def study_page(pages: Pages, report: StudyReport, data: StudyData, paths: PagePaths) -> str:
    """Renders the study's page as HTML.

    Args:
        pages: renders the template.
        report: the study's report.
        data: the study's fits, for the figures.
        paths: paths of the other pages, relative to the index.
    """
    importances = data.importances()
    importance = importance_chart(importances)
    charts = [*history_charts(data), importance, time_chart([*data.trials, *data.refits])]
    command, placeholders = search_again(data.record, report.counted)
    return pages.render(
        "study.html",
        root="../",
        scripts=("copy.js",),
        here="study",
        report=report,
        record=data.record,
        facts=[
            (about, text) for about, text in study_facts(report) if about != "folder"
        ],  # the folder is a path of this machine
        charts=[chart for chart in charts if chart],
        wide=[chart for chart in (slice_chart(data), parallel_chart(data, importances)) if chart],
        few=len(data.scored()) < MIN_TRIALS,
        fewest=MIN_TRIALS,
        control=data.control.name if data.control else "",
        states=[(state, STATES[state].meaning, count) for state, count in report.states.items()],
        shortlist=_shortlist(report),
        pruned=_pruned(data),
        trials=_trial_rows(data),
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
            budget = data.space.training.epochs if data.space else None
            epochs = f"{len(trial.epochs)}" + (f" of {budget}" if budget else "")
            rows.append((trial.job_id, epochs, percent(trial.best_uar), duration(trial.seconds.get("total"))))
    return rows[:_MOST_ROWS]


def _trial_rows(data: StudyData) -> list[tuple[str, ...]]:
    """Rows of all trials, the best first."""
    ordered = sorted(
        data.trials, key=lambda trial: (-1.0 if trial.value is None else trial.value, trial.job_id), reverse=True
    )
    return [
        (
            trial.job_id + (f" ({trial.origin})" if trial.origin else ""),
            trial.state,
            percent(trial.value),
            str(len(trial.epochs)),
            duration(trial.seconds.get("total")),
            *_values(trial, data.searched),
        )
        for trial in ordered[:_MOST_ROWS]
    ]


def _values(trial: TrialRecord, names: Sequence[str]) -> list[str]:
    return [_shown(trial.config.get(name)) for name in names]


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
