"""Augmentation of batches is made in one place, for families that know of it and for those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from serbench.families import Hyperparameters, InvalidConfiguration, get_family
from serbench.families.augmentation import build_model

pytestmark = pytest.mark.children  # models are built, so Keras is imported


class Plain:
    """A family of before `BaseFamily` with a model of its own, which knows of no augmentation."""

    name = "plain"
    hyperparameters = Hyperparameters
    feature_kind = "acoustic"
    feature_axis = 1

    def build(self, hp, input_shape, n_classes, mean, std, seed):
        import keras

        inputs = keras.Input(input_shape)
        x = keras.layers.Normalization(axis=-1, mean=mean, variance=np.square(std))(inputs)
        return keras.Model(inputs, keras.layers.Flatten()(x))


def built(family, shape, **values):
    size = shape[family.feature_axis] if len(shape) > 1 else shape[0]
    hp = family.hyperparameters(**values)
    return build_model(family, hp, shape, 3, np.full(size, 2.0), np.full(size, 4.0), 0)


def test_a_mask_that_would_hide_whole_clips_is_refused():
    with pytest.raises(InvalidConfiguration, match="time_mask would hide whole clips"):
        built(get_family("cnn1d"), (1, 40), time_mask=10, depth=1)


def test_a_family_that_knows_of_none_is_shifted_all_the_same():
    clips = np.arange(2 * 12 * 3, dtype=np.float32).reshape(2, 12, 3)
    model = built(Plain(), (12, 3), time_shift=4.0)
    plain = ((clips - 2) / 4).reshape(2, -1)
    assert np.allclose(np.asarray(model(clips)), plain)
    shifted = np.asarray(model(clips, training=True)).reshape(2, 12, 3)
    assert not np.allclose(shifted.reshape(2, -1), plain)
    # Whole frames are moved: each is one of the clip's own.
    frames = plain.reshape(2, 12, 3)
    for clip, own in zip(shifted, frames, strict=True):
        assert all(np.isclose(own, frame).all(axis=1).any() for frame in clip)


def test_without_augmentation_the_model_is_the_familys_own():
    assert [layer.name for layer in built(Plain(), (12, 3)).layers][-1].startswith("flatten")
    assert "plain_augmented" not in built(Plain(), (12, 3)).name


@pytest.mark.parametrize(("name", "shape", "axis"), [("cnn1d", (40, 7), 1), ("cnn2d", (32, 40), 2)])
def test_a_family_of_serbench_has_the_layer_once_and_along_time(name, shape, axis):
    model = built(get_family(name), shape, time_shift=2.0, width=8, depth=2)
    (warp,) = [layer for layer in model.layers if type(layer).__name__ == "Warp"]
    assert (warp.name, warp.axis) == ("time_warp", axis)


def test_features_without_time_cannot_be_shifted():
    flat = Plain()
    flat.feature_axis = 0
    with pytest.raises(InvalidConfiguration, match="time_shift needs features with an axis of time"):
        built(flat, (5,), time_shift=1.0)
