"""`BaseFamily`: base class for new families. A subclass provides names, hyperparameters and a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from serbench.families.augmentation import augmented
from serbench.families.base import expect, seed_stream, statistics
from serbench.families.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    import keras

    from serbench.features import FeatureKind

__all__ = ["BaseFamily"]


class BaseFamily:
    """Base class of a family. A subclass provides the attributes below, and may override `default_features`.

    A subclass must define `network`. Input, normalisation and augmentation of training batches are built here, the same
    for all families. `serbench.families.Family` explains each member.

    Attributes:
        name: `[a-z0-9_]+`, the same as its entry point.
        title: name in tables.
        description: one sentence.
        hyperparameters: the class, whose defaults give a good model.
        feature_kind: name of the front end that it reads.
        feature_axis: axis of the input whose entries keep their own mean and std; the other is time.
    """

    name: str
    title: str
    description: str
    hyperparameters: type[Hyperparameters]
    feature_kind: FeatureKind
    feature_axis: int

    def default_features(self) -> dict[str, Any]:
        """Returns the settings of the front end, with the front end's own defaults."""
        return {"kind": self.feature_kind}

    def default_space(self) -> str:
        """Returns the name or path of the default space for `serbench search NAME`; empty for none."""
        return ""

    def custom_objects(self) -> dict[str, Any]:
        """Returns the family's own Keras classes by registered name. There are none by default."""
        return {}

    def network(self, x: Any, hp: Hyperparameters, n_classes: int, seeds: Iterator[int]) -> Any:
        """Adds the network to normalised, augmented features.

        Args:
            x: symbolic float32 `(batch, *input_shape)`.
            hp: an instance of `self.hyperparameters`; `serbench.families.expect` narrows its type.
            n_classes: number of classes.
            seeds: endless stream of seeds. Every initialiser and every random layer takes its own, so that the same
                seed gives the same model.

        Returns:
            Symbolic float32 `(batch, n_classes)`, the softmax of a layer named `probabilities`.

        Raises:
            InvalidConfiguration: no model can be built from the hyperparameters for this input.
        """
        raise NotImplementedError(f"family '{self.name}' has no network; define `network`")

    def build(
        self,
        hp: Hyperparameters,
        input_shape: tuple[int, ...],
        n_classes: int,
        mean: ArrayLike,
        std: ArrayLike,
        seed: int,
    ) -> keras.Model:
        """Builds input, normalisation, augmentation and network; see `Family.build`."""
        import keras

        expect(hp, self.hyperparameters)
        means, variances = statistics(mean, std, input_shape[self.feature_axis])
        seeds = seed_stream(seed)
        last = self.feature_axis == len(input_shape) - 1
        inputs = keras.Input(input_shape, dtype="float32", name=self.feature_kind)
        normalise = keras.layers.Normalization(
            axis=-1 if last else self.feature_axis + 1,
            mean=means,
            variance=variances,
            dtype="float32",
            name="normalise",
        )
        x = augmented(normalise(inputs), hp, self.feature_axis, seeds)
        return keras.Model(inputs, self.network(x, hp, n_classes, seeds), name=self.name)
