"""What a bundle says of sound files, and how that is printed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass

from serbench.errors import unknown

__all__ = ["Prediction", "Predictions", "render_predictions"]


@dataclass(frozen=True)
class Prediction:
    """One file, or one window of it.

    Attributes:
        path: as it was named, or found in a named folder.
        start_s: where the window begins, 0 for a whole file.
        duration_s: of the file, or of the window.
        windows: how many windows the probabilities are the mean of.
        label: the most probable class.
        probabilities: one a label, in the bundle's order; they add up to 1.
        silent: whether the whole file is digital silence, of which no label says anything.
    """

    path: str
    start_s: float
    duration_s: float
    windows: int
    label: str
    probabilities: tuple[float, ...]
    silent: bool = False


@dataclass(frozen=True)
class Predictions:
    """Predictions in the order of the files, and a sentence for each file that could not be read."""

    rows: tuple[Prediction, ...]
    failures: tuple[str, ...] = ()


def render_predictions(predictions: Predictions, labels: tuple[str, ...], form: str) -> str:
    """Writes predictions as `table`, `csv` or `json`.

    JSON is a list of objects with `path, label, probabilities` (by label), `start_s, duration_s, windows`.

    Raises:
        UsageError: another format.
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
        }
        for row in predictions.rows
    ]
    return json.dumps(rows, indent=2) + "\n"


def _csv(predictions: Predictions, labels: tuple[str, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "label", *(f"p_{label}" for label in labels), "start_s", "duration_s", "windows"])
    for row in predictions.rows:
        values = [f"{value:.6f}" for value in row.probabilities]
        writer.writerow([row.path, row.label, *values, f"{row.start_s:.3f}", f"{row.duration_s:.3f}", row.windows])
    return out.getvalue()


def _table(predictions: Predictions, labels: tuple[str, ...]) -> str:
    """A line a file: the label, its probability, then all the others; names last, since they are long."""
    width = max((len(label) for label in labels), default=0)
    heads = [label[:4] for label in labels]
    lines = [f"{'label':{width}}      % | {' '.join(f'{head:>4}' for head in heads)} | file"]
    for row in predictions.rows:
        shares = " ".join(f"{100 * value:4.0f}" for value in row.probabilities)
        where = f" at {row.start_s:.1f} s" if row.start_s else ""
        many = f" (mean of {row.windows} windows)" if row.windows > 1 else ""
        name = row.path.encode("unicode_escape").decode("ascii") if not row.path.isprintable() else row.path
        lines.append(f"{row.label:{width}} {100 * max(row.probabilities):6.1f} | {shares} | {name}{where}{many}")
    return "\n".join(lines) + "\n"
