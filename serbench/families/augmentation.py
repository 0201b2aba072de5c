"""Augmentation of training batches for all families: turns hyperparameters into layers.

Every family has `time_shift` and `time_stretch`. A family that also declares hyperparameters named `time_mask`,
`feature_mask`, `frequency_mask` or `frequency_warp` gets those layers, too. The layers do nothing at inference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from serbench.families.base import Family, InvalidConfiguration
from serbench.families.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    import keras

__all__ = ["augmented", "build_model"]

_ZERO_HZ = -1.0  # one step below the centre of the first mel band, where bands begin at 0 Hz
_TIME_WARP = "time_warp"
_NAMES = ("time_shift", "time_stretch", "time_mask", "feature_mask", "frequency_mask", "frequency_warp")


def augmented(x: Any, hp: Hyperparameters, feature_axis: int, seeds: Iterator[int]) -> Any:
    """Adds the augmentation layers that the hyperparameters ask for, if any.

    Args:
        x: normalised features, a symbolic `(batch, *input_shape)`.
        hp: hyperparameters of any family.
        feature_axis: feature axis of the input shape, as in `Family.feature_axis`; the other axis is time.
        seeds: stream of seeds; each layer takes one.

    Raises:
        InvalidConfiguration: augmentation is requested, but the features do not have exactly two axes, or a time mask
            and there is one frame.
    """
    from serbench.families.layers import FrequencyMask, TimeMask
    from serbench.families.warps import Warp

    asked = {name: getattr(hp, name, 0) for name in _NAMES}
    if not any(asked.values()):
        return x
    _two_axes(tuple(x.shape[1:]), next(name for name, value in asked.items() if value))
    feature, time = feature_axis + 1, 2 - feature_axis
    if asked["time_mask"] and x.shape[time] == 1:
        raise InvalidConfiguration("time_mask would hide whole clips, since these features have one frame; set it to 0")
    if asked["frequency_warp"]:
        warp = asked["frequency_warp"]
        x = Warp(warp, axis=feature, anchor=_ZERO_HZ, seed=next(seeds), dtype="float32", name="frequency_warp")(x)
    if hp.time_shift or hp.time_stretch:
        x = Warp(hp.time_stretch, hp.time_shift, axis=time, seed=next(seeds), dtype="float32", name=_TIME_WARP)(x)
    for name in ("feature_mask", "frequency_mask"):
        if asked[name]:
            x = FrequencyMask(asked[name], axis=feature, seed=next(seeds), dtype="float32", name=name)(x)
    if asked["time_mask"]:
        x = TimeMask(asked["time_mask"], axis=time, seed=next(seeds), dtype="float32", name="time_mask")(x)
    return x


def build_model(
    family: Family,
    hp: Hyperparameters,
    input_shape: tuple[int, ...],
    n_classes: int,
    mean: ArrayLike,
    std: ArrayLike,
    seed: int,
) -> keras.Model:
    """Builds a family's model and makes sure that it shifts and stretches clips during training.

    A family that is not a `BaseFamily` and has its own `build` need not support `time_shift` and `time_stretch`: this
    function puts the layer before its model. Interpolation along time gives the same result before and after
    normalisation.

    Args:
        family: any family.
        hp: as in `Family.build`, like all arguments that follow.
        input_shape: shape of one clip's features.
        n_classes: number of classes.
        mean: feature means of the training clips.
        std: standard deviations of the training clips.
        seed: seed of the initial weights and all random layers.

    Raises:
        InvalidConfiguration: no model can be built from the hyperparameters for this input.
    """
    model = family.build(hp, input_shape, n_classes, mean, std, seed)
    if not (hp.time_shift or hp.time_stretch) or any(layer.name == _TIME_WARP for layer in model.layers):
        return model
    import keras

    from serbench.families.warps import Warp

    _two_axes(input_shape, "time_shift")
    own_seed = int(np.random.default_rng([seed, 1]).integers(1, 2**31 - 1))
    inputs = keras.Input(input_shape, dtype="float32", name=family.feature_kind)
    warp = Warp(
        hp.time_stretch, hp.time_shift, axis=2 - family.feature_axis, seed=own_seed, dtype="float32", name=_TIME_WARP
    )
    return keras.Model(inputs, model(warp(inputs)), name=f"{family.name}_augmented")


def _two_axes(input_shape: tuple[int | None, ...], name: str) -> None:
    if len(input_shape) != 2:
        raise InvalidConfiguration(
            f"{name} needs features with an axis of time and one of features, and these have {len(input_shape)} "
            f"axes: set {name} to 0"
        )
