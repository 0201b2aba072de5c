"""`Bundle`: an exported model that labels audio."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from serbench.errors import SerbenchError, UsageError
from serbench.home import expanded
from serbench.printable import printable, storable

if TYPE_CHECKING:
    from serbench.audio import Sound
    from serbench.export import BundleRecord, Prediction, Predictions

__all__ = ["Bundle"]


class Bundle:
    """An exported model that predicts labels from audio.

    `serbench.load_bundle` loads it, and describes the arguments and the errors.
    """

    def __init__(self, path: str | Path, *, runtime: str = "keras") -> None:
        from serbench.export import Bundle as ExportedBundle

        self.path = expanded(path)
        self._loaded = ExportedBundle.load(self.path, runtime)

    @property
    def record(self) -> BundleRecord:
        """Content of `bundle.json`: front end, labels, scores, provenance."""
        return self._loaded.record

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self.record.labels

    @property
    def card(self) -> str:
        """The model card, as Markdown."""
        return self._loaded.card

    def predict(
        self,
        audio: str | Path | Sequence[str | Path] | np.ndarray[Any, Any],
        *,
        sample_rate: int | None = None,
        windows: bool = False,
    ) -> pd.DataFrame:
        """Predicts the labels of audio of any sample rate, number of channels and length.

        Args:
            audio: a file, a folder, a list of files and folders, or an array of shape (samples,) or
                (samples, channels). The array has floats with full scale at 1.0, or integers as in a WAV file.
            sample_rate: sample rate of the array in Hz.
            windows: whether a recording that is read in several windows gives one row for each instead of their mean.

        Returns:
            One row per recording (or window), in order: `file` (missing for an array), `start_s`, `end_s`, `label`,
            `confidence` (probability of the label), and the probability `p_<label>` of each class. A file that
            cannot be read is left out with a Python warning. Other warnings tell of files that were passed over, and of
            what may make an answer worse, such as a level that no tested clip had.

        Raises:
            UsageError: an array without `sample_rate`, or an array that is not a recording.
            SerbenchError: no file could be read.
        """
        from serbench.export import Predictions

        if isinstance(audio, np.ndarray):
            sound = self._sound(audio, sample_rate)
            rows = self._loaded.predict_sound(sound, "the array", each_window=windows)
            self._warn(Predictions(tuple(rows), (), ()))
            return self._table([replace(row, path="") for row in rows])
        if sample_rate is not None:
            raise UsageError("sample_rate is only for arrays; leave it out, since a file has its own sample rate")
        named = [audio] if isinstance(audio, str | os.PathLike) else list(audio)
        if not named:
            raise UsageError("there is no file to label; name audio files, or folders of them")
        found = self._loaded.predict_files([expanded(one) for one in named], each_window=windows)
        if not found.rows:
            raise SerbenchError(found.failures[0])
        self._warn(found)
        return self._table(found.rows)

    def _warn(self, found: Predictions) -> None:
        """Tells of what was not read, and of what makes answers worse, on behalf of the caller of `predict`."""
        odd = self._loaded.level_note(found)
        for sentence in (*found.failures, *found.notes(), *([odd] if odd else []), *found.passed_over):
            warnings.warn(printable(sentence), stacklevel=3)

    def _sound(self, audio: np.ndarray[Any, Any], sample_rate: int | None) -> Sound:
        from serbench.audio import sound_of_array

        if sample_rate is None:
            raise UsageError("an array needs its sample rate: predict(array, sample_rate=16000)")
        return sound_of_array(audio, sample_rate)

    def _table(self, rows: Sequence[Prediction]) -> pd.DataFrame:
        columns: dict[str, Any] = {
            "file": pd.Series([storable(row.path) or None for row in rows], dtype="string"),
            "start_s": np.array([row.start_s for row in rows], dtype=np.float64),
            "end_s": np.array([row.start_s + row.duration_s for row in rows], dtype=np.float64),
            "label": pd.Series([row.label for row in rows], dtype="string"),
            "confidence": np.array([max(row.probabilities) for row in rows], dtype=np.float64),
        }
        shares = np.array([row.probabilities for row in rows], dtype=np.float64).reshape(len(rows), len(self.labels))
        return pd.DataFrame(columns | {f"p_{label}": shares[:, place] for place, label in enumerate(self.labels)})

    def __repr__(self) -> str:
        return f"Bundle('{printable(str(self.path))}', {printable(self.record.entry)}, {len(self.labels)} labels)"

    def _repr_html_(self) -> str:
        from serbench.export import card_html

        return card_html(self.card)  # a stranger's card may hold HTML, which a notebook would run
