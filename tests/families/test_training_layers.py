"""Layers for training only: the same results as Keras' own, and none of them in the model that is kept."""

from __future__ import annotations

import numpy as np
import pytest

from serbench.families import fast_training, get_family, has_training_layers

pytestmark = pytest.mark.children

SHAPES = {
    "whole registers": (6, 5, 4, 48),
    "pairs of positions": (6, 4, 3, 24),
    "an odd number of positions": (5, 5, 24),
    "channels without pairs": (6, 4, 20),
    "one position": (1, 1, 24),
}


def trained_once(layer, x: np.ndarray, upstream: np.ndarray) -> list[np.ndarray]:
    """Output and gradients of one training step, then weights, then the output outside training."""
    import tensorflow as tf

    layer.build((None, *x.shape[1:]))
    layer.gamma.assign(np.linspace(-1, 2, x.shape[-1]))
    layer.beta.assign(np.linspace(0, 1, x.shape[-1]))

    @tf.function
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.cast(layer(inputs, training=True), tf.float32)
            loss = tf.reduce_sum(outputs * upstream)
        return [outputs, *tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])]

    found = [*step(tf.constant(x)), *layer.get_weights()[2:], tf.cast(layer(x, training=False), tf.float32)]
    return [np.asarray(part) for part in found]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.02)])
def test_fused_batch_normalisation_is_that_of_keras(shape, policy, tolerance) -> None:
    import keras

    from serbench.families.fused_norm import FusedBatchNormalization

    rng = np.random.default_rng(0)
    x = (2 * rng.standard_normal(shape) + 1).astype(np.float32)
    upstream = rng.standard_normal(shape).astype(np.float32)
    plain = trained_once(keras.layers.BatchNormalization(momentum=0.9), x, upstream)
    fused = trained_once(FusedBatchNormalization(momentum=0.9, dtype=policy), x, upstream)
    names = ("output", "gradient", "gamma", "beta", "moving mean", "moving variance", "inference")
    for name, expected, found in zip(names, plain, fused, strict=True):
        assert np.abs(found - expected).max() <= tolerance * max(1.0, np.abs(expected).max()), name


def built(name: str, **config):
    family = get_family(name)
    shape = {"cnn1d": (24, 9), "cnn2d": (16, 24)}[name]
    size = shape[family.feature_axis]
    hp = family.hyperparameters(**({"depth": 2, "width": 8} | config))
    return family.build(hp, shape, 3, np.zeros(size), np.ones(size), 5)


@pytest.mark.parametrize("name", ["cnn1d", "cnn2d"])
def test_only_models_built_for_training_have_training_layers_and_weights_fit_both(name) -> None:
    with fast_training():
        fast = built(name)
    plain = built(name)
    assert (has_training_layers(fast), has_training_layers(plain)) == (True, False)
    assert not has_training_layers(built(name, batch_norm=False))
    for ours, theirs in zip(fast.weights, plain.weights, strict=True):
        assert ours.path.split("/")[-2:] == theirs.path.split("/")[-2:]
    clips = np.random.default_rng(1).standard_normal((5, *plain.input_shape[1:])).astype(np.float32)
    fast.compile("sgd", "mse")
    fast.fit(clips, np.eye(3)[[0, 1, 2, 0, 1]], verbose=0)
    plain.set_weights(fast.get_weights())
    assert np.allclose(plain(clips), fast(clips, training=False), atol=1e-6)


@pytest.mark.parametrize(
    ("config", "order"),
    [
        ({}, ["block1_pool", "block1_relu"]),
        ({"activation": "swish"}, ["block1_swish", "block1_pool"]),
        ({"activation": "elu"}, ["block1_elu", "block1_pool"]),
        ({"pooling": "average"}, ["block1_relu", "block1_pool"]),
        ({"squeeze": 4}, ["block1_relu", "block1_pool"]),
        ({"block": "residual"}, ["block1_relu", "block1_pool", "block1_sum_relu"]),
    ],
    ids=str,
)
def test_an_activation_follows_max_pooling_where_that_changes_nothing(config, order) -> None:
    names = [layer.name for layer in built("cnn1d", **config).layers]
    assert [name for name in names if name in order] == order


def test_functionals_for_training_are_those_of_the_kept_model() -> None:
    import tensorflow as tf

    from serbench.families.fast_functionals import FastFunctionals
    from serbench.families.layers import Functionals

    rng = np.random.default_rng(2)
    clips = rng.standard_normal((6, 30, 4)).astype(np.float32)
    clips[0, 20:] = clips[..., 1].min() - 1  # the silence that fills up a short clip
    clips[1, :, 2] = 0.0
    fast, plain = (tf.function(layer) for layer in (FastFunctionals(1), Functionals(1)))
    assert np.array_equal(fast(clips), plain(clips))
    assert np.array_equal(FastFunctionals(None)(clips), Functionals(None)(clips))


@pytest.mark.parametrize("functionals", ["branch", "alone"])
def test_a_network_on_functionals_trains_with_the_fast_ones_and_is_kept_without(functionals) -> None:
    with fast_training():
        fast = built("cnn1d", functionals=functionals)
    plain = built("cnn1d", functionals=functionals)
    assert (has_training_layers(fast), has_training_layers(plain)) == (True, False)
    clips = np.random.default_rng(1).standard_normal((5, *plain.input_shape[1:])).astype(np.float32)
    fast.compile("sgd", "mse")
    fast.fit(clips, np.eye(3)[[0, 1, 2, 0, 1]], verbose=0)
    plain.set_weights(fast.get_weights())
    assert np.allclose(plain(clips), fast(clips, training=False), atol=1e-6)
