"""`BundleRecord`: what `bundle.json` says of a bundle."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializeAsAny

from serbench.audio import MAX_SECONDS
from serbench.features import FeatureSpec
from serbench.records import (
    CorpusFacts,
    Environment,
    FrozenModel,
    InitFrom,
    ProtocolFacts,
    Record,
    Scores,
    TaughtBy,
    digest_of,
)

__all__ = ["BundleCheck", "BundleRecord", "Int8Facts", "JoinedNetwork", "LightFile"]


class BundleCheck(FrozenModel):
    """Result of the check at export: the bundle predicts the test clips again from their audio files."""

    clips: int
    largest_difference: float = Field(description="largest difference between recorded and repeated probabilities")
    same_label: int | None = Field(
        default=None, description="clips that get the recorded label; None if that was not counted"
    )
    levels_db: tuple[float, float] | None = Field(
        default=None, description="levels between which 95 of 100 of these clips lie (`levels.loudest_db`)"
    )


class Int8Facts(FrozenModel):
    """What it costs to compute a network in int8, measured on validation clips."""

    calibration_clips: int = Field(description="training clips that gave the ranges of the activations")
    trained_on: bool = Field(description="whether the network was trained on the clips of this check, too")
    uar: float | None = Field(description="UAR of the int8 file on the clips of its check; None if they lack a class")
    uar_float: float | None = Field(description="UAR of the Keras model on the same clips")

    @property
    def change(self) -> float | None:
        """What int8 changes the UAR by; None if the clips lack a class."""
        return None if self.uar is None or self.uar_float is None else self.uar - self.uar_float


class LightFile(FrozenModel):
    """One light file of a bundle: a graph from the waveform to the probabilities, for one runtime.

    Of an int8 file, `check` compares with the Keras model on validation clips, and differences are not bounded.
    """

    format: str
    path: str = Field(description="the file, or the folder of a SavedModel")
    sha256: str
    bytes: int = Field(ge=0)
    runtime: str = Field(description="the runtime that checked it, with its version")
    check: BundleCheck
    milliseconds: float | None = Field(
        default=None, description="CPU time for one clip on one core, median; None if it was not measured"
    )
    int8: Int8Facts | None = Field(default=None, description="what int8 costs; None for a file of floats")


class JoinedNetwork(FrozenModel):
    """One of the networks whose mean answer a bundle gives: the final network of a fold."""

    fold: int
    study: str
    entry: str
    refit: str
    seed: int
    check: BundleCheck = Field(description="its recorded answers to the test clips of its own fold, given again")


class BundleRecord(Record):
    """Description of a bundle: the content of `bundle.json`."""

    entry: str
    study: str
    refit: str
    family: str
    labels: tuple[str, ...] = Field(min_length=2, max_length=1000)
    features: SerializeAsAny[FeatureSpec]
    longest_clip_s: float = Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False)
    prediction_crops: int = Field(
        default=1, ge=1, le=9, description="windows of a clip longer than duration_s whose answers are averaged"
    )
    model_sha256: str
    meaning: str | None = Field(
        default=None, description="digest of labels, front end, windows and model: `BundleRecord.seal`"
    )
    parameters: int | None = Field(ge=0)
    config: dict[str, Any]
    seed: int
    scores: dict[str, Scores] = Field(description="scores of this run; the means of the entry are in metrics.json")
    corpus: CorpusFacts
    protocol: ProtocolFacts
    init: InitFrom | None = Field(default=None, description="the network that it started from")
    teacher: TaughtBy | None = Field(default=None, description="the answers that it learned from besides the labels")
    environment: Environment
    check: BundleCheck
    joined: tuple[JoinedNetwork, ...] = Field(
        default=(), description="the networks of a folded protocol that were averaged into this one; empty for others"
    )
    light: tuple[LightFile, ...] = Field(default=(), description="files for other runtimes, each with its own check")
    created: str

    def seal(self) -> str:
        """Returns a digest of labels, front end, windows, model and light files.

        A bundle in which one of them was changed would give wrong predictions without an error.
        """
        light = [[one.format, one.sha256] for one in self.light]
        crops = [] if self.prediction_crops == 1 else [self.prediction_crops]
        sealed = [self.labels, self.features.digest(), self.longest_clip_s, *crops, self.model_sha256, *light]
        return digest_of(sealed, length=32)
