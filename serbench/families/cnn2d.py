"""`cnn2d`: a 2-D convolutional network over the log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from serbench.families.base import FRONT_END, Family, expect
from serbench.families.base_family import BaseFamily
from serbench.families.blocks import Blocks, filter_counts, idle_in_blocks
from serbench.families.hyperparameters import ConvHyperparameters, Hyperparameters, KernelSize

if TYPE_CHECKING:
    from serbench.features import FeatureKind

__all__ = ["CNN2D", "Cnn2dFamily", "Cnn2dHyperparameters"]


class Cnn2dHyperparameters(ConvHyperparameters):
    """Hyperparameters of the 2-D family. Its first block is the stem."""

    frequency_mask: int = Field(
        10,
        ge=0,
        le=64,
        description="Most adjacent mel bands masked at once in training; 0 is off.",
        json_schema_extra={
            "source": "SpecAugment: D. Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680"
        },
    )
    time_mask: int = Field(
        20,
        ge=0,
        le=100,
        description="Most adjacent frames masked at once in training; 0 is off.",
        json_schema_extra={
            "source": "SpecAugment: D. Park et al., 2019, https://doi.org/10.21437/Interspeech.2019-2680"
        },
    )
    frequency_warp: float = Field(
        0.0,
        ge=0.0,
        le=0.3,
        description="Largest stretch of the mel axis from 0 Hz, drawn per batch: other vocal tracts; 0 is off.",
        json_schema_extra={"source": "after vocal tract length perturbation: N. Jaitly, G. Hinton, ICML workshop 2013"},
    )
    second_channel: Literal["none", "slopes", "standardised"] = Field(
        "none",
        description="Channel beside the spectrogram: its slopes over five frames, or each band standardised over the "
        "clip.",
        json_schema_extra={
            "source": "slopes: S. Furui, 1986, https://doi.org/10.1109/TASSP.1986.1164788; standardised: after "
            "O. Viikki, K. Laurila, 1998, https://doi.org/10.1016/S0167-6393(98)00033-8",
            "later": True,
        },
    )
    stem: Literal["one", "parallel"] = Field(
        "one",
        description="Convolutions of the first block: one, or three side by side that are long in frequency, long in "
        "time, and square.",
        json_schema_extra={"source": "A. Aftab et al., 2022, https://arxiv.org/abs/2110.03435", "later": True},
    )
    stem_kernel: KernelSize = Field(
        5, description="Side of the first block's kernels; odd.", json_schema_extra={"only_when": {"stem": ["one"]}}
    )
    stem_stride: int = Field(2, ge=1, le=3, description="Stride of the first block along both axes.")
    stem_pool: Literal["none", "frequency", "both"] = Field(
        "frequency", description="Axes that the first block pools, by pool_size."
    )
    time_filters: int = Field(
        192, ge=0, le=512, description="Filters of a last convolution over time, across all frequencies; 0 is none."
    )

    def idle_fields(self) -> frozenset[str]:
        """Returns the fields that this configuration does not use: see `Hyperparameters.idle_fields`."""
        return super().idle_fields() | idle_in_blocks(self)


class Cnn2dFamily(BaseFamily):
    """The 2-D family. See `serbench.families.base.Family` for the contract."""

    name = "cnn2d"
    title = "2-D CNN"
    description = "Convolutions over the frequency and time of the log-mel spectrogram."
    hyperparameters: type[Hyperparameters] = Cnn2dHyperparameters
    feature_kind: FeatureKind = "log_mel"
    feature_axis = 0

    def default_features(self) -> dict[str, Any]:
        """Returns the keyword arguments of the log-mel `FeatureSpec`."""
        return {"kind": "log_mel", **FRONT_END}

    def default_space(self) -> str:
        """Returns the name of the space that comes with serbench."""
        return self.name

    def network(self, x: Any, hp: Hyperparameters, n_classes: int, seeds: Iterator[int]) -> Any:
        """Adds the layers after augmentation to `(batch, mel bands, frames)`; see `BaseFamily.network`."""
        import keras

        hp = expect(hp, Cnn2dHyperparameters)
        blocks = Blocks(hp, seeds)
        channel = keras.layers.Reshape((*x.shape[1:], 1), name="channel")(x)
        x = self._convolutions(self._with_second_channel(channel, hp), hp, blocks)
        # The position of a sound in frequency matters, in time hardly: the head pools over time only.
        bands, frames, channels = x.shape[1:]
        x = keras.layers.Permute((2, 1, 3), name="time_first")(x)
        x = keras.layers.Reshape((frames, bands * channels), name="fold_frequency")(x)
        if hp.time_filters:
            x = blocks.convolution(x, hp.time_filters, (3,), (1,), name="time", block="plain")
        return blocks.classify(blocks.clip_vector(x), n_classes)

    @staticmethod
    def _with_second_channel(x: Any, hp: Cnn2dHyperparameters) -> Any:
        if hp.second_channel == "none":
            return x
        import keras

        from serbench.families.layers import Slopes, StandardisedOverTime

        layer = {"slopes": Slopes, "standardised": StandardisedOverTime}[hp.second_channel]
        second = layer(axis=2, dtype="float32", name=hp.second_channel)(x)
        return keras.layers.Concatenate(dtype="float32", name="channels")([x, second])

    @staticmethod
    def _convolutions(x: Any, hp: Cnn2dHyperparameters, blocks: Blocks) -> Any:
        stem, *others = filter_counts(hp)
        size = hp.pool_size
        pool = {"none": (1, 1), "frequency": (size, 1), "both": (size, size)}[hp.stem_pool]
        kernel, strides = (hp.stem_kernel,) * 2, (hp.stem_stride,) * 2
        if hp.stem == "parallel":
            x = blocks.side_by_side(x, stem, ((11, 1), (1, 9), (3, 3)), pool, name="stem", strides=strides)
        else:
            x = blocks.convolution(x, stem, kernel, pool, name="stem", strides=strides, block="plain")
        for i, filters in enumerate(others, start=2):
            kernel = (hp.kernel_size,) * 2
            x = blocks.convolution(x, filters, kernel, (size, size), name=f"block{i}", place=i - 2)
        return x


CNN2D: Family = Cnn2dFamily()
