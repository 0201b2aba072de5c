"""Loads a trained network from the bytes of its file."""

from __future__ import annotations

import keras

from serbench.families import custom_objects
from serbench.temporary import temporary_folder
from serbench.training.network_file import open_network

__all__ = ["load_network"]


def load_network(data: bytes, family: str) -> keras.Model:
    """Loads a trained network in Keras's safe mode. It is not compiled.

    Args:
        data: the `.keras` file.
        family: name of the family, whose own layers may be loaded.

    Raises:
        ValueError: the file is no Keras model, describes more weights than it holds, computes too much, or holds a
            class that neither Keras nor serbench nor the family has.
    """
    with temporary_folder() as folder:
        path = folder / "model.keras"
        path.write_bytes(data)
        return open_network(path, custom_objects(family))
