from __future__ import annotations

import numpy as np
import pytest

from serbench.families import Hyperparameters
from serbench.families.optimizers import build_optimizer

pytestmark = pytest.mark.children


def rate(optimizer, step):
    optimizer.build([])
    optimizer.iterations.assign(step)
    return float(optimizer.learning_rate)


@pytest.mark.parametrize("name", ["rmsprop", "adam", "adamw", "nadam", "sgd"])
def test_every_name_is_its_optimiser_and_steps_downhill(name):
    import keras

    optimizer = build_optimizer(Hyperparameters(optimizer=name, schedule="constant", learning_rate=0.1), 10)
    assert type(optimizer).__name__.lower() == name
    weight = keras.Variable([1.0, -2.0])
    for _ in range(3):
        optimizer.apply([2 * weight.value], [weight])
    assert np.all(np.abs(np.asarray(weight)) < [1.0, 2.0])


@pytest.mark.parametrize("name", ["rmsprop", "sgd"])
def test_momentum_reaches_its_optimisers(name):
    assert build_optimizer(Hyperparameters(optimizer=name, momentum=0.7), 10).momentum == 0.7


def test_cosine_rises_to_the_rate_and_falls_to_zero():
    optimizer = build_optimizer(Hyperparameters(schedule="cosine", learning_rate=0.1, warmup=0.2), 100)
    rates = [rate(optimizer, step) for step in range(101)]
    assert rates[0] == 0.0
    assert rates[10] == pytest.approx(0.05)
    assert rates[20] == pytest.approx(max(rates)) == pytest.approx(0.1)
    assert rates[60] == pytest.approx(0.05)
    assert rates[100] == pytest.approx(0.0, abs=1e-6)


def test_cosine_without_warm_up_starts_at_the_rate():
    assert rate(build_optimizer(Hyperparameters(warmup=0.0, learning_rate=0.1), 100), 0) == pytest.approx(0.1)


@pytest.mark.parametrize("total_steps", [0, 1, 2])
def test_cosine_takes_very_short_fits(total_steps):
    optimizer = build_optimizer(Hyperparameters(warmup=0.5), total_steps)
    assert np.isfinite([rate(optimizer, step) for step in range(3)]).all()


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_plain_rate_can_be_lowered_by_a_callback(schedule):
    optimizer = build_optimizer(Hyperparameters(schedule=schedule, learning_rate=0.1), 100)
    assert rate(optimizer, 90) == pytest.approx(0.1)
    optimizer.learning_rate = 0.05
    assert rate(optimizer, 91) == pytest.approx(0.05)


def test_clip_norm_bounds_the_whole_gradient():
    import keras

    hp = Hyperparameters(optimizer="sgd", schedule="constant", learning_rate=1.0, clip_norm=1.0)
    weights = [keras.Variable([0.0]), keras.Variable([0.0])]
    build_optimizer(hp, 10).apply([keras.ops.array([30.0]), keras.ops.array([40.0])], weights)
    np.testing.assert_allclose([float(weight[0]) for weight in weights], [-0.6, -0.8], rtol=1e-5)


def test_weight_decay_spares_biases_and_batch_norm():
    import keras

    hp = Hyperparameters(optimizer="adamw", schedule="constant", learning_rate=0.1, weight_decay=0.5)
    weights = [keras.Variable([1.0], name=name) for name in ("kernel", "bias", "gamma", "beta")]
    build_optimizer(hp, 10).apply([keras.ops.zeros(1)] * 4, weights)
    assert [round(float(weight[0]), 4) for weight in weights] == [0.95, 1.0, 1.0, 1.0]
