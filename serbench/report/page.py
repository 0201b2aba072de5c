"""The page of one entry: a single HTML file that needs no network, made with Jinja2 (everything escaped)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from serbench.records.files import write_text_atomic
from serbench.report.document import percent, span
from serbench.report.entry import EntryReport
from serbench.report.entry_document import CLASS_HEADER, SUBSET_HEADER, class_cells, subset_cells
from serbench.report.entry_facts import caveats, config_rows, corpus_rows, environment_rows, result_rows
from serbench.report.figures import class_figure, confusion_figure, curve_figure

if TYPE_CHECKING:
    import jinja2
    import plotly.graph_objects as go

__all__ = ["ExtraFigure", "render_page", "write_page"]

ExtraFigure = tuple[str, str, "go.Figure"]
"""Title, caption and figure of something that the records do not hold, such as a masked spectrogram."""

# No toolbar: it hides the figure under a finger, and each figure's numbers stand in a table beside it.
_CONFIG = {"displayModeBar": False, "displaylogo": False, "responsive": True, "scrollZoom": False}


class _Figure(NamedTuple):
    title: str
    caption: str
    body: str


def write_page(report: EntryReport, path: Path, extra_figures: Sequence[ExtraFigure] = ()) -> None:
    """Writes the page to `path`.

    Raises:
        SerbenchError: the folder cannot be written.
    """
    write_text_atomic(path, render_page(report, extra_figures))


def render_page(report: EntryReport, extra_figures: Sequence[ExtraFigure] = ()) -> str:
    """The page as HTML.

    Args:
        report: the entry.
        extra_figures: shown after the entry's own, each with a title and a caption.
    """
    bodies = _Bodies()
    confusion, curves = _own_figures(report, bodies)
    extra = [_Figure(title, caption, bodies.add(figure)) for title, caption, figure in extra_figures]
    return (
        _environment()
        .get_template("entry.html")
        .render(
            row=report.row,
            protocol=report.protocol,
            ruler=_ruler(report),
            caveats=caveats(report),
            confusion=confusion,
            curves=curves,
            extra=extra,
            class_header=CLASS_HEADER,
            classes=class_cells(report.per_class),
            subset_header=SUBSET_HEADER,
            subsets=subset_cells(report),
            results=result_rows(report),
            config=config_rows(report.config),
            data=corpus_rows(report),
            environment=environment_rows(report),
            created=report.created,
        )
    )


class _Bodies:
    """Turns figures into HTML; the first of a page brings plotly.js along."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, figure: Any) -> str:
        import plotly.io

        self._count += 1
        html: str = plotly.io.to_html(
            figure,
            config=_CONFIG,
            include_plotlyjs=self._count == 1,
            full_html=False,
            default_width="100%",
            div_id=f"figure-{self._count}",
        )
        return html


def _own_figures(report: EntryReport, bodies: _Bodies) -> tuple[list[_Figure], list[_Figure]]:
    if not report.refits:
        return [], []
    labels = [one.label for one in report.per_class]
    over = "one refit" if len(report.refits) == 1 else f"{len(report.refits)} refits"
    confusion = [
        _Figure(
            "What is taken for what",
            f"Each row is a true class of the test core: in bold the percentage of its clips that went to each "
            f"predicted class, below it the clips, summed over {over}.",
            bodies.add(confusion_figure(report.confusion, report.confusion_by_row, labels)),
        ),
        _Figure(
            "Class by class",
            "Precision: of the clips called so, how many are. Recall: of the clips that are, how many are called "
            f"so. F1: their harmonic mean. Means over {over}, on the test core.",
            bodies.add(class_figure(report.per_class)),
        ),
    ]
    if not any(refit.epochs for refit in report.refits):
        return confusion, []
    trained = "Training values are of the augmented batches while the model still learned, so they can lie lower."
    curves = [
        _Figure(
            "Accuracy while training",
            f"{over.capitalize()}, on the training batches and on the validation core. The ring marks the epoch "
            f"whose weights were kept. {trained}",
            bodies.add(curve_figure(report.refits, "accuracy")),
        ),
        _Figure(
            "Loss while training",
            "The same epochs. A validation loss that rises while training loss falls is overfitting.",
            bodies.add(curve_figure(report.refits, "loss")),
        ),
    ]
    return confusion, curves


def _ruler(report: EntryReport) -> dict[str, Any] | None:
    """Positions in percent for the scale under the headline score: chance, interval, score."""
    row = report.row
    if row.uar is None:
        return None
    return {
        "uar": f"{100 * row.uar:.2f}",
        "low": None if row.uar_low is None else f"{100 * row.uar_low:.2f}",
        "width": None if row.uar_low is None or row.uar_high is None else f"{100 * (row.uar_high - row.uar_low):.2f}",
        "chance": f"{100 / row.labels:.2f}",
        "shown": percent(row.uar),
        "interval": span(row.uar_low, row.uar_high),
        "chance_shown": percent(1 / row.labels),
    }


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("serbench.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment
