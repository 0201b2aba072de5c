"""Bounds of a `.keras` file, checked before Keras builds what it describes."""

from __future__ import annotations

import json
import threading
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from serbench.errors import first_line

__all__ = ["check_network_file"]

_MOST_DESCRIPTION: Final = 16 << 20
_MOST_UNPACKED: Final = 8 << 30
_MOST_MEMBERS: Final = 1_000
_MOST_PACKED: Final = 20
"""Times that a part may be larger than in the archive; Keras packs nothing, and weights cannot be packed much."""
_WEIGHTS: Final = "model.weights.h5"
_SPARE: Final = 1 << 20
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    OSError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
)
"""What `zipfile` and `json` raise for a damaged file."""


def check_network_file(file: Path | bytes, objects: dict[str, Any]) -> None:
    """Checks that a `.keras` file is not larger than what it holds.

    The layers are built without memory for their weights. They must not have more weights than the file can hold: one
    dense layer of two thousand million units is a line of text.

    Args:
        file: its path or its content.
        objects: custom objects that it may use.

    Raises:
        ValueError: the file is no archive, or a part of it is too large.
    """
    try:
        with zipfile.ZipFile(BytesIO(file) if isinstance(file, bytes) else file) as archive:
            parts = archive.infolist()
            sizes = {one.filename: one.file_size for one in parts}
            if len(sizes) > _MOST_MEMBERS or sum(sizes.values()) > _MOST_UNPACKED:
                raise ValueError(f"{len(sizes):,} parts of {sum(sizes.values()) >> 20:,} MiB are no network")
            for name in sizes.keys() - {_WEIGHTS}:
                if sizes[name] > _MOST_DESCRIPTION and not name.startswith("assets/"):
                    raise ValueError(f"{name} has {sizes[name] >> 20:,} MiB, over the limit of 16 MiB")
            if packed := [one for one in parts if one.file_size > _MOST_PACKED * one.compress_size + _SPARE]:
                raise ValueError(
                    f"{packed[0].filename} unpacks to {packed[0].file_size >> 20:,} MiB, which is no network"
                )
            config = json.loads(archive.read("config.json"))
    except _UNREADABLE as error:
        raise ValueError(f"not a Keras file ({first_line(error)})") from None
    if isinstance(config, dict):
        config = {**config, "compile_config": None}  # as loading it does
    needed, held = _parameters(config, objects), sizes.get(_WEIGHTS, 0)
    if needed is None and (largest := _largest(config)) > held + _SPARE:
        raise ValueError(f"it describes a size of {largest:,}, but holds {held:,} bytes of weights")
    if needed is not None and 2 * needed > held + _SPARE:  # half precision takes two bytes
        raise ValueError(f"its layers have {needed:,} parameters, but it holds {held:,} bytes of weights")


def _parameters(config: Any, objects: dict[str, Any]) -> int | None:
    """Parameters of the model that a description builds; None if Keras cannot build it this way."""
    import keras

    found: list[int] = []

    def build() -> None:
        try:
            with keras.StatelessScope(initialize_variables=False):
                model = keras.saving.deserialize_keras_object(config, custom_objects=objects, safe_mode=True)
                found.append(sum(_product(weight.shape) for weight in model.weights))
        except Exception:  # loading it tells what is wrong
            found.clear()

    # Keras keeps the variables that have no memory yet in the state of the thread.
    builder = threading.Thread(target=build)
    builder.start()
    builder.join()
    return found[0] if found else None


def _largest(value: Any) -> int:
    """The largest whole number in a description: what bounds it where Keras cannot build it. Seeds are no sizes."""
    if isinstance(value, dict):
        return max((_largest(part) for name, part in value.items() if name != "seed"), default=0)
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int) else 0


def _product(shape: Any) -> int:
    count = 1
    for side in shape:
        count *= int(side)
    return count
