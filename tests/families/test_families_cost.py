from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serbench.families import InvalidConfiguration, get_family
from serbench.families.cost import multiply_accumulates, parameter_count

pytestmark = pytest.mark.children


def test_costs_are_those_counted_by_hand():
    family = get_family("cnn1d")
    hp = family.hyperparameters(depth=1, width=8, kernel_size=3, head="average", dense_width=10)
    model = family.build(hp, (20, 5), 3, np.zeros(5), np.ones(5), 0)
    # Kernel 3 x 5 x 8 without bias, four vectors of batch norm, dense 8 -> 10 -> 3.
    assert parameter_count(model) == 120 + 4 * 8 + (8 * 10 + 10) + (10 * 3 + 3)
    assert multiply_accumulates(model) == 20 * 120 + 8 * 10 + 10 * 3


def test_costs_of_separable_and_weighed_convolutions():
    family = get_family("cnn1d")
    common = {"depth": 1, "width": 8, "kernel_size": 3, "head": "average", "dense_width": 0}
    hp = family.hyperparameters(block="separable", squeeze=2, **common)
    model = family.build(hp, (20, 5), 3, np.zeros(5), np.ones(5), 0)
    # Depthwise 3 x 5, pointwise 5 x 8; the squeeze of 8 channels goes through 4.
    assert multiply_accumulates(model) == 20 * (15 + 40) + (8 * 4 + 4 * 8) + 8 * 3
    assert parameter_count(model) == 15 + 40 + 4 * 8 + (8 * 4 + 4) + (4 * 8 + 8) + (8 * 3 + 3)


def test_costs_of_strided_two_dimensional_convolutions():
    family = get_family("cnn2d")
    hp = family.hyperparameters(depth=1, width=8, stem_kernel=5, time_filters=0, head="average", dense_width=0)
    model = family.build(hp, (16, 20), 3, np.zeros(16), np.ones(16), 0)
    folded = 8 // 2 * 8
    assert parameter_count(model) == 25 * 8 + 4 * 8 + folded * 3 + 3
    assert multiply_accumulates(model) == 8 * 10 * 25 * 8 + folded * 3


def costs_of(*layers, shape=(10, 4)):
    """Of a model with these layers one after another, and of the same inside another model."""
    import keras

    inputs = keras.Input(shape)
    x = inputs
    for layer in layers:
        x = layer(x)
    model = keras.Model(inputs, x)
    outer = keras.Input(shape)
    costs = {multiply_accumulates(model), multiply_accumulates(keras.Model(outer, model(outer)))}
    assert len(costs) == 1
    return costs.pop()


def test_costs_of_recurrent_layers():
    from keras import layers

    # At each of 10 steps an input of 4 and a state of 3 meet kernels of 3 (GRU), 4 (LSTM) or 1 gates of 3 units.
    assert costs_of(layers.GRU(3)) == 10 * (4 + 3) * 3 * 3
    assert costs_of(layers.LSTM(3, return_sequences=True)) == 10 * (4 + 3) * 4 * 3
    assert costs_of(layers.SimpleRNN(3)) == 10 * (4 + 3) * 3
    assert costs_of(layers.Bidirectional(layers.GRU(3))) == 2 * 10 * (4 + 3) * 3 * 3


def test_costs_of_other_layers():
    from keras import layers

    assert costs_of(layers.DepthwiseConv1D(3, padding="same")) == 10 * 3 * 4
    assert costs_of(layers.EinsumDense("abc,cd->abd", output_shape=(None, 7))) == 10 * 4 * 7
    assert costs_of(layers.Dropout(0.1), layers.BatchNormalization()) == 0


def test_costs_of_attention():
    import keras

    inputs = keras.Input((10, 4))
    model = keras.Model(inputs, keras.layers.MultiHeadAttention(2, 5)(inputs, inputs))
    # Query, key, value and output: 4 <-> 2 heads of 5. Each pair of 10 places: a score and a weighted sum of 5.
    assert multiply_accumulates(model) == 4 * 10 * 4 * 10 + 2 * 10 * 10 * 10
    answer, scores = keras.layers.MultiHeadAttention(2, 5)(inputs, inputs, return_attention_scores=True)
    for outputs in (answer, [answer, scores]):
        assert multiply_accumulates(keras.Model(inputs, outputs)) == multiply_accumulates(model)


def test_an_unknown_layer_is_not_counted():
    from keras import layers

    assert costs_of(layers.Dense(3), layers.Conv1DTranspose(2, 3)) is None
    shared = layers.Dense(4)
    assert costs_of(shared, shared) is None


def test_a_layer_may_count_itself():
    import keras

    class Own(keras.layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1],))

        def call(self, inputs):
            return inputs * self.kernel

        def multiply_accumulates(self, input_shape):
            return input_shape[0] * input_shape[1]

    assert costs_of(Own(), keras.layers.Dense(2)) == 10 * 4 + 10 * 4 * 2

    class Negative(Own):
        def multiply_accumulates(self, input_shape):
            return -1

    with pytest.raises(ValueError, match="layer 'odd' counts -1 multiply-accumulates; it should be 0 or more"):
        costs_of(Negative(name="odd"))


@pytest.mark.parametrize(
    ("name", "shape", "low", "high"),
    [("cnn1d", (130, 55), 400_000, 600_000), ("cnn2d", (64, 130), 350_000, 500_000)],
)
def test_default_models_are_small(name, shape, low, high):
    family = get_family(name)
    size = shape[family.feature_axis]
    model = family.build(family.hyperparameters(), shape, 6, np.zeros(size), np.ones(size), 0)
    assert low < parameter_count(model) < high


def configurations(family):
    """Any values within the bounds that the hyperparameters state, kept narrow to be fast."""
    strategies = {}
    for name, field in family.hyperparameters.model_json_schema()["properties"].items():
        if "enum" in field:
            strategies[name] = st.sampled_from(field["enum"])
        elif field["type"] == "boolean":
            strategies[name] = st.booleans()
        elif name in {"kernel_size", "stem_kernel"}:
            strategies[name] = st.sampled_from([3, 5, 7, 9])
        elif field["type"] == "integer":
            top = {"width": 16, "dense_width": 32, "time_filters": 32}.get(name, field["maximum"])
            strategies[name] = st.integers(field["minimum"], top)
        elif field["type"] == "number":
            low = field.get("minimum", 1e-3)
            strategies[name] = st.floats(low, field["maximum"], allow_subnormal=False)
    return st.fixed_dictionaries(strategies)


@pytest.mark.parametrize(("name", "shape"), [("cnn1d", (30, 5)), ("cnn2d", (16, 30))])
def test_any_configuration_builds_or_is_invalid(name, shape):
    family = get_family(name)
    size = shape[family.feature_axis]
    built = []

    @settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(configurations(family))
    def check(values):
        if not (values["noise_snr_db"] or values["shift_s"]):
            values["waveform_copies"] = 0
        hp = family.hyperparameters(**values)
        try:
            model = family.build(hp, shape, 4, np.zeros(size), np.ones(size), 0)
        except InvalidConfiguration:
            return
        assert model.output_shape == (None, 4)
        built.append(values)

    check()
    assert built
