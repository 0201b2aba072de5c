"""`head`: a small head on features that need no convolution, such as the states of a frozen encoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from serbench.families.base import FRONT_END, Family, InvalidConfiguration, expect
from serbench.families.base_family import BaseFamily
from serbench.families.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    from serbench.features import FeatureKind

__all__ = ["HEAD", "HeadFamily", "HeadHyperparameters"]

_MOST_WEIGHTS = 2**24


class HeadHyperparameters(Hyperparameters):
    """Hyperparameters of the head."""

    projection: int = Field(
        0, ge=0, le=1024, description="Units that each frame is projected to before pooling; 0 is none."
    )
    activation: Literal["relu", "elu", "gelu", "swish", "leaky_relu"] = Field(
        "relu",
        description="Non-linearity of all hidden layers.",
        json_schema_extra={
            "source": "elu: D.-A. Clevert et al., https://arxiv.org/abs/1511.07289; gelu: D. Hendrycks, K. Gimpel, "
            "https://arxiv.org/abs/1606.08415; swish: P. Ramachandran et al., https://arxiv.org/abs/1710.05941"
        },
    )
    head: Literal["flatten", "average", "average_max", "attention"] = Field(
        "average_max",
        description="How the frames of a clip are combined into one vector.",
        json_schema_extra={
            "source": "attention: S. Mirsamadi et al., 2017, https://doi.org/10.1109/ICASSP.2017.7952552",
            "live": "value",
        },
    )
    dense_width: int = Field(
        96, ge=0, le=512, description="Units of the hidden dense layer; 0 is none.", json_schema_extra={"live": "named"}
    )
    dense_dropout: float = Field(
        0.2, ge=0.0, le=0.7, description="Dropout of the clip vector and after the hidden dense layer."
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

    def idle_fields(self) -> frozenset[str]:
        """Returns the fields that this configuration does not use: see `Hyperparameters.idle_fields`.

        Without a projection and a hidden layer, nothing is activated.

        >>> "activation" in HeadHyperparameters(projection=0, dense_width=0).idle_fields()
        True
        """
        softmax_alone = not self.projection and not self.dense_width
        return super().idle_fields() | (frozenset({"activation"}) if softmax_alone else frozenset())


class HeadFamily(BaseFamily):
    """The head. See `serbench.families.base.Family` for the contract."""

    name = "head"
    title = "head"
    description = "A projection, pooling over time and a hidden layer, for features such as those of a frozen encoder."
    hyperparameters: type[Hyperparameters] = HeadHyperparameters
    feature_kind: FeatureKind = "acoustic"
    feature_axis = 1

    def default_features(self) -> dict[str, Any]:
        """Returns the keyword arguments of the acoustic `FeatureSpec`. A space may name front end `encoder` instead."""
        return {"kind": "acoustic", **FRONT_END}

    def network(self, x: Any, hp: Hyperparameters, n_classes: int, seeds: Iterator[int]) -> Any:
        """Adds the layers after augmentation to `(batch, frames, features)`; see `BaseFamily.network`."""
        import keras

        hp = expect(hp, HeadHyperparameters)

        def dense(x: Any, units: int, name: str) -> Any:
            if x.shape[-1] * units > _MOST_WEIGHTS:
                raise InvalidConfiguration(
                    f"{name} alone would have {x.shape[-1] * units:,} weights, more than the {_MOST_WEIGHTS:,} that "
                    f"any layer may have: lower {name}, or choose a head other than flatten"
                )
            start = keras.initializers.HeNormal(seed=next(seeds))
            return keras.layers.Dense(units, activation=hp.activation, kernel_initializer=start, name=name)(x)

        def dropped(x: Any, name: str) -> Any:
            return keras.layers.Dropout(hp.dense_dropout, seed=next(seeds), name=name)(x) if hp.dense_dropout else x

        if hp.projection:
            x = dense(x, hp.projection, "projection")
        x = dropped(_clip_vector(x, hp), "vector_dropout")
        if hp.dense_width:
            x = dropped(dense(x, hp.dense_width, "dense"), "dense_dropout")
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        classes = keras.layers.Dense(
            n_classes, activation="softmax", kernel_initializer=start, dtype="float32", name="probabilities"
        )
        return classes(x)


def _clip_vector(x: Any, hp: HeadHyperparameters) -> Any:
    """Turns `(batch, frames, channels)` into one vector a clip."""
    import keras

    from serbench.families.layers import AttentionPooling

    if hp.head == "flatten" or x.shape[1] == 1:  # features that are one vector a clip have nothing to pool
        return keras.layers.Flatten(name="flatten")(x)
    if hp.head == "attention":
        return AttentionPooling(dtype="float32", name="attention")(x)
    average = keras.layers.GlobalAveragePooling1D(dtype="float32", name="average")(x)
    if hp.head == "average":
        return average
    maximum = keras.layers.GlobalMaxPooling1D(dtype="float32", name="maximum")(x)
    return keras.layers.Concatenate(dtype="float32", name="average_max")([average, maximum])


HEAD: Family = HeadFamily()
