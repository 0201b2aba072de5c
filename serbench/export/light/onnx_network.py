"""Writes a trained Keras model, with its front end before it, as one ONNX graph. Imports onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serbench.export.light.int8_steps import FRONT_END
from serbench.export.light.onnx_graph import OnnxGraph, OnnxOps, Value
from serbench.export.light.onnx_layers import LAYERS, kind_of, refused
from serbench.export.light.onnx_own_layers import OWN_LAYERS
from serbench.features import FeatureSpec

if TYPE_CHECKING:
    import keras
    import onnx

__all__ = ["onnx_model"]

_HANDLERS = LAYERS | OWN_LAYERS


def onnx_model(model: keras.Model, spec: FeatureSpec, facts: dict[str, str]) -> onnx.ModelProto:
    """Returns the graph from `waveform` (batch, spec.n_samples) to `probabilities` (batch, classes).

    Args:
        model: the trained model; it reads the features of `spec`.
        spec: settings of the front end.
        facts: what to write into the graph's metadata.

    Raises:
        SerbenchError: the front end or a layer cannot be part of the graph; the message names it.
    """
    graph = OnnxGraph()
    source = Value("waveform", (spec.n_samples,))
    graph.scope = FRONT_END
    features = Value(spec.front_end.in_graph(OnnxOps(graph), source.name, spec), spec.shape)
    graph.scope = ""
    return graph.model(source, graph.last(_network(graph, model, features)), facts)


def _network(graph: OnnxGraph, model: keras.Model, value: Value) -> Value:
    """Adds the layers of a model with one input and one output."""
    import keras

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            value = _layer(graph, layer, [value])
        return value
    if not isinstance(model, keras.Model) or not hasattr(model, "inputs") or model.inputs is None:
        raise refused(model, "it is a class of its own, not a graph of layers")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise refused(model, f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs")
    values: dict[int, Value] = {}
    alive: list[Any] = []  # tensors are told apart by identity

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        tensors = [one for one in keras.tree.flatten((args, kwargs)) if isinstance(one, keras.KerasTensor)]
        if not values:
            values[id(tensors[0])] = value
        answer = layer(*args, **kwargs)
        if not isinstance(answer, keras.KerasTensor):
            raise refused(layer, "it has several outputs")
        values[id(answer)] = _layer(graph, layer, [values[id(one)] for one in tensors])
        alive.extend((*tensors, answer))
        return answer

    copy = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=called)
    return values[id(copy.outputs[0])] if values else value


def _layer(graph: OnnxGraph, layer: Any, inputs: list[Value]) -> Value:
    import keras

    if isinstance(layer, keras.Model):
        return _network(graph, layer, *inputs)
    handler = _HANDLERS.get(kind_of(layer))
    if handler is None:
        raise refused(layer, "it has no counterpart here")
    if getattr(layer, "compute_dtype", "float32") != "float32":
        raise refused(layer, f"it computes in {layer.compute_dtype}")
    return handler(graph, layer, inputs)
