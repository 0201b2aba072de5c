"""Bounds of a network's file: what is too large is refused before anything is built."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from serbench.training.network_file import check_network_file, open_network

pytestmark = pytest.mark.children


def network() -> tuple[dict, bytes]:
    import keras

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(3)])
    return json.loads(json.dumps(keras.saving.serialize_keras_object(model))), b"x" * 1000


def packed(config: str, weights: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights)
    return out.getvalue()


def test_a_network_that_holds_its_weights_passes() -> None:
    config, weights = network()
    check_network_file(packed(json.dumps(config), weights), {})


@pytest.mark.parametrize(
    ("place", "words"), [(1, "a size of 2,000,000,000, but"), (2, "have 10,000,000,036 parameters, but it")]
)
def test_a_dense_layer_of_two_thousand_million_units_is_refused(place: int, words: str) -> None:
    config, weights = network()
    config["config"]["layers"][place]["config"]["units"] = 2_000_000_000
    with pytest.raises(ValueError, match=rf"{words} holds 1,000 bytes"):
        check_network_file(packed(json.dumps(config), weights), {})


def test_instructions_to_compile_do_not_keep_a_network_from_being_measured() -> None:
    config, weights = network()
    config["compile_config"] = {"bogus": 1}
    config["config"]["layers"][2]["config"]["units"] = 1_000_000
    with pytest.raises(ValueError, match="parameters, but it holds 1,000 bytes"):
        check_network_file(packed(json.dumps(config), weights), {})


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packed_parts_are_refused(method: int) -> None:
    config, weights = network()
    with pytest.raises(ValueError, match="a part of it is packed"):
        check_network_file(packed(json.dumps(config), weights, method), {})


def test_weights_that_are_not_in_the_file_are_refused() -> None:
    config, weights = network()
    content = bytearray(packed(json.dumps(config), weights))
    last = content.rindex(b"PK\x01\x02")  # what the list of parts says of the weights: twice their size, as 32 bits
    content[last + 20 : last + 28] = 2 * (64 << 20).to_bytes(4, "little")
    with pytest.raises(ValueError, match="2 parts of 64 MiB are no network of 0 MiB"):
        check_network_file(bytes(content), {})


def test_a_huge_description_is_refused() -> None:
    with pytest.raises(ValueError, match="over the limit of 16 MiB"):
        check_network_file(packed(" " * (17 << 20), b""), {})


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(ValueError, match="not a Keras file"):
        check_network_file(b"no archive", {})


def test_a_seed_is_no_size() -> None:
    """The class is not known here, so the description alone says how large the network is."""
    config, weights = network()
    layer = config["config"]["layers"][1]
    layer |= {"class_name": "Unknown", "module": "elsewhere", "registered_name": "elsewhere>Unknown"}
    layer["config"]["kernel_initializer"] = {"class_name": "GlorotUniform", "config": {"seed": 1_400_000_000}}
    check_network_file(packed(json.dumps(config), weights), {})
    layer["config"]["units"] = 1_400_000_000
    with pytest.raises(ValueError, match="a size of 1,400,000,000"):
        check_network_file(packed(json.dumps(config), weights), {})


def test_a_damaged_description_is_refused() -> None:
    content = packed("[" + "1, " * 5_000 + "1]", b"")
    start = content.index(b"config.json") + len("config.json")
    with pytest.raises(ValueError, match="not a Keras file"):
        check_network_file(content[:start] + b"\xff" * 8 + content[start + 8 :], {})


def spread(times: int, size: int | None = 8):
    """A network that repeats each of its values so many times, and gives the mean of them."""
    import keras

    from serbench.families.layers import DeviationPooling

    layers = [keras.layers.UpSampling1D(times), keras.layers.Activation("relu"), DeviationPooling()]
    return keras.Sequential([keras.Input((size, 2)), *layers])


def opened(network, folder):
    from serbench.families import custom_objects

    network.save(folder / "model.keras")
    return open_network(folder / "model.keras", custom_objects())


def within(network, kind):
    """The network in another one of this kind."""
    import keras

    inputs = keras.Input((8, 2))
    if kind == "functional":
        return keras.Model(inputs, network(keras.ops.relu(inputs)))
    if kind == "each time step":
        return keras.Model(inputs, keras.layers.TimeDistributed(network)(keras.ops.expand_dims(inputs, -1)))
    return keras.Sequential([inputs, network])


@pytest.mark.parametrize(
    ("kind", "size"), [("alone", 8), ("sequential", 8), ("sequential", None), ("functional", None)]
)
def test_a_layer_that_computes_too_much_is_refused_wherever_it_is(tmp_path, kind, size) -> None:
    small, large = spread(1_000, size), spread(1 << 25, size)
    whole = [one if kind == "alone" else within(one, kind) for one in (small, large)]
    assert opened(whole[0], tmp_path).output_shape == (None, 2)
    with pytest.raises(ValueError, match=r"its layer 'up_sampling1d\w*' computes 536,870,912 values for each clip"):
        opened(whole[1], tmp_path)


def test_a_network_of_each_time_step_is_followed(tmp_path) -> None:
    import keras

    def step(times):
        layers = [keras.layers.UpSampling1D(times), keras.layers.GlobalAveragePooling1D()]
        return keras.Sequential([keras.Input((None, 1)), *layers])

    assert opened(within(step(10), "each time step"), tmp_path).output_shape == (None, 8, 1)
    with pytest.raises(ValueError, match="computes 134,217,728 values for each clip"):
        opened(within(step(1 << 26), "each time step"), tmp_path)


def test_a_network_within_for_one_number_of_clips_is_followed_for_another(tmp_path) -> None:
    import keras

    inner = [keras.layers.UpSampling1D(1 << 25), keras.layers.GlobalAveragePooling1D()]
    fixed = keras.Sequential([keras.Input(batch_shape=(1, 8, 2)), *inner])
    with pytest.raises(ValueError, match="up_sampling1d"):
        opened(within(fixed, "functional"), tmp_path)


def test_an_operation_that_is_no_layer_is_followed(tmp_path) -> None:
    import keras

    inputs = keras.Input((8, 2))
    large = keras.ops.mean(keras.ops.repeat(inputs, 1 << 25, axis=1), axis=1)
    with pytest.raises(ValueError, match=r"its layer 'repeat\w*' computes"):
        opened(keras.Model(inputs, large), tmp_path)


@pytest.mark.parametrize("kind", ["Attention", "AdditiveAttention", "MultiHeadAttention"])
def test_the_scores_of_attention_count(tmp_path, kind) -> None:
    import keras

    def attending(times):
        inputs = keras.Input((8, 2))
        longer = keras.layers.UpSampling1D(times)(inputs)
        if kind == "MultiHeadAttention":
            found = keras.layers.MultiHeadAttention(2, 2)(longer, longer)
        else:
            found = getattr(keras.layers, kind)()([longer, longer])
        return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(found))

    assert opened(attending(10), tmp_path).output_shape == (None, 2)
    with pytest.raises(ValueError, match=r"attention\w*' computes [\d,]{11,} values"):
        opened(attending(2_000), tmp_path)


@pytest.mark.parametrize("large", [{"fft_length": 1 << 20, "sequence_stride": 1}, {"num_mel_bins": 1 << 16}])
def test_what_a_mel_spectrogram_computes_within_counts(tmp_path, large) -> None:
    import keras

    def hearing(**settings):
        layers = [keras.layers.MelSpectrogram(**settings), keras.layers.GlobalAveragePooling1D()]
        return keras.Sequential([keras.Input((16_000,)), *layers])

    assert opened(hearing(), tmp_path).output_shape == (None, 32)
    with pytest.raises(ValueError, match=r"mel_spectrogram\w*' computes [\d,]{11,} values"):
        opened(hearing(**large), tmp_path)


def test_an_opened_network_is_as_keras_opens_it(tmp_path) -> None:
    import numpy as np

    network = within(spread(3), "functional")
    found = opened(network, tmp_path)
    assert not any("compute_output_spec" in vars(one) for one in [found, *found.operations])
    clips = np.arange(32, dtype=np.float32).reshape(2, 8, 2)
    np.testing.assert_array_equal(found.predict_on_batch(clips), network.predict_on_batch(clips))
