"""The exporters `onnx`, `litert` and `saved-model`: a light file beside the Keras bundle, proved by its `run.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path

from serbench.errors import require
from serbench.export.bundle import CARD, BundleRecord, LightFile
from serbench.export.card import model_card
from serbench.export.exporter import TrainedEntry
from serbench.export.keras_bundle import KERAS, recorded_answers, robustness_of
from serbench.export.light.convert import convert
from serbench.export.light.int8_format import write_int8
from serbench.export.light.proof import prove, runner_source
from serbench.export.light.runtimes import RUNTIMES, why_refused
from serbench.export.light.timing import milliseconds
from serbench.records import file_sha256, write_text_atomic

__all__ = ["LITERT", "ONNX", "SAVED_MODEL", "LightFormat"]

_ABSENT = ("keras", "tensorflow", "librosa", "serbench", "jax", "torch")


@dataclass(frozen=True)
class LightFormat:
    """Exporter of one graph from the waveform to the probabilities, into a bundle with the Keras model.

    Attributes:
        name: name of the format.
        description: one sentence.
        extra: the extra that it needs; None for none.
        modules: modules that must be installed.
        path: the file in the bundle, or the folder of a SavedModel.
        runtime: the module that runs it.
        blocked: modules that the process of the proof cannot import.
        int8_path: the int8 file in the bundle; None if there can be none.
        int8_modules: modules that must be installed for it.
    """

    name: str
    description: str
    extra: str | None
    modules: tuple[str, ...]
    path: str
    runtime: str
    blocked: tuple[str, ...] = _ABSENT
    int8_path: str | None = None
    int8_modules: tuple[str, ...] = ()

    @property
    def quantises(self) -> tuple[str, ...]:
        """What `--quantise` can ask of this format."""
        return ("int8",) if self.int8_path else ()

    def prepare(self, trained: TrainedEntry) -> None:
        """Checks that what quantises is installed, if that was asked for.

        Raises:
            SerbenchError: it is not. The message says how to install it.
        """
        if trained.quantise:
            require(f"--quantise int8 of '{self.name}'", self.int8_modules, extra="int8")

    def write(self, trained: TrainedEntry, folder: Path) -> BundleRecord:
        """Writes the light file and its proof. The Keras bundle is written first if the folder does not hold it.

        Args:
            trained: the model and everything known about it.
            folder: the folder to write to; empty, or with a bundle of this model.

        Raises:
            SerbenchError: the front end or a layer has no counterpart in this format, the audio is missing, or the
                file does not repeat the recorded predictions.
        """
        described = folder / "bundle.json"
        record = BundleRecord.load(described) if described.is_file() else KERAS.write(trained, folder)
        expected, paths = recorded_answers(trained)
        target = folder / self.path
        trained.say(f"writing {self.path}")
        convert(self.name, folder, target)
        write_text_atomic(folder / "run.py", runner_source())
        trained.say(
            f"checking {self.path}: run.py labels {len(expected):,} test clips in a fresh process without serbench"
        )
        check = prove(folder, self.name, expected, paths, self.blocked)
        package = next(iter(packages_distributions().get(self.runtime, (self.runtime,))))
        runtime = f"{package} {version(package)}"
        file = LightFile(format=self.name, path=self.path, sha256="", bytes=0, runtime=runtime, check=check)
        record = _with_files(record, folder, file)
        note_refusal(trained.say, folder, record, file.format)
        if trained.quantise and self.int8_path:
            int8 = write_int8(trained, folder, record, file, self.int8_path, self.blocked)
            record = _with_files(record, folder, file, int8)
            note_refusal(trained.say, folder, record, int8.format)
            times = milliseconds(folder, (file.format, int8.format))
            timed = [
                one.model_copy(update={"milliseconds": round(ms, 3)})
                for one, ms in zip((file, int8), times, strict=True)
            ]
            record = _with_files(record, folder, *timed)
        write_text_atomic(folder / CARD, model_card(record, trained.report, trained.study, robustness_of(trained)))
        return record


def note_refusal(say: Callable[[str], None], folder: Path, record: BundleRecord, form: str) -> None:
    """Says so if `serbench predict` refuses a proved file: it bounds the size of all files, since some are strangers'.

    Args:
        say: callback that receives the sentence.
        folder: folder of the bundle.
        record: content of its `bundle.json`.
        form: format of the file, such as `litert` or `litert-int8`.
    """
    if form in RUNTIMES and (reason := why_refused(folder, record, form)):
        say(f"note: run.py reads the {form} file, but `serbench predict --runtime {form}` refuses it: {reason}")


def _with_files(record: BundleRecord, folder: Path, *files: LightFile) -> BundleRecord:
    """Saves the record with these files in place of those of the same formats. Their digests and sizes are read."""
    read = []
    for one in files:
        digest, size = digest_and_size(folder / one.path)
        read.append(one.model_copy(update={"sha256": digest, "bytes": size}))
    formats = {one.format for one in files}
    others = [one for one in record.light if one.format not in formats]
    record = record.model_copy(update={"light": (*others, *read)})
    record = record.model_copy(update={"meaning": record.seal()})
    record.save(folder / "bundle.json")
    return record


def digest_and_size(path: Path) -> tuple[str, int]:
    """Returns SHA-256 and bytes of a file, or of all files of a folder with their names."""
    if path.is_file():
        return file_sha256(path), path.stat().st_size
    files = sorted(one for one in path.rglob("*") if one.is_file())
    listed = "".join(f"{file_sha256(one)} {one.relative_to(path).as_posix()}\n" for one in files)
    return hashlib.sha256(listed.encode()).hexdigest(), sum(one.stat().st_size for one in files)


ONNX = LightFormat(
    name="onnx",
    description="A bundle with model.onnx besides: from the waveform to the probabilities, for ONNX Runtime.",
    extra="onnx",
    modules=("onnx", "onnxruntime"),
    path="model.onnx",
    runtime="onnxruntime",
    int8_path="model.int8.onnx",
)
LITERT = LightFormat(
    name="litert",
    description="A bundle with model.tflite besides: from the waveform to the probabilities, for LiteRT.",
    extra="litert",
    modules=("tensorflow", "ai_edge_litert"),
    path="model.tflite",
    runtime="ai_edge_litert",
    int8_path="model.int8.tflite",
    int8_modules=("ai_edge_quantizer",),
)
SAVED_MODEL = LightFormat(
    name="saved-model",
    description="A bundle with a SavedModel besides: from the waveform to the probabilities, for TensorFlow.",
    extra=None,
    modules=("tensorflow",),
    path="saved_model",
    runtime="tensorflow",
    blocked=("librosa", "serbench", "jax", "torch"),
)
