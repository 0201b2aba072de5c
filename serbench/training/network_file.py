"""Bounds of a `.keras` file: of its size before Keras builds what it describes, and of what the network computes."""

from __future__ import annotations

import inspect
import json
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serbench.errors import first_line

if TYPE_CHECKING:
    import keras

__all__ = ["check_network_file", "open_network"]

_MOST_DESCRIPTION: Final = 16 << 20
_MOST_UNPACKED: Final = 8 << 30
_MOST_MEMBERS: Final = 1_000
_WEIGHTS: Final = "model.weights.h5"
_SPARE: Final = 1 << 20
_MOST_VALUES: Final = 1 << 26
"""Values of a tensor for each clip, as in the files of other runtimes."""
_BATCHES: Final = (1, 64)
"""Clips that a network may get at once. Two numbers, since a network within it may be built for one of them alone."""
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


def open_network(file: Path, objects: dict[str, Any]) -> keras.Model:
    """Loads a network in Keras's safe mode, and checks that neither its file nor what it computes is too large.

    Nothing is computed. It is not compiled.

    Args:
        file: path of the `.keras` file.
        objects: custom objects that it may use.

    Raises:
        ValueError: the file is no Keras model, a part of it is too large, a layer computes too much, or it holds a
            class that neither Keras nor `objects` has.
    """
    import keras

    check_network_file(file, objects)
    network = keras.models.load_model(file, custom_objects=objects, compile=False, safe_mode=True)
    _check_values(network)
    return network


def check_network_file(file: Path | bytes, objects: dict[str, Any]) -> None:
    """Checks that a `.keras` file is not larger than what it holds.

    The layers are built without memory for their weights. They must not have more weights than the file can hold: one
    dense layer of two thousand million units is a line of text.

    Args:
        file: its path or its content.
        objects: custom objects that it may use.

    Raises:
        ValueError: the file is no archive, or a part of it is packed or too large.
    """
    try:
        with zipfile.ZipFile(BytesIO(file) if isinstance(file, bytes) else file) as archive:
            parts = archive.infolist()
            # A packed part may unpack to more than the size that it states.
            if any(one.compress_type != zipfile.ZIP_STORED for one in parts):
                raise ValueError("a part of it is packed, and Keras packs nothing")
            size = len(file) if isinstance(file, bytes) else file.stat().st_size
            total = sum(one.file_size for one in parts)
            if len(parts) > _MOST_MEMBERS or total > min(size, _MOST_UNPACKED):
                raise ValueError(f"{len(parts):,} parts of {total >> 20:,} MiB are no network of {size >> 20:,} MiB")
            sizes = {one.filename: one.file_size for one in parts}
            for name in sizes.keys() - {_WEIGHTS}:
                if sizes[name] > _MOST_DESCRIPTION and not name.startswith("assets/"):
                    raise ValueError(f"{name} has {sizes[name] >> 20:,} MiB, over the limit of 16 MiB")
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
                found.append(sum(prod(map(int, weight.shape)) for weight in model.weights))
        except Exception:  # loading it tells what is wrong
            found.clear()

    # Keras keeps the variables that have no memory yet in the state of the thread.
    builder = threading.Thread(target=build)
    builder.start()
    builder.join()
    return found[0] if found else None


def _check_values(network: keras.Model) -> None:
    """Follows shapes through all layers, also of networks in it; none may compute more values than allowed.

    What a network in it says of its own input counts for nothing where that has no size.

    Raises:
        ValueError: one does, or the shapes do not fit.
    """
    import keras

    inputs = getattr(network, "inputs", None)
    if not inputs:  # nothing is known of the clips, so it cannot answer any
        return
    for clips in _BATCHES:
        given = [keras.KerasTensor((clips, *one.shape[1:]), one.dtype) for one in inputs]
        with _bounded(_parts(network), clips):
            network.compute_output_spec(given if len(given) > 1 else given[0])


def _parts(network: Any) -> list[Any]:
    """The network with all its layers and operations, and those within them."""
    found: dict[int, Any] = {}
    waiting = [network]
    while waiting:
        part = waiting.pop()
        if id(part) not in found:
            found[id(part)] = part
            waiting += [*getattr(part, "_layers", ()), *getattr(part, "operations", ())]
    return list(found.values())


@contextmanager
def _bounded(parts: list[Any], clips: int) -> Iterator[None]:
    """Lets each layer check the size of what it gives for a number of clips, as long as the block runs."""
    for part in parts:
        object.__setattr__(part, "compute_output_spec", _checked(part, clips))  # past what Keras does with attributes
    try:
        yield
    finally:
        for part in parts:
            object.__delattr__(part, "compute_output_spec")


def _checked(part: Any, clips: int) -> Callable[..., Any]:
    import keras

    compute = part.compute_output_spec
    compares = isinstance(
        part, (keras.layers.Attention, keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention)
    )

    def compute_output_spec(*args: Any, **kwargs: Any) -> Any:
        found = compute(*args, **kwargs)
        shapes = [one.shape for one in keras.tree.flatten(found) if isinstance(one, keras.KerasTensor)]
        if compares:
            shapes.append(_scores(part, inspect.signature(compute).bind(*args, **kwargs).arguments))
        if isinstance(part, keras.layers.MelSpectrogram):
            shapes += _spectra(part, shapes)
        if (values := max(map(_known, shapes), default=0)) > _MOST_VALUES * clips:
            raise ValueError(
                f"its layer '{part.name[:60]}' computes {values // clips:,} values for each clip, "
                f"and serbench allows {_MOST_VALUES:,}"
            )
        return found

    return compute_output_spec


def _scores(part: Any, given: Mapping[str, Any]) -> tuple[int | None, ...]:
    """Shape of the scores within a layer of attention, where each position of the query meets those of the value."""
    import keras

    tensors = given["inputs"] if "inputs" in given else (given["query"], given["value"])
    query, value = (one.shape for one in tensors[:2])
    axes = part.get_config().get("attention_axes") or range(1, len(value) - 1)
    each = getattr(part, "num_heads", None) or getattr(part, "num_query_heads", None)
    if isinstance(part, keras.layers.AdditiveAttention):
        each = query[-1]
    return (*query[:-1], *(value[axis] for axis in axes), each)


def _spectra(part: Any, bands: list[tuple[int | None, ...]]) -> list[tuple[int | None, ...]]:
    """Shapes within a layer of mel spectrograms: of all its windows, and of the weights of frequencies in bands.

    Args:
        part: the layer.
        bands: shapes of what it gives, (..., bands, windows).
    """
    windows = [(*shape[:-2], shape[-1], part.fft_length) for shape in bands]
    return [*windows, (part.fft_length, part.num_mel_bins)]


def _known(shape: tuple[int | None, ...]) -> int:
    """Product of the sides that are known."""
    return prod(side or 1 for side in shape)


def _largest(value: Any) -> int:
    """The largest whole number in a description: what bounds it where Keras cannot build it. Seeds are no sizes."""
    if isinstance(value, dict):
        return max((_largest(part) for name, part in value.items() if name != "seed"), default=0)
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    return value if isinstance(value, int) else 0
