"""Predictions of a bundle for audio files, and their output formats."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass

from serbench.errors import unknown
from serbench.printable import cell, printable

__all__ = ["Prediction", "Predictions", "render_predictions"]


@dataclass(frozen=True)
class Prediction:
    """Prediction for one file, or for one window of it.

    Attributes:
        path: path of the file, as given or as found in a given folder.
        start_s: start of the window in seconds; 0 for a whole file.
        duration_s: duration of the file or window in seconds.
        windows: number of windows that the probabilities are averaged over.
        label: the most probable class.
        probabilities: one per label, in the order of the bundle's labels. They sum to 1.
        silent: whether the whole file is digital silence, so that the label means nothing.
        note: what is wrong with the file (silent, too short, cut off) or unusual about it; empty for most files.
        level_db: level of the file's loudest tenth of a second, in dB of full scale; None if it was not measured.
    """

    path: str
    start_s: float
    duration_s: float
    windows: int
    label: str
    probabilities: tuple[float, ...]
    silent: bool = False
    note: str = ""
    level_db: float | None = None


@dataclass(frozen=True)
class Predictions:
    """Predictions for several files.

    Attributes:
        rows: predictions, in the order of the files.
        failures: an error message for each file that could not be read.
        passed_over: a sentence about each file of a folder that was not tried.
    """

    rows: tuple[Prediction, ...]
    failures: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """Returns a sentence about each file whose label should not be trusted as others are."""
        marked = dict.fromkeys((row.path, row.note, row.silent) for row in self.rows if row.note)
        return [
            f"{path}: {note}; its label means nothing" if silent else f"{path}: {note}" for path, note, silent in marked
        ]


def render_predictions(predictions: Predictions, labels: tuple[str, ...], form: str) -> str:
    """Returns predictions as text.

    JSON is a list of objects with `path, label, probabilities` (by label), `start_s, duration_s, windows, note`.

    Args:
        predictions: what to write.
        labels: labels of the bundle, in the order of the probabilities.
        form: `table`, `csv` or `json`.

    Raises:
        UsageError: unknown format.
    """
    writers = {"table": _table, "csv": _csv, "json": _json}
    if form not in writers:
        raise unknown("format", form, writers)
    return writers[form](predictions, labels)


def _json(predictions: Predictions, labels: tuple[str, ...]) -> str:
    rows = [
        {
            "path": row.path,
            "label": row.label,
            "probabilities": {label: round(value, 6) for label, value in zip(labels, row.probabilities, strict=True)},
            "start_s": round(row.start_s, 3),
            "duration_s": round(row.duration_s, 3),
            "windows": row.windows,
            "note": row.note,
        }
        for row in predictions.rows
    ]
    return json.dumps(rows, indent=2) + "\n"


def _csv(predictions: Predictions, labels: tuple[str, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ("path", "label", *(f"p_{label}" for label in labels), "start_s", "duration_s", "windows", "note")
    writer.writerow(map(cell, head))
    for row in predictions.rows:
        values = [f"{value:.6f}" for value in row.probabilities]
        seconds = f"{row.start_s:.3f}", f"{row.duration_s:.3f}"
        writer.writerow([cell(row.path), cell(row.label), *values, *seconds, row.windows, cell(row.note)])
    return out.getvalue()


def _table(predictions: Predictions, labels: tuple[str, ...]) -> str:
    """One line per file: the label, its probability, all probabilities, and the name last, since it may be long."""
    labels = tuple(map(printable, labels))
    width = max(map(len, labels), default=0)
    heads = [label[:4] for label in labels]
    lines = [f"{'label':{width}}      % | {' '.join(f'{head:>4}' for head in heads)} | file"]
    for row in predictions.rows:
        shares = " ".join(f"{100 * value:4.0f}" for value in row.probabilities)
        where = f" at {row.start_s:.1f} s" if row.start_s else ""
        many = f" (mean of {row.windows} windows)" if row.windows > 1 else ""
        name, label = printable(row.path), printable(row.label)
        lines.append(f"{label:{width}} {100 * max(row.probabilities):6.1f} | {shares} | {name}{where}{many}")
    return "\n".join(lines) + "\n"
