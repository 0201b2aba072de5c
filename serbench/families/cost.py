"""Model size without running the model: parameters, and multiply-accumulates per clip."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

__all__ = ["multiply_accumulates", "parameter_count"]

_Shape = tuple[int, ...]


def parameter_count(model: keras.Model) -> int:
    """Returns the number of values in all weights, including the moving averages of batch norm."""
    return int(model.count_params())


def multiply_accumulates(model: keras.Model) -> int | None:
    """Returns the multiply-accumulate operations of one clip's forward pass.

    Convolutions, dense and recurrent layers, attention and nested models are counted. A convolution applies its whole
    kernel at each output position, padding included. Biases, pooling and normalisation are left out, as usual in such
    counts.

    A layer may count itself with a method `multiply_accumulates(input_shape)`. The method takes the shape of its input
    without the batch axis and returns a number, or None.

    Returns:
        The count, or None if a layer with weights is of an unknown kind or is called more than once. A sum without it
        would be too small.

    Raises:
        Exception: whatever a layer's own method raises.
        ValueError: it returns what is no count.
    """
    calls = _calls(model)
    counts = [_layer(layer, calls.get(layer.name, 0)) for layer in model.layers]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _calls(model: keras.Model) -> dict[str, int]:
    """Counts how often a model calls each of its layers. Empty if Python code hides the calls."""
    import keras

    if isinstance(model, keras.Sequential):
        return dict.fromkeys((layer.name for layer in model.layers), 1)
    listed = model.get_config().get("layers", ())
    return {layer["name"]: len(layer["inbound_nodes"]) for layer in listed if "inbound_nodes" in layer}


def _layer(layer: Any, calls: int) -> int | None:
    import keras

    own = getattr(layer, "multiply_accumulates", None)
    if not layer.weights and not callable(own):
        return 0
    if calls != 1 or any(None in tuple(tensor.shape[1:]) for tensor in _listed(layer.input)):
        return None
    if isinstance(layer, keras.Model):
        return multiply_accumulates(layer)
    if callable(own):
        return _own_count(layer.name, own(_shape(layer.input)))
    for names, counted in _RULES.items():
        if isinstance(layer, tuple(getattr(keras.layers, name) for name in names)):
            return counted(layer)
    return None


def _own_count(name: str, count: Any) -> int | None:
    if count is None:
        return None
    if int(count) < 0:
        raise ValueError(f"layer '{name}' counts {count} multiply-accumulates; it should be 0 or more")
    return int(count)


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _shape(tensor: Any) -> _Shape:
    """Shape of one clip's tensor; the first one if there are several."""
    return tuple(int(side) for side in _listed(tensor)[0].shape[1:])


def _size(weight: Any) -> int:
    return prod(int(side) for side in weight.shape)


def _positions(layer: Any) -> int | None:
    """Number of positions at which a kernel is applied: all axes of the output but the last."""
    sides = tuple(layer.output.shape[1:-1])
    return None if None in sides else prod(int(side) for side in sides)


def _kernels(*names: str) -> Callable[[Any], int | None]:
    """Counts the named kernels, each applied once at every position of the output."""

    def counted(layer: Any) -> int | None:
        places = _positions(layer)
        if places is None or getattr(layer, "data_format", "channels_last") != "channels_last":
            return None
        return places * sum(_size(getattr(layer, name)) for name in names)

    return counted


def _nothing(_: Any) -> int:
    return 0


def _recurrent(*directions: str) -> Callable[[Any], int | None]:
    """Counts the recurrent layers that a layer holds under these names, or the layer itself.

    At every step, the input and the state each go through a kernel.
    """

    def counted(layer: Any) -> int | None:
        parts: list[Any] = [getattr(layer, name) for name in directions] or [layer]
        cells: list[Any] = [getattr(part, "cell", None) for part in parts]
        if not all(hasattr(cell, "recurrent_kernel") for cell in cells):
            return None
        return _shape(layer.input)[0] * sum(_size(cell.kernel) + _size(cell.recurrent_kernel) for cell in cells)

    return counted


def _einsum(layer: Any) -> int | None:
    """One multiplication for each combination of all indices of the equation, except the batch index."""
    inputs, kernel = layer.equation.partition("->")[0].split(",")
    if "." in layer.equation or len(inputs) != len(_shape(layer.input)) + 1:
        return None
    sizes = dict(zip(kernel, layer.kernel.shape, strict=True))
    sizes |= dict(zip(inputs[1:], _shape(layer.input), strict=True))
    return prod(sizes.values())


def _attention(layer: Any) -> int | None:
    """Projections of query, key, value and output at each position, and each pair of positions twice per head."""
    query, *others_given = (_shape(tensor) for tensor in _listed(layer.input))
    value = others_given[0] if others_given else query
    places, others = prod(query[:-1]), prod(value[:-1])
    heads, key_size = int(layer.num_heads), int(layer.key_dim)
    value_size = int(layer.value_dim or key_size)
    projected = places * query[-1] * heads * key_size
    projected += others * value[-1] * heads * (key_size + value_size)
    projected += places * heads * value_size * _shape(layer.output)[-1]  # the scores may follow
    return projected + places * others * heads * (key_size + value_size)


_RULES: dict[tuple[str, ...], Callable[[Any], int | None]] = {
    ("SeparableConv1D", "SeparableConv2D"): _kernels("depthwise_kernel", "pointwise_kernel"),
    ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"): lambda _: None,
    ("DepthwiseConv1D", "DepthwiseConv2D", "Conv1D", "Conv2D", "Conv3D", "Dense"): _kernels("kernel"),
    ("RNN",): _recurrent(),
    ("Bidirectional",): _recurrent("forward_layer", "backward_layer"),
    ("EinsumDense",): _einsum,
    ("MultiHeadAttention",): _attention,
    (
        "Normalization", "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization",
        "RMSNormalization", "Embedding", "PReLU", "GaussianNoise", "Dropout", "SpatialDropout1D", "SpatialDropout2D",
    ): _nothing,
}  # fmt: skip
"""Counting function of each kind of layer; a special case stands before the general one."""
