"""`gated_gru`: a convolution, gates over its channels, and a GRU over time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from serbench.families import BaseFamily, Family, Hyperparameters, expect

__all__ = ["GATED_GRU", "GatedGru", "GatedGruHyperparameters"]


class GatedGruHyperparameters(Hyperparameters):
    """What may vary, beside everything that training reads."""

    filters: int = Field(
        32, ge=8, le=128, description="Filters of the convolution.", json_schema_extra={"live": "named"}
    )
    units: int = Field(
        32,
        ge=8,
        le=128,
        description="Units of the GRU.",
        json_schema_extra={"live": "named", "source": "K. Cho et al., 2014, https://arxiv.org/abs/1406.1078"},
    )
    dropout: float = Field(0.1, ge=0.0, le=0.7, description="Dropout before the classifier.")
    time_mask: int = Field(
        0, ge=0, le=50, description="Most neighbouring frames hidden from training at once; 0 is off."
    )


class GatedGru(BaseFamily):
    """The family. Input, normalisation and augmentation are those of `BaseFamily`."""

    name = "gated_gru"
    title = "gated CNN + GRU"
    description = "A convolution over time, gates over its channels, and a GRU."
    hyperparameters: type[Hyperparameters] = GatedGruHyperparameters
    feature_kind = "band_energy"
    feature_axis = 1

    def default_space(self) -> str:
        """Returns the path of the space in this package."""
        return str(Path(__file__).with_name("gated_gru.toml"))

    def custom_objects(self) -> dict[str, Any]:
        """Returns the layers that only this package knows."""
        from serbench_plugin_example.layers import ChannelGate

        return {"serbench_plugin_example>ChannelGate": ChannelGate}

    def network(self, x: Any, hp: Hyperparameters, n_classes: int, seeds: Iterator[int]) -> Any:
        """Adds the network to `(batch, frames, bands)`."""
        import keras

        from serbench_plugin_example.layers import ChannelGate

        hp = expect(hp, GatedGruHyperparameters)
        layers, start = keras.layers, keras.initializers
        x = layers.Conv1D(
            hp.filters, 5, padding="same", activation="relu", kernel_initializer=start.HeNormal(seed=next(seeds))
        )(x)
        x = ChannelGate(bias=1.0, name="gate")(x)
        x = layers.GRU(
            hp.units,
            kernel_initializer=start.GlorotUniform(seed=next(seeds)),
            recurrent_initializer=start.Orthogonal(seed=next(seeds)),
        )(x)
        x = layers.Dropout(hp.dropout, seed=next(seeds))(x)
        return layers.Dense(
            n_classes,
            activation="softmax",
            kernel_initializer=start.GlorotUniform(seed=next(seeds)),
            dtype="float32",
            name="probabilities",
        )(x)


GATED_GRU: Family = GatedGru()
