"""Starting from a trained network: which layers are copied, and what stays new."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from serbench.training import ClipTargets

pytestmark = pytest.mark.children

LABELS = ("anger", "joy", "sadness")
SMALL = {
    "depth": 2, "width": 8, "dense_width": 8, "batch_norm": True, "schedule": "constant", "mixup": 0.0,
    "learning_rate": 0.01, "dropout": 0.0, "dense_dropout": 0.0, "batch_size": 16,
}  # fmt: skip


def built(seed: int, classes: int = 3, mean: float = 0.0, **config):
    """An untrained network of the 1-D family on 20 frames of 5 features."""
    from serbench.families import build_model, get_family, parse_hyperparameters

    family = get_family("cnn1d")
    hp = parse_hyperparameters(family, SMALL | config)
    return build_model(family, hp, (20, 5), classes, np.full(5, mean), np.full(5, 2.0), seed)


def weights(model) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}


def equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def copied(model, trained, *, classifier: bool = True) -> int:
    from serbench.training.weights import copy_weights

    return copy_weights(model, trained, classifier=classifier)


def test_every_layer_that_fits_is_copied_and_normalisation_is_new() -> None:
    trained, model = built(1, mean=7.0), built(2, mean=3.0)
    moved = trained.get_layer("block1_norm").get_weights()
    trained.get_layer("block1_norm").set_weights([values + 0.5 for values in moved])
    before = weights(model)
    count = copied(model, trained)
    after, theirs = weights(model), weights(trained)
    assert set(after) >= {"block1_conv", "block1_norm", "block2_conv", "dense", "probabilities"}
    assert all(equal(after[name], theirs[name]) for name in after)
    assert not equal(after["block1_conv"], before["block1_conv"])
    assert count == sum(values.size for layer in theirs.values() for values in layer)
    assert np.allclose(np.asarray(model.get_layer("normalise").mean), 3.0)


def test_a_saved_network_keeps_its_own_normalisation_out(tmp_path) -> None:
    """As `keras.saving` restores them, its statistics may be weights, which must not be copied either."""
    import keras

    trained, model = built(1, mean=7.0), built(2, mean=3.0)
    x = np.random.default_rng(0).normal(3.0, 1.0, size=(4, 20, 5)).astype(np.float32)
    trained.save(tmp_path / "model.keras")
    from serbench.families import custom_objects

    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects=custom_objects("cnn1d"), compile=False)
    copied(model, loaded)
    assert np.allclose(np.asarray(model.predict_on_batch(x)), np.asarray(trained.predict_on_batch(x + 4.0)), atol=1e-5)


def test_a_classifier_of_other_classes_stays_new() -> None:
    trained, model = built(1, classes=4), built(2)
    before = weights(model)["probabilities"]
    copied(model, trained)
    assert equal(weights(model)["probabilities"], before)
    assert equal(weights(model)["dense"], weights(trained)["dense"])


def test_a_classifier_of_as_many_other_classes_is_copied_only_if_asked() -> None:
    trained, model = built(1), built(2)
    before = weights(model)["probabilities"]
    copied(model, trained, classifier=False)
    assert equal(weights(model)["probabilities"], before)
    copied(model, trained, classifier=True)
    assert equal(weights(model)["probabilities"], weights(trained)["probabilities"])


def test_layers_of_another_shape_stay_new() -> None:
    trained, model = built(1, growth=2.0), built(2, growth=1.0)
    before = weights(model)
    copied(model, trained)
    assert equal(weights(model)["block1_conv"], weights(trained)["block1_conv"])
    assert equal(weights(model)["block2_conv"], before["block2_conv"])


def test_layers_without_a_name_are_found_by_their_order() -> None:
    import keras

    def unnamed() -> keras.Model:
        layers = [keras.layers.Dense(4, activation="relu"), keras.layers.Dense(4), keras.layers.Dense(3)]
        return keras.Sequential([keras.Input((5,)), *layers])

    trained, model = unnamed(), unnamed()
    assert trained.layers[1].name != model.layers[1].name
    copied(model, trained)
    assert all(equal(a.get_weights(), b.get_weights()) for a, b in zip(model.layers, trained.layers, strict=True))


def test_statistics_that_a_layer_has_learned_are_not_copied() -> None:
    """Normalisation with `adapt` keeps its statistics as weights."""
    import keras

    def adapted(mean: float) -> keras.Model:
        normalise = keras.layers.Normalization(name="own")
        normalise.adapt(np.random.default_rng(0).normal(mean, 1.0, size=(50, 5)).astype(np.float32))
        return keras.Sequential([keras.Input((5,)), normalise, keras.layers.Dense(3, name="last")])

    trained, model = adapted(7.0), adapted(3.0)
    assert trained.layers[0].get_weights()
    before = model.layers[0].get_weights()
    copied(model, trained)
    assert equal(model.layers[0].get_weights(), before)
    assert equal(model.layers[1].get_weights(), trained.layers[1].get_weights())


def fit(job, arrays, classes, *exchange, votes=None, **more):
    """Fits in this process; the module imports Keras, so that it is imported late."""
    from serbench.training.fit import fit

    return fit(job, arrays, ClipTargets(classes, votes=votes), *exchange, **more)


@pytest.fixture(scope="module")
def once() -> dict[str, object]:
    """The one fit that several tests go on from."""
    return {}


@pytest.fixture
def trained(once, make_job, features, targets):
    """A network that has learned the task."""
    if not once:
        once["outcome"] = fit(make_job(settings={"epochs": 12}, keep_model=True), [features], targets)
    assert once["outcome"].value > 0.8
    return once["outcome"]


def test_a_fit_goes_on_from_the_weights_it_is_given(make_job, features, targets, trained) -> None:
    job = make_job(config={"learning_rate": 1e-6}, settings={"epochs": 1}, seed=99)
    scratch = fit(job, [features], targets)
    again = fit(dataclasses.replace(job, init=trained.model, init_labels=LABELS), [features], targets)
    assert again.copied_parameters == again.parameters == trained.parameters
    assert scratch.copied_parameters is None
    assert np.allclose(again.predictions["validation"], trained.predictions["validation"], atol=1e-3)
    assert not np.allclose(scratch.predictions["validation"], trained.predictions["validation"], atol=1e-2)


@pytest.mark.slow
def test_layers_that_only_training_has_are_copied_from_those_that_are_saved(make_job, features, targets) -> None:
    """Batch normalisation is another class while a model is trained."""
    job = make_job(config={"batch_norm": True}, settings={"epochs": 2}, keep_model=True)
    first = fit(job, [features], targets)
    again = fit(dataclasses.replace(job, init=first.model, init_labels=LABELS), [features], targets)
    assert again.copied_parameters == again.parameters


@pytest.mark.slow
def test_the_classifier_of_other_emotions_is_not_taken_over(make_job, features, targets, trained) -> None:
    job = make_job(init=trained.model, init_labels=("a", "b", "c"))
    outcome = fit(job, [features], targets)
    assert 0 < outcome.copied_parameters < outcome.parameters


def test_a_configuration_that_nothing_fits_is_invalid(make_job, features, targets, trained) -> None:
    job = make_job(config={"width": 16, "dense_width": 16}, init=trained.model, init_labels=LABELS)
    outcome = fit(job, [features], targets)
    assert (outcome.state, outcome.error_kind) == ("invalid", "architecture")
    assert "no layer of this configuration" in outcome.error
    assert outcome.error.count(". ") == 0


def test_a_file_that_is_no_model_is_an_error(make_job, features, targets) -> None:
    with pytest.raises(ValueError, match="not a Keras file"):
        fit(make_job(init=b"no model"), [features], targets)


def test_layers_of_a_network_inside_another_are_found_and_its_classifier_is_not_copied() -> None:
    """As `build_model` wraps the network of a family with its own `build`, where clips are shifted."""
    import keras

    from serbench.training.weights import _keyed

    inner = built(seed=1)
    inputs = keras.Input((20, 5))
    outer = keras.Model(inputs, inner(inputs))
    assert [key for key, _ in _keyed(outer)] == [key for key, _ in _keyed(inner)]
