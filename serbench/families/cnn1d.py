"""`cnn1d`: a 1-D convolutional network over ZCR, energy, RMS, chroma and MFCC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from serbench.families.base import FRONT_END, Family, expect
from serbench.families.base_family import BaseFamily
from serbench.families.blocks import Blocks, filter_counts, idle_in_blocks
from serbench.families.hyperparameters import ConvHyperparameters, Hyperparameters, KernelSize
from serbench.families.training_layers import functionals

if TYPE_CHECKING:
    from serbench.features import FeatureKind

ENERGY_COLUMN = 1
"""Place of `log_energy` among the features of a frame of the front end `acoustic`."""

_CONVOLUTIONAL = (
    "depth", "width", "growth", "kernel_size", "pooling", "pool_size", "batch_norm", "block", "squeeze", "dropout",
    "head", "representation",
)  # fmt: skip

_OF_HIDDEN_LAYERS = frozenset({"activation", "regulariser", "l1", "l2"})

__all__ = ["CNN1D", "Cnn1dFamily", "Cnn1dHyperparameters"]


class Cnn1dHyperparameters(ConvHyperparameters):
    """Hyperparameters of the 1-D family."""

    width: int = Field(96, ge=8, le=256, description="Filters of the first block.")
    growth: float = Field(
        1.4, ge=1.0, le=2.0, description="Growth of the filters from block to block (rounded to multiples of 8)."
    )
    kernel_size: KernelSize = Field(5, description="Length of the kernels, in frames; odd.")
    dropout: float = Field(0.2, ge=0.0, le=0.7, description="Dropout after each block.")
    representation: Literal["sequence", "summary"] = Field(
        "sequence",
        description="Frames in their order, or one vector of their mean, std, min and max convolved along the "
        "features.",
    )
    functionals: Literal["none", "branch", "alone"] = Field(
        "none",
        description="Statistics over time, such as percentiles and slopes, of the frames that hold sound: beside the "
        "convolutions' clip vector, or alone, without convolutions.",
        json_schema_extra={
            "source": "B. Schuller et al., 2009, https://doi.org/10.21437/Interspeech.2009-103",
            "later": True,
            "own_front_end": True,  # one of its columns is the energy
        },
    )
    time_mask: int = Field(
        0,
        ge=0,
        le=100,
        description="Most adjacent frames masked at once in training; 0 is off.",
        json_schema_extra={
            "source": "SpecAugment: D. Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680"
        },
    )
    feature_mask: int = Field(
        0,
        ge=0,
        le=64,
        description="Most adjacent feature rows masked at once in training; 0 is off.",
        json_schema_extra={
            "source": "after SpecAugment: D. Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680"
        },
    )

    @classmethod
    def conditions(cls) -> dict[str, dict[str, list[Any]]]:
        """Returns the conditions of all fields. Those of the convolutions are idle where functionals are alone.

        >>> Cnn1dHyperparameters.conditions()["depth"]
        {'functionals': ['none', 'branch']}
        """
        convolved = {name: {"functionals": ["none", "branch"]} for name in _CONVOLUTIONAL}
        return {**super().conditions(), **convolved}

    def idle_fields(self) -> frozenset[str]:
        """Returns the fields that this configuration does not use: see `Hyperparameters.idle_fields`.

        Functionals without a hidden layer leave one layer, the softmax: nothing is activated or penalised.

        >>> "activation" in Cnn1dHyperparameters(functionals="alone", dense_width=0).idle_fields()
        True
        """
        softmax_alone = self.functionals == "alone" and not self.dense_width
        hidden = _OF_HIDDEN_LAYERS if softmax_alone else frozenset()
        return super().idle_fields() | idle_in_blocks(self) | hidden


class Cnn1dFamily(BaseFamily):
    """The 1-D family. See `serbench.families.base.Family` for the contract."""

    name = "cnn1d"
    title = "1-D CNN"
    description = "Convolutions over time (or over summary statistics) of acoustic features per frame."
    hyperparameters: type[Hyperparameters] = Cnn1dHyperparameters
    feature_kind: FeatureKind = "acoustic"
    feature_axis = 1

    def default_features(self) -> dict[str, Any]:
        """Returns the keyword arguments of the acoustic `FeatureSpec`."""
        return {"kind": "acoustic", **FRONT_END}

    def default_space(self) -> str:
        """Returns the name of the space that comes with serbench."""
        return self.name

    def network(self, x: Any, hp: Hyperparameters, n_classes: int, seeds: Iterator[int]) -> Any:
        """Adds the layers after augmentation to `(batch, frames, features)`; see `BaseFamily.network`.

        A `summary` is a sequence of `4 * features` values with one channel. Its kernels and pools run along the
        features, as is common in course work of the field.
        """
        hp = expect(hp, Cnn1dHyperparameters)
        blocks = Blocks(hp, seeds)
        vectors = []
        if hp.functionals != "alone":
            vectors.append(self._convolved(x, hp, blocks))
        if hp.functionals != "none":
            vectors.append(self._functionals(x, blocks))
        return blocks.classify(blocks.joined(vectors), n_classes)

    @staticmethod
    def _convolved(x: Any, hp: Cnn1dHyperparameters, blocks: Blocks) -> Any:
        if hp.representation == "summary":
            import keras

            from serbench.families.layers import SummaryStatistics

            features = x.shape[-1]
            x = SummaryStatistics(dtype="float32", name="summary")(x)
            x = keras.layers.Reshape((4 * features, 1), name="summary_sequence")(x)
        for i, filters in enumerate(filter_counts(hp)):
            x = blocks.convolution(x, filters, (hp.kernel_size,), (hp.pool_size,), name=f"block{i + 1}", place=i)
        return blocks.clip_vector(x)

    def _functionals(self, x: Any, blocks: Blocks) -> Any:
        """Adds statistics of the frames, each standardised over the training clips."""
        energy = ENERGY_COLUMN if self.feature_kind == "acoustic" else None
        return blocks.standardised(functionals(energy, dtype="float32", name="functionals")(x), "functionals")


CNN1D: Family = Cnn1dFamily()
