"""`Entry`: one tested model with its scores, tables, predictions and figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from serbench.home import expanded
from serbench.render import entry_summary, percent, plural, span
from serbench.results import ClassRow, EntryReport, RefitReport, Row, ScoredEntry, speakers_of
from serbench.results import Results as ResultsReader
from serbench.views.bundle import Bundle
from serbench.views.figures import entry_figure
from serbench.views.frames import frame_of, typed_column
from serbench.views.markup import notebook_html

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Entry"]


class Entry:
    """A configuration selected by validation score, trained again with new seeds and tested once.

    Scores are fractions: means over its runs, on the test set. An undefined score is None.
    """

    def __init__(self, reader: ResultsReader, entry_id: str) -> None:
        self._reader = reader
        self._report = reader.report(entry_id)

    @property
    def report(self) -> EntryReport:
        """The whole report of the entry, as `serbench report --format json` writes it."""
        return self._report

    @property
    def row(self) -> Row:
        """Row of the entry in the leaderboard."""
        return self._report.row

    @property
    def id(self) -> str:
        """Name of the entry, as in the leaderboard."""
        return self.row.entry

    @property
    def study(self) -> str:
        """Name of the study that found it."""
        return self.row.study

    @property
    def family(self) -> str:
        """The model family."""
        return self.row.family

    @property
    def corpus(self) -> str:
        """Name of the corpus."""
        return self.row.corpus

    @property
    def protocol(self) -> str:
        """Name of the split protocol."""
        return self.row.protocol

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self._report.corpus.labels

    @property
    def config(self) -> dict[str, Any]:
        """Its hyperparameters by name."""
        return dict(self._report.config)

    @property
    def selected(self) -> bool:
        """Whether validation, and no test score, chose it among the entries that it is compared with."""
        return self.row.selected

    @property
    def uar(self) -> float | None:
        """Unweighted average recall."""
        return self.row.uar

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the UAR over speakers and seeds, as fractions; None if there are too few of them."""
        low, high = self.row.uar_low, self.row.uar_high
        return None if low is None or high is None else (low, high)

    @property
    def accuracy(self) -> float | None:
        """The fraction of test clips predicted correctly."""
        return self.row.accuracy

    @property
    def macro_f1(self) -> float | None:
        """The mean of the classes' F1."""
        return self.row.macro_f1

    @property
    def validation_uar(self) -> float | None:
        """UAR of the out-of-fold answers, or on the validation set, mean over its runs."""
        return self.row.validation_uar

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings to know before trusting the scores."""
        return self.row.warnings

    @property
    def per_class(self) -> pd.DataFrame:
        """Precision, recall, F1, clips and correct clips of each class on the test set, indexed by label."""
        return frame_of(ClassRow, self._report.per_class).set_index("label")

    @property
    def confusion(self) -> pd.DataFrame:
        """Confusion matrix: clips by true class (rows) and predicted class (columns), summed over all runs."""
        names = [one.label for one in self._report.per_class]
        counts = np.array(self._report.confusion, dtype=np.int64).reshape(len(names), len(names))
        return pd.DataFrame(counts, index=pd.Index(names, name="true"), columns=pd.Index(names, name="predicted"))

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run: seed, test and validation scores, epochs, training time, model size and memory."""
        runs = self._report.refits
        table = frame_of(RefitReport, runs, leave_out=("scores", "per_class", "confusion", "epochs"))
        table = table.rename(columns={"job_id": "run"}).set_index("run")
        scores = {name: [getattr(run.scores["test"], name) for run in runs] for name in ("uar", "accuracy", "macro_f1")}
        columns = {name: typed_column(values, float | None) for name, values in scores.items()}
        columns["epochs"] = typed_column([len(run.epochs) for run in runs], int)
        for place, (name, column) in enumerate(columns.items(), start=2):
            table.insert(place, name, column.to_numpy() if name != "epochs" else column.array)
        return table

    def predictions(self) -> pd.DataFrame:
        """Predictions of its runs on the validation and test set: one row per run and clip.

        Where cross-validation compared configurations, its out-of-fold answers stand in place of the validation set,
        once for all runs.

        Returns:
            `clip_id`, `speaker`, `run`, `subset` ('validation', 'out_of_fold' or 'test'), `label` (true), `predicted`,
            and the probability `p_<label>` of each class. Pooled folds have only test clips.
        """
        scored = self._scored
        who = dict(zip(scored.refits[0].test_clips, scored.speakers, strict=True)) if scored.refits else {}
        if any(refit.validation is not None for refit in scored.refits):
            for study in scored.together or (scored.study,):
                who = speakers_of(self._reader.study(study.name).clips) | who
        parts: list[pd.DataFrame] = []
        for refit in scored.refits:
            run = refit.record.job_id
            if (judged := refit.validation) is not None and not (self.row.out_of_fold and parts):
                subset, of = ("out_of_fold", "") if self.row.out_of_fold else ("validation", run)
                parts.append(self._predictions(of, subset, judged.clips, judged.true, judged.probabilities, who))
            parts.append(
                self._predictions(run, "test", refit.test_clips, refit.test_true, refit.test_probabilities, who)
            )
        if not parts:
            return self._predictions("", "test", (), np.zeros(0, np.int64), np.zeros((0, len(self.labels))), who)
        return pd.concat(parts, ignore_index=True)

    def robustness(self) -> pd.DataFrame:
        """Scores under noise, in rooms, through codecs, as `serbench audit ENTRY --robustness` measured them.

        Returns:
            One row per condition, indexed by `on` ('validation' or 'test') and `condition`, with the columns of the
            command's CSV. Empty if nothing was measured.

        Raises:
            SerbenchError: a record of the entry is damaged.
        """
        from serbench.audit.robustness import robustness_document, saved_robustness

        parts = [
            robustness_document(self.id, one).frame.assign(on=one.on) for one in saved_robustness(self._reader, self.id)
        ]
        if not parts:
            return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=["on", "condition"]))
        return pd.concat(parts, ignore_index=True).set_index(["on", "condition"])

    def figure(self, name: str) -> go.Figure:
        """Draws a figure of the entry.

        Args:
            name: `confusion` (confusion matrix), `curves` (accuracy and loss per epoch), `calibration`
                (reliability diagram) or `speakers` (recall of each test speaker).

        Returns:
            A Plotly figure. Show it in a notebook, or save it with `write_html`.

        Raises:
            UsageError: no figure has this name.
            SerbenchError: the entry has no data for this figure.
        """
        return entry_figure(name, self._report, self._scored)

    def export(
        self,
        to: str | Path,
        *,
        data: str | Path | None = None,
        replace: bool = False,
        format: str = "keras",  # noqa: A002 - as the command's option
        quantise: str | None = None,
        runtime: str | Path | None = None,
    ) -> Bundle | Any:  # Any for None, so that the usual case needs no check
        """Exports a model that classifies audio files, after checking that it repeats the recorded predictions.

        Args:
            to: folder to write. It is created whole or not at all.
            data: folder of the corpus; None for the folder that the search used.
            replace: whether to replace an existing bundle.
            format: export formats with commas between, such as `keras,onnx`.
            quantise: `int8` to write files with quantised networks besides, of the formats `onnx` and `litert`.
            runtime: folder with ONNX Runtime Web, for the format `web`; None to download it.

        Returns:
            The bundle, loaded; None if a format of a plug-in wrote no `model.keras`.

        Raises:
            UsageError: `to` already exists, or a format is unknown.
            SerbenchError: the model or the audio is missing, or the bundle does not repeat its predictions.
        """
        from serbench.export import export_bundle

        source = None if data is None else expanded(data)
        folder = expanded(to)
        browser = None if runtime is None else expanded(runtime)
        export_bundle(
            self._reader,
            self.id,
            folder,
            data=source,
            replace=replace,
            format=format,
            quantise=quantise,
            runtime=browser,
        )
        return Bundle(folder) if (folder / "model.keras").is_file() else None

    def __repr__(self) -> str:
        between = f" [{span(*self.interval)}]" if self.interval else ""
        runs = plural(len(self._report.refits), "run")
        return f"Entry('{self.id}', UAR {percent(self.uar)} %{between}, {runs}, {self.corpus}, {self.protocol})"

    def _repr_html_(self) -> str:
        return notebook_html(entry_summary(self._report).sheets)

    @property
    def _scored(self) -> ScoredEntry:
        return self._reader.scored_entry(self.id)

    def _predictions(
        self, run: str, subset: str, clips: tuple[str, ...], true: Any, probabilities: Any, speakers: dict[str, str]
    ) -> pd.DataFrame:
        names = np.asarray(self.labels, dtype=object)
        texts = {
            "clip_id": list(clips),
            "speaker": [speakers.get(clip) for clip in clips],
            "run": [run] * len(clips),
            "subset": [subset] * len(clips),
            "label": names[true],
            "predicted": names[probabilities.argmax(axis=1)] if len(clips) else [],
        }
        columns: dict[str, Any] = {name: pd.Series(values, dtype="string") for name, values in texts.items()}
        shares = {f"p_{label}": probabilities[:, place] for place, label in enumerate(self.labels)}
        return pd.DataFrame(columns | shares)
