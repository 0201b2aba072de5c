"""`Bundle`: an exported model that classifies audio files.

A bundle is a folder with `model.keras` (its first layer normalises the features), `bundle.json` (front end, labels,
provenance, result of the check), `metrics.json` (the entry's whole report) and `README.md`, the model card. A bundle
may come from an untrusted source: it is read without pickle and in Keras's safe mode, and it contains no paths.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serbench.audio import Sound, read_sound
from serbench.errors import SerbenchError, UsageError, first_line
from serbench.export.audio_listing import list_audio
from serbench.export.bundle_record import BundleCheck, BundleRecord, Int8Facts, JoinedNetwork, LightFile
from serbench.export.levels import level_note, loudest_db
from serbench.export.predictions import Prediction, Predictions
from serbench.export.windows import window_batches, window_starts
from serbench.families import custom_objects, family_names
from serbench.features import extract, waveform_of
from serbench.printable import printable_lines
from serbench.records import are_distributions, file_sha256, read_text
from serbench.training import choose_backend, import_keras, open_network

if TYPE_CHECKING:
    import keras

__all__ = [
    "CARD",
    "Bundle",
    "BundleCheck",
    "BundleRecord",
    "Int8Facts",
    "JoinedNetwork",
    "LightFile",
    "bundle_record",
]

CARD = "README.md"
"""Name of the model card, which a hub shows."""

_EARLIER_CARD = "MODEL_CARD.md"
_BATCH = 64
_MOST_DESCRIPTION = 16 << 20


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes:
        path: the folder.
        record: content of `bundle.json`.
        model: the Keras model; None if another runtime answers.
        light: function of another runtime, from waveforms (n, n_samples) to probabilities (n, classes).
    """

    path: Path
    record: BundleRecord
    model: Any
    light: Callable[[np.ndarray], np.ndarray] | None = None

    @classmethod
    def load(cls, path: Path, runtime: str = "keras") -> Bundle:
        """Loads a bundle and checks that it was not changed since its export.

        Args:
            path: the folder.
            runtime: what answers: `keras`, or the name of a light format that the bundle holds and that needs neither
                Keras nor TensorFlow (`onnx`, `litert`, `onnx-int8`, `litert-int8`).

        Raises:
            UsageError: the folder is not a bundle, or holds no file for this runtime.
            SerbenchError: the runtime is not installed, or the bundle is damaged, was changed, or was written by a
                newer serbench.
        """
        record = bundle_record(path)
        if runtime != "keras":
            from serbench.export.light.runtimes import load_light

            return cls(path, record, None, load_light(path, record, runtime))
        model = load_model(path / "model.keras", record.model_sha256, record.family)
        shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
        if shapes != ((None, *record.features.shape), (None, len(record.labels))):
            raise SerbenchError(f"{path} is damaged: the model does not match its front end or labels; export again")
        return cls(path, record, model)

    @property
    def card(self) -> str:
        """The model card, as Markdown without characters that act; in a bundle of before it has another name.

        Raises:
            SerbenchError: it is missing.
        """
        path = self.path / CARD
        return printable_lines(read_text(path if path.is_file() else self.path / _EARLIER_CARD))

    def predict_waveforms(self, waveforms: np.ndarray) -> np.ndarray:
        """Predicts class probabilities of waveforms.

        Args:
            waveforms: (n, n_samples), mono, at the front end's sample rate.

        Returns:
            float32 (n, classes).
        """
        if self.light is not None:
            return self.light(waveforms)
        features = extract(waveforms, self.record.features)
        return np.asarray(self.model.predict_on_batch(features), dtype=np.float32)

    def predict_files(
        self,
        paths: Sequence[Path],
        *,
        each_window: bool = False,
        progress: Callable[[int, int], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Predictions:
        """Classifies audio files.

        Args:
            paths: files, or folders whose audio files are classified.
            each_window: whether a long file gives one row per window instead of one row with their mean.
            progress: called with (files done, files in all) after each file.
            stop: once it is set, no further file is read; the rows so far are returned.

        Returns:
            Rows in the order of the files. A file that cannot be read becomes a failure and does not stop the others.
        """
        listings = list(map(list_audio, paths))
        done, total = 0, sum(len(listing.files) for listing in listings)
        rows: list[Prediction] = []
        failures: list[str] = []
        for listing in listings:
            failures += [listing.failure] if listing.failure else []
            for file in listing.files:
                if stop is not None and stop.is_set():
                    break
                try:
                    rows += self._predict_file(file, each_window)
                except SerbenchError as error:
                    failures.append(str(error))
                except Exception as error:  # of a decoder, a front end or the backend: the other files go on
                    failures.append(f"{file} cannot be classified: {type(error).__name__}: {str(error)[:200]}")
                done += 1
                if progress is not None:
                    progress(done, total)
        passed_over = [sentence for listing in listings for sentence in listing.passed_over]
        return Predictions(tuple(rows), tuple(failures), tuple(passed_over))

    def _predict_file(self, path: Path, each_window: bool) -> list[Prediction]:
        sound = read_sound(path)
        if sound.waveform is None:
            raise SerbenchError(f"cannot use {path} as audio: {sound.health.detail}")
        return self.predict_sound(sound, str(path), each_window=each_window)

    def predict_sound(self, sound: Sound, name: str, *, each_window: bool = False) -> list[Prediction]:
        """Classifies one recording of any length. One that is not usable has its note in the rows.

        Args:
            sound: with a waveform.
            name: name of the recording in the returned rows.
            each_window: whether a long recording gives one row per window instead of one row with their mean.

        Raises:
            SerbenchError: the features are not finite, or the model's answers are no probabilities.
        """
        spec = self.record.features
        waveform = waveform_of(sound, spec.sample_rate)
        starts = window_starts(len(waveform), spec, self.record.longest_clip_s, self.record.prediction_crops)
        # Cut batch by batch: the windows of a recording of hours overlap and would take twice its memory again.
        cut = window_batches(waveform, starts, spec, _BATCH)
        probabilities = np.concatenate([self.predict_waveforms(batch) for batch in cut])
        if not are_distributions(probabilities):
            raise SerbenchError(f"the model's answers for {name} are no probabilities; export the bundle again")
        level = loudest_db(waveform, spec.sample_rate)

        def row(start_s: float, duration_s: float, count: int, shares: np.ndarray) -> Prediction:
            label, health = self.record.labels[int(shares.argmax())], sound.health
            silent = health.state == "silent"
            return Prediction(
                name, start_s, duration_s, count, label, tuple(map(float, shares)), silent, health.detail, level
            )

        if each_window and len(starts) > 1:
            return [
                row(start / spec.sample_rate, spec.duration_s, 1, shares)
                for start, shares in zip(starts, probabilities, strict=True)
            ]
        return [row(0.0, len(waveform) / spec.sample_rate, len(starts), probabilities.mean(axis=0))]

    def level_note(self, predictions: Predictions) -> str:
        """Returns a sentence about files that are much softer or louder than tested clips; '' if there is none."""
        return level_note(predictions.rows, self.record.check.levels_db)


def bundle_record(path: Path) -> BundleRecord:
    """Reads the description of a bundle and checks that it was not changed since the export.

    Args:
        path: folder of the bundle.

    Raises:
        UsageError: the folder is not a bundle.
        SerbenchError: the description is damaged, was changed, or was written by a newer serbench.
    """
    if not (path / "bundle.json").is_file():
        raise UsageError(f"{path} is no bundle (it has no bundle.json); write one with `serbench export`")
    if (path / "bundle.json").stat().st_size > _MOST_DESCRIPTION:
        raise SerbenchError(f"{path / 'bundle.json'} is larger than 16 MiB, so it is no bundle; export again")
    record = BundleRecord.load(path / "bundle.json")
    if record.meaning is not None and record.meaning != record.seal():
        raise SerbenchError(
            f"{path / 'bundle.json'} was changed since the export (labels, front end or model differ); export again"
        )
    return record


def load_model(path: Path, sha256: str, family: str) -> keras.Model:
    """Loads a model that may come from an untrusted source.

    Keras's safe mode is on. Besides Keras's own layers, only those of serbench and of the model's family are allowed.

    Args:
        path: the `.keras` file.
        sha256: SHA-256 of the file that was exported.
        family: family of the model. It must be installed if the model has layers of its own.

    Raises:
        SerbenchError: the file is missing, differs from the exported one, is not a model or computes too much, or the
            family is not installed.
    """
    if not path.is_file():
        raise SerbenchError(f"{path} is missing; export the bundle again")
    if file_sha256(path) != sha256:
        raise SerbenchError(f"{path} is not the file that was exported (its SHA-256 differs); export again")
    installed = family in family_names()
    import_keras(choose_backend())
    objects = custom_objects(family if installed else None)
    try:
        return open_network(path, objects)
    except Exception as error:
        if not installed:  # a model of Keras's own layers needs no more than Keras
            raise SerbenchError(
                f"the bundle {path.parent} needs family '{family}', which is not installed; install the package that "
                "provides it"
            ) from error
        raise SerbenchError(
            f"{path} cannot be loaded as a Keras model: {first_line(error)}; export it again"
        ) from error
