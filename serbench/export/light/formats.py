"""The exporters `onnx`, `litert` and `saved-model`: a light file beside the Keras bundle, proved by its `run.py`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path

from serbench.export.bundle import CARD, BundleRecord, LightFile, file_digest
from serbench.export.card import model_card
from serbench.export.exporter import TrainedEntry
from serbench.export.keras_bundle import KERAS, recorded_answers
from serbench.export.light.convert import convert
from serbench.export.light.proof import prove, runner_source
from serbench.records import write_text_atomic

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
    """

    name: str
    description: str
    extra: str | None
    modules: tuple[str, ...]
    path: str
    runtime: str
    blocked: tuple[str, ...] = _ABSENT

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
        digest, size = digest_and_size(target)
        package = next(iter(packages_distributions().get(self.runtime, (self.runtime,))))
        runtime = f"{package} {version(package)}"
        file = LightFile(format=self.name, path=self.path, sha256=digest, bytes=size, runtime=runtime, check=check)
        others = tuple(one for one in record.light if one.format != self.name)
        record = record.model_copy(update={"light": (*others, file)})
        record = record.model_copy(update={"meaning": record.seal()})
        record.save(described)
        write_text_atomic(folder / CARD, model_card(record, trained.report, trained.study))
        return record


def digest_and_size(path: Path) -> tuple[str, int]:
    """Returns SHA-256 and bytes of a file, or of all files of a folder with their names."""
    if path.is_file():
        return file_digest(path), path.stat().st_size
    files = sorted(one for one in path.rglob("*") if one.is_file())
    listed = "".join(f"{file_digest(one)} {one.relative_to(path).as_posix()}\n" for one in files)
    return hashlib.sha256(listed.encode()).hexdigest(), sum(one.stat().st_size for one in files)


ONNX = LightFormat(
    name="onnx",
    description="A bundle with model.onnx besides: from the waveform to the probabilities, for ONNX Runtime.",
    extra="onnx",
    modules=("onnx", "onnxruntime"),
    path="model.onnx",
    runtime="onnxruntime",
)
LITERT = LightFormat(
    name="litert",
    description="A bundle with model.tflite besides: from the waveform to the probabilities, for LiteRT.",
    extra="litert",
    modules=("tensorflow", "ai_edge_litert"),
    path="model.tflite",
    runtime="ai_edge_litert",
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
