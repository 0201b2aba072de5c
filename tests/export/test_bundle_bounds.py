"""Bounds of a network's file: what is too large is refused before anything is built."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from serbench.training import check_network_file

pytestmark = pytest.mark.children


def network() -> tuple[dict, bytes]:
    import keras

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(3)])
    return json.loads(json.dumps(keras.saving.serialize_keras_object(model))), b"x" * 1000


def packed(config: str, weights: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
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


def test_weights_that_are_mostly_packed_air_are_refused() -> None:
    config, _ = network()
    with pytest.raises(ValueError, match="unpacks to 64 MiB, which is no network"):
        check_network_file(packed(json.dumps(config), bytes(64 << 20)), {})


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
