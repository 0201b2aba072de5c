"""`Family`: the interface of a model family, so that training, search and export work with any family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike
from pydantic import ValidationError

from serbench.errors import UsageError, unknown
from serbench.families.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    import keras

    from serbench.features import FeatureKind

__all__ = [
    "FRONT_END",
    "Family",
    "InvalidConfiguration",
    "MinimalFamily",
    "expect",
    "parse_hyperparameters",
    "seed_stream",
    "statistics",
]

# Frames of 46 ms every 23 ms up to 5.5 kHz: what the first recipe was measured with. A copy of a corpus at
# 11,025 Hz and its original at 16 kHz are then the same to a model.
FRONT_END: dict[str, Any] = {"sample_rate": 11_025, "duration_s": 3.0, "window_length": 512, "hop_length": 256}

H = TypeVar("H", bound=Hyperparameters)


class InvalidConfiguration(UsageError):  # noqa: N818 -- it is a state of a trial, too
    """Hyperparameters that are each valid but together make no model. Such a trial is invalid, not failed."""


@runtime_checkable
class MinimalFamily(Protocol):
    """The members that every plug-in needs to be loaded as a family; see `Family`."""

    @property
    def name(self) -> str:
        """The name in commands, files and records: lower case, `[a-z0-9_]+`."""
        ...

    @property
    def title(self) -> str:
        """The name in tables and figures, such as `1-D CNN`."""
        ...

    @property
    def description(self) -> str:
        """One sentence that says what the model reads, and how."""
        ...

    @property
    def hyperparameters(self) -> type[Hyperparameters]:
        """Class of the hyperparameters. Its defaults give a good model."""
        ...

    @property
    def feature_kind(self) -> FeatureKind:
        """What the model reads: `acoustic` (frames, features) or `log_mel` (mel bands, frames)."""
        ...

    @property
    def feature_axis(self) -> int:
        """Axis of `input_shape` whose entries keep their own mean and std; statistics are taken over all others."""
        ...

    def default_features(self) -> dict[str, Any]:
        """Returns the keyword arguments of the family's default `FeatureSpec`."""
        ...

    def build(
        self,
        hp: Hyperparameters,
        input_shape: tuple[int, ...],
        n_classes: int,
        mean: ArrayLike,
        std: ArrayLike,
        seed: int,
    ) -> keras.Model:
        """Builds an uncompiled model. The same arguments give the same initial weights.

        Args:
            hp: an instance of `self.hyperparameters`.
            input_shape: shape of one clip's raw features, without the batch axis.
            n_classes: number of classes, at least 2.
            mean: feature means of the training clips, shape `(input_shape[feature_axis],)`.
            std: standard deviations, shape as `mean`. Zero (a constant feature) is replaced by 1.
            seed: seed of initial weights, dropout and masks.

        Returns:
            A model from float32 `(batch, *input_shape)`, which it normalises with `mean` and `std`, to float32
            `(batch, n_classes)`, the softmax of a layer named `probabilities`. Regularisers are in its `losses`.

        Raises:
            InvalidConfiguration: no model can be built for this input, because pooling leaves nothing or a kernel is
                far too large. Nothing large has been allocated by then.
            TypeError: `hp` belongs to another family.
            ValueError: `mean` or `std` do not fit the input.
        """
        ...


@runtime_checkable
class Family(MinimalFamily, Protocol):
    """A model family: typed hyperparameters and a function that builds an uncompiled Keras model of them.

    A plug-in offers one stateless object with these members through the entry-point group `serbench.families`. The
    entry point has the same name as the object. Importing its module must not import Keras.

    The easiest way is a subclass of `serbench.families.BaseFamily`, which provides everything except the names and the
    network. An object without `custom_objects` and `default_space` is also accepted and gets those of `BaseFamily`.
    """

    def default_space(self) -> str:
        """Returns the space that `serbench search NAME` uses: the name of a space, or the path of a `.toml` file.

        A plug-in returns a file in its own package, such as `str(Path(__file__).with_name("my_family.toml"))`. Empty
        if the family has no default space.
        """
        ...

    def custom_objects(self) -> dict[str, Any]:
        """Returns the family's own Keras classes by registered name, such as `{"my_package>MyLayer": MyLayer}`.

        A saved model is loaded with these and serbench's own classes, and with no others. May import Keras.
        """
        ...


def parse_hyperparameters(family: Family, values: Mapping[str, Any]) -> Hyperparameters:
    """Makes a family's hyperparameters from plain values, as read from a file or proposed by a sampler.

    Raises:
        UsageError: the family has no hyperparameter of that name.
        InvalidConfiguration: a value is out of bounds, or values contradict each other.
    """
    known = family.hyperparameters.model_fields
    for name in values:
        if name not in known:
            raise unknown("hyperparameter", name, known, hint=f"(family {family.name})")
    try:
        return family.hyperparameters.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidConfiguration(f"{family.name}: {'; '.join(_sentences(error))}") from None


def _sentences(error: ValidationError) -> list[str]:
    found = []
    for item in error.errors(include_url=False):
        message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
        where = ".".join(str(part) for part in item["loc"])
        found.append(f"{where} = {item['input']!r} {message}" if where else message)
    return found


def expect(hp: Hyperparameters, cls: type[H]) -> H:
    """Returns `hp`, narrowed to the class that a family builds from.

    Raises:
        TypeError: `hp` belongs to another family.
    """
    if not isinstance(hp, cls):
        raise TypeError(f"expected {cls.__name__}, got {type(hp).__name__}")
    return hp


def seed_stream(seed: int) -> Iterator[int]:
    """Yields an endless, reproducible stream of seeds for layers and initialisers."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(1, 2**31 - 1))


def statistics(mean: ArrayLike, std: ArrayLike, size: int) -> tuple[list[float], list[float]]:
    """Returns mean and variance of `size` features as lists; a constant feature gets variance 1.

    Raises:
        ValueError: the number of values is wrong, or a value is not finite.
    """
    means, stds = (np.asarray(values, dtype=np.float64).reshape(-1) for values in (mean, std))
    if means.shape != (size,) or stds.shape != (size,):
        raise ValueError(f"mean and std need {size} values each, got {means.size} and {stds.size}")
    if not (np.isfinite(means).all() and np.isfinite(stds).all()):
        raise ValueError("mean and std must be finite")
    variance = np.where(stds > 1e-8, np.square(stds), 1.0)
    return means.tolist(), variance.tolist()
