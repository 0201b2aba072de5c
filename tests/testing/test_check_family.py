"""`check_family`: every registered family keeps its contract, and each way of breaking it is named in a sentence."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import Field

from serbench.families import BaseFamily, Hyperparameters, family_names, get_family
from serbench.testing import check_family

pytestmark = pytest.mark.children  # the contract imports the family in a fresh process, and builds models

SHAPE = (12, 3)


class TinyHyperparameters(Hyperparameters):
    units: int = Field(8, ge=4, le=16, description="Units of the dense layer.")


class Tiny(BaseFamily):
    """The smallest family that keeps the contract."""

    name = "tiny"
    title = "tiny"
    description = "A dense layer over the mean of all frames."
    hyperparameters = TinyHyperparameters
    feature_kind = "acoustic"
    feature_axis = 1

    def network(self, x, hp, n_classes, seeds):
        import keras

        x = keras.layers.GlobalAveragePooling1D()(x)
        x = keras.layers.Dense(hp.units, activation="relu", kernel_initializer=self.start(seeds))(x)
        return keras.layers.Dense(
            n_classes, activation="softmax", kernel_initializer=self.start(seeds), name="probabilities"
        )(x)

    def start(self, seeds):
        import keras

        return keras.initializers.HeNormal(seed=next(seeds))


class Unseeded(Tiny):
    def start(self, seeds):
        import keras

        return keras.initializers.HeNormal()


class Nameless(Tiny):
    def network(self, x, hp, n_classes, seeds):
        import keras

        x = keras.layers.GlobalAveragePooling1D()(x)
        return keras.layers.Dense(n_classes, activation="softmax", kernel_initializer=self.start(seeds))(x)


class AllAlike(Tiny):
    """Normalises every feature by the mean of all."""

    def build(self, hp, input_shape, n_classes, mean, std, seed):
        return super().build(
            hp, input_shape, n_classes, np.full_like(mean, np.mean(mean)), np.full_like(std, np.mean(std)), seed
        )


class Logits(Tiny):
    def network(self, x, hp, n_classes, seeds):
        import keras

        x = keras.layers.GlobalAveragePooling1D()(x)
        return keras.layers.Dense(n_classes, kernel_initializer=self.start(seeds))(x)


class Unnormalised(Tiny):
    def build(self, hp, input_shape, n_classes, mean, std, seed):
        import numpy as np

        if not isinstance(hp, TinyHyperparameters):
            raise TypeError
        if len(mean) != input_shape[1] or not np.isfinite(mean).all():
            raise ValueError
        return super().build(hp, input_shape, n_classes, np.zeros(len(mean)), np.ones(len(std)), seed)


class Crashing(Tiny):
    def network(self, x, hp, n_classes, seeds):
        if x.shape[1] < 3:
            raise RuntimeError("negative dimension")
        return super().network(x, hp, n_classes, seeds)


class Silent(Tiny):
    class hyperparameters(Hyperparameters):  # noqa: N801
        units: int = 8


class Misplaced(Tiny):
    feature_axis = 0


class Spaceless(Tiny):
    def default_space(self):
        return "no_such_space"


class OfNoFrontEndHere(Spaceless):
    feature_kind = "wavelets"


class Foreign(Tiny):
    """Has a layer of its own, and does not name it."""

    named = False

    def network(self, x, hp, n_classes, seeds):
        return super().network(own_layer()()(x), hp, n_classes, seeds)

    def custom_objects(self) -> dict[str, Any]:
        return {"tests>Own": own_layer()} if self.named else {}


class Named(Foreign):
    named = True


class SinglePrecision(Tiny):
    def network(self, x, hp, n_classes, seeds):
        import keras

        if keras.config.dtype_policy().compute_dtype != "float32":
            raise TypeError("cannot multiply bfloat16 and float32")
        return super().network(x, hp, n_classes, seeds)


class DrawnInSinglePrecision(SinglePrecision):
    """Minds bfloat16 away from its defaults only."""

    def network(self, x, hp, n_classes, seeds):
        if hp.units == 8:
            return Tiny.network(self, x, hp, n_classes, seeds)
        return super().network(x, hp, n_classes, seeds)


class Miscounted(Tiny):
    """Has a layer that expects a batch axis in the shape of its input."""

    def network(self, x, hp, n_classes, seeds):
        return super().network(miscounting_layer()(x), hp, n_classes, seeds)


class DrawnMiscounted(Miscounted):
    """Has it away from its defaults only."""

    def network(self, x, hp, n_classes, seeds):
        if hp.units == 8:
            return Tiny.network(self, x, hp, n_classes, seeds)
        return super().network(x, hp, n_classes, seeds)


def conditional(only_when: object) -> Tiny:
    """A family of which one field has this condition."""

    class Conditional(Hyperparameters):
        layers: int = Field(2, ge=1, le=4, description="Layers.")
        head: Literal["average", "attention"] = Field("average", description="Head.")
        width: int = Field(8, ge=4, le=16, description="Width.", json_schema_extra={"only_when": only_when})

    family = Tiny()
    family.hyperparameters = Conditional
    return family


def idle(*names: str) -> Tiny:
    """A family whose hyperparameters say that these are idle; of none, they fail."""

    class Idle(TinyHyperparameters):
        def idle_fields(self):
            if not names:
                raise KeyError("scale")
            return frozenset(names)

    family = Tiny()
    family.hyperparameters = Idle
    return family


def miscounting_layer() -> Any:
    import keras

    class Miscounting(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

        def multiply_accumulates(self, input_shape):
            _, frames, channels = input_shape
            return frames * channels

    return Miscounting()


def own_layer() -> type:
    import keras

    if "tests>Own" not in keras.saving.get_custom_objects():

        @keras.saving.register_keras_serializable(package="tests")
        class Own(keras.layers.Layer):
            def call(self, inputs):
                return 2 * inputs

    return keras.saving.get_custom_objects()["tests>Own"]


@pytest.mark.slow  # half a minute each; tests/families/test_families_contract.py holds the same families to most of it
@pytest.mark.parametrize("name", family_names())
def test_every_registered_family_keeps_its_contract(name: str) -> None:
    family = get_family(name)
    check_family(family, input_shape=(48, 40) if family.feature_axis == 0 else (40, 16), configurations=2)


def test_a_good_family_passes() -> None:
    """One that has a layer of its own, too."""
    check_family(Named(), input_shape=SHAPE, configurations=1)


@pytest.mark.parametrize(
    ("family", "sentence"),
    [
        (object(), "expected all members of serbench.families.Family, found no name"),
        (Silent(), "expected a description of every hyperparameter, found none of units"),
        (Spaceless(), "expected a default space that loads, found unknown space 'no_such_space'"),
        (Unseeded(), "expected the same initial weights from the same seed"),
        (Logits(), "expected probabilities that sum to one"),
        (Unnormalised(), "expected the model to normalise its input"),
        (AllAlike(), "expected the model to normalise its input"),
        (Nameless(), "expected its last layer to be called 'probabilities'"),
        (Foreign(), "expected a saved model to load with its custom_objects alone"),
        (Miscounted(), "expected the multiply-accumulates of the model with default hyperparameters to be counted"),
        (SinglePrecision(), "expected the default model to run under Keras' policy 'mixed_bfloat16', found TypeError"),
        (Crashing(), "expected a model or an InvalidConfiguration for an input of one value, found RuntimeError"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
@pytest.mark.slow
def test_a_broken_family_is_named(family: object, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence.replace("(", r"\(")):
        check_family(family, input_shape=SHAPE, configurations=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "sentence"),
    [
        (DrawnMiscounted(), r"expected the multiply-accumulates of the model with units = \d+ to be counted"),
        (DrawnInSinglePrecision(), r"expected the model with units = \d+ to run under .*'mixed_bfloat16', found TypeE"),
    ],
    ids=["counting", "bfloat16"],
)
def test_a_family_that_is_broken_away_from_its_defaults_is_named(family: Tiny, sentence: str) -> None:
    check_family(family, input_shape=SHAPE, configurations=0)
    with pytest.raises(AssertionError, match=sentence):
        check_family(family, input_shape=SHAPE, configurations=2)


@pytest.mark.parametrize(
    ("only_when", "sentence"),
    [
        ({"layers": 3}, "'only_when' of width to give a list of values of layers, such as {'layers': [2]}, found 3"),
        ({"head": []}, "to give a list of values of head, such as {'head': ['average']}, found []"),
        ({"head": ["atention"]}, "'only_when' of width to give values that head can have, found 'atention'"),
        ({"layers": [1, 5, "2"]}, "'only_when' of width to give values that layers can have, found 5, '2'"),
        ({"layer": [3]}, "'only_when' of width to name hyperparameters, found layer"),
        ("head", "'only_when' of width to be a table, found 'head'"),
    ],
)
def test_a_condition_that_no_search_could_read_is_named(only_when: object, sentence: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        check_family(conditional(only_when), input_shape=SHAPE)


@pytest.mark.parametrize(("names", "found"), [((), "KeyError: 'scale'"), (("units", "unit"), "unit")])
def test_idle_fields_that_are_none_are_named(names: tuple[str, ...], found: str) -> None:
    sentence = f"expected idle_fields to return names of hyperparameters, found {found}"
    with pytest.raises(AssertionError, match=f"{re.escape(sentence)}$"):
        check_family(idle(*names), input_shape=SHAPE)


def test_an_input_that_the_defaults_do_not_fit_is_named() -> None:
    with pytest.raises(AssertionError, match=r"expected the default hyperparameters to make a model of \(8, 8\)"):
        check_family(get_family("cnn2d"), input_shape=(8, 8))


@pytest.mark.parametrize("shape", [None, SHAPE])
def test_an_axis_that_is_not_that_of_the_front_end_is_named(shape: tuple[int, ...] | None) -> None:
    with pytest.raises(AssertionError, match="feature_axis 1, as its front end says, found 0"):
        check_family(Misplaced(), input_shape=shape)


def test_a_family_is_checked_without_its_front_end_if_the_shape_is_given() -> None:
    with pytest.raises(AssertionError, match="default_features to be the settings of an installed front end"):
        check_family(OfNoFrontEndHere())
    with pytest.raises(AssertionError, match="expected a default space that loads"):
        check_family(OfNoFrontEndHere(), input_shape=SHAPE)


def test_a_class_in_place_of_an_object_is_named() -> None:
    with pytest.raises(AssertionError, match="family 'tiny': expected an object, found a class"):
        check_family(Tiny, input_shape=SHAPE)


@pytest.mark.slow
def test_a_family_whose_module_imports_keras_is_named(tmp_path, monkeypatch) -> None:
    code = "import keras\nfrom test_check_family import Tiny\nclass Heavy(Tiny):\n    pass\n"
    (tmp_path / "heavy_family.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    import heavy_family

    with pytest.raises(AssertionError, match="expected importing heavy_family to import no Keras"):
        check_family(heavy_family.Heavy(), input_shape=SHAPE)
