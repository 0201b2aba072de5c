"""Which steps of a graph become int8: the layers with weights, and what only passes their numbers on.

The front end stays float: its spectra span many orders of magnitude, of which 256 levels keep two. So does the
normalisation, since the features before it have a unit each, and whatever computes statistics of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["FRONT_END", "Step", "int8_steps"]

FRONT_END: Final = "front_end/"
"""What the names of the front end's steps begin with, in the graphs that serbench writes."""


@dataclass(frozen=True)
class Step:
    """One operation of a graph, whatever the format.

    Attributes:
        name: its name.
        operator: what it does, in the words of the format.
        inputs: tensors that it reads, without constants.
        outputs: tensors that it makes.
        weights: whether it multiplies its input with a constant matrix or kernel.
        constants: whether it reads a constant besides, such as an offset.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: bool = False
    constants: bool = False


def int8_steps(steps: Iterable[Step], passing: Sequence[str], merging: Sequence[str]) -> list[str]:
    """Returns the names of the steps that are computed in int8.

    >>> steps = [
    ...     Step("front_end/mel", "MatMul", ("sound",), ("mel",), weights=True),
    ...     Step("normalise", "Sub", ("mel",), ("centred",), constants=True),
    ...     Step("conv", "Conv", ("centred",), ("bands",), weights=True),
    ...     Step("relu", "Relu", ("bands",), ("kept",)),
    ...     Step("scale", "Mul", ("kept",), ("scaled",), constants=True),
    ... ]
    >>> int8_steps(steps, ["Relu"], ["Mul"])
    ['conv', 'relu']

    Args:
        steps: all steps, each after those whose tensors it reads.
        passing: operators that are int8 wherever all that they read is, such as pooling.
        merging: operators that are int8 if all that they read is and none of it is a constant, such as a sum.
    """
    int8: set[str] = set()
    chosen = []
    for step in steps:
        if step.name.startswith(FRONT_END):
            continue
        follows = bool(step.inputs) and int8.issuperset(step.inputs)
        passes = step.operator in passing or (step.operator in merging and not step.constants)
        if step.weights or (follows and passes):
            chosen.append(step.name)
            int8.update(step.outputs)
    return chosen
