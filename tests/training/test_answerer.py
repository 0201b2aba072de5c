"""Kept networks that are loaded again to answer clips."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from serbench.errors import SerbenchError
from serbench.training import load_answerer

pytestmark = pytest.mark.children


@pytest.fixture
def network(tmp_path: Path) -> bytes:
    from serbench.training import import_keras

    import_keras("tensorflow")
    import keras

    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(3, activation="softmax")]).save(path)
    return path.read_bytes()


def flipped(network: bytes, member: str) -> bytes:
    """The file with one wrong byte in the middle of a member."""
    with zipfile.ZipFile(io.BytesIO(network)) as archive:
        info = archive.getinfo(member)
        middle = archive.read(member)[info.file_size // 2 :][:64]
    assert info.compress_type == zipfile.ZIP_STORED
    place = network.index(middle, info.header_offset)
    return network[:place] + bytes([network[place] ^ 0xFF]) + network[place + 1 :]


def test_a_kept_network_answers_with_probabilities(network: bytes) -> None:
    answers = load_answerer(network, "cnn1d", "tensorflow")(np.ones((5, 8), dtype=np.float32))
    assert answers.shape == (5, 3)
    assert answers.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("member", ["model.weights.h5", "config.json"])
def test_a_damaged_network_is_one_sentence(network: bytes, member: str) -> None:
    with pytest.raises(SerbenchError, match="a trained network cannot be loaded"):
        load_answerer(flipped(network, member), "cnn1d", "tensorflow")
