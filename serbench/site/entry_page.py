"""The page of one entry, as part of a site or as a single file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serbench.audit.robustness import ROBUSTNESS_HEADER, Robustness, robustness_rows, robustness_verdict
from serbench.records import write_text_atomic
from serbench.render import (
    SUBSET_HEADER,
    caveats,
    corpus_rows,
    environment_rows,
    percent,
    result_rows,
    setting_rows,
    span,
    subset_cells,
)
from serbench.results import EntryReport, ReferenceRow, Results, Row, ScoredEntry
from serbench.site.charts.entry import calibration_chart, curve_charts
from serbench.site.charts.lines import reference_lines
from serbench.site.clips.media import Inline
from serbench.site.clips.sounds import Sounds
from serbench.site.confusions import clips_a_run, largest_confusions
from serbench.site.entry_details import EntryDetails
from serbench.site.pages import Pages
from serbench.site.plots.axis import Axis, linear
from serbench.site.plots.from_chart import plot_of
from serbench.site.plots.robustness import robustness_plot
from serbench.site.plots.seeds import seeds_plot
from serbench.site.plots.speakers import speaker_plot, speaker_scores
from serbench.site.sources import find_sources
from serbench.site.words import citation, entry_commands, protocol_sentence

__all__ = ["EntryPage", "entry_page", "write_entry_page"]


@dataclass(frozen=True)
class EntryPage:
    """Data of an entry's page.

    Attributes:
        tested: the scored entry.
        row: its row of the leaderboard.
        details: extra content, such as calibration and misclassified clips.
        references: references on the same test set.
        trials: trials of each study that count towards the budget; of a folded protocol, the most of any fold.
        studies: name and page path of each study that the entry comes from; the path is '' if there is no page.
    """

    tested: ScoredEntry
    row: Row
    details: EntryDetails
    references: tuple[ReferenceRow, ...]
    trials: Mapping[str, int]
    studies: tuple[tuple[str, str], ...] = ()


def write_entry_page(results: Results, entry_id: str, path: Path) -> None:
    """Writes the page of one entry as a single self-contained file.

    Raises:
        UsageError: no such entry; the nearest is named.
        SerbenchError: a record is damaged, or the file cannot be written.
    """
    tested, group = results.scored_entry(entry_id), results.group_rows(entry_id)
    sources = find_sources(results, [tested])[entry_id]
    details = EntryDetails.of(results, tested, sources, Sounds(Inline()))
    page = EntryPage(
        tested,
        results.row(entry_id),
        details,
        group.references,
        sources.counted,
        tuple((name, "") for name in sources.names),
    )
    write_text_atomic(path, entry_page(Pages(embedded=True), page))


def entry_page(pages: Pages, page: EntryPage, *, root: str = "") -> str:
    """Renders the entry's page as HTML."""
    report = EntryReport.of(page.tested, page.row, page.details.votes)
    speakers = speaker_scores(page.tested)
    return pages.render(
        "entry.html",
        root=root,
        scripts=("copy.js",),
        here="entry",
        row=page.row,
        report=report,
        meaning=protocol_sentence(report.protocol),
        lines=reference_lines(page.references, page.row.labels),
        caveats=caveats(report),
        curves=[plot_of(chart) for chart in curve_charts(report.refits)],
        calibration=plot_of(calibration_chart(page.details.bins, page.row.ece)) if page.details.bins else None,
        details=page.details,
        labels=report.corpus.labels,
        a_run=clips_a_run(report),
        confusions=largest_confusions(report, page.details.listeners),
        speakers=speakers,
        strip=speaker_plot(speakers, len(report.refits), len(report.corpus.labels)),
        seeds=seeds_plot(report.refits, out_of_fold=page.row.out_of_fold),
        listeners=_listeners(page.details),
        robustness_header=ROBUSTNESS_HEADER,
        robustness=[_robustness(one) for one in (page.details.audit.robustness if page.details.audit else ())],
        slices=[_slice_rows(page.details, place) for place in range(len(page.details.slices))],
        slice_scale=_slice_scale(page.details),
        subset_header=SUBSET_HEADER,
        subsets=subset_cells(report),
        results=result_rows(report),
        config=setting_rows(report),
        data=corpus_rows(report),
        environment=environment_rows(report),
        studies=page.studies,
        commands=entry_commands(
            page.row,
            page.tested.together or (page.tested.study,),
            _refit(page),
            page.trials,
            page.details.space,
            with_pages=any(path for _, path in page.studies),
        ),
        cite=citation(page.row, report.protocol, report.environment.serbench),
    )


def _refit(page: EntryPage) -> str:
    return page.tested.kept_refit.record.job_id if page.tested.refits else "REFIT"


def _listeners(details: EntryDetails) -> dict[str, Any] | None:
    """The listeners' confusion matrix: shares of each row, and clips rounded to whole numbers."""
    found = details.listeners
    if found is None:
        return None
    shares = [
        [float(cell / total) if total else None for cell in row]
        for row, total in zip(found.confusion, found.support, strict=True)
    ]
    counts = [[f"{cell:.0f}" for cell in row] for row in found.confusion]
    return {"shares": shares, "counts": counts, "accuracy": percent(found.accuracy), "clips": int(found.clips)}


def _robustness(found: Robustness) -> dict[str, Any]:
    return {
        "on": found.on,
        "verdict": robustness_verdict(found),
        "clips": found.clips,
        "speakers": found.speakers,
        "answered_by": found.answered_by,
        "rows": robustness_rows(found),
        "plot": robustness_plot(found),
        "labels": found.labels,
        "answers": [
            (one.title, list(zip(one.answers, map(percent, one.recalls), strict=True)))
            for one in (found.plain, *found.measured)
        ],
        "left_out": [f"{one.title} is not measured: {one.not_measured}" for one in found.left_out],
    }


def _slice_scale(details: EntryDetails) -> Axis:
    """One axis for the intervals of all groups, so that they can be compared with each other."""
    shown = [one for found in details.slices for one in found.scores.slices]
    ends = [100 * one.recall for one in shown if one.recall is not None]
    ends += [100 * end for one in shown if one.interval for end in (one.interval.low, one.interval.high)]
    ends = ends or [0.0, 100.0]
    return linear([*ends, max(0.0, min(*ends, max(ends) - 5))], count=4)  # five points at least, and none over 100


def _slice_rows(details: EntryDetails, place: int) -> dict[str, Any]:
    found = details.slices[place]
    scores = found.scores
    return {
        "attribute": scores.attribute,
        "gap": None if scores.gap is None else f"{100 * scores.gap:.1f}",
        "left_out": found.left_out,
        "rows": [
            {
                "value": one.value,
                "clips": f"{one.clips:,}",
                "speakers": str(one.speakers),
                "recall": percent(one.recall),
                "score": one.recall,
                "low": one.interval.low if one.interval else None,
                "high": one.interval.high if one.interval else None,
                "interval": span(one.interval.low, one.interval.high) if one.interval else "",
            }
            for one in scores.slices
        ],
        "no_interval": list(
            dict.fromkeys(f"{one.value}: {one.no_interval}" for one in scores.slices if one.no_interval)
        ),
    }
