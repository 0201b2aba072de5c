"""`Transfer`: what all fits of a study take over from earlier networks."""

from __future__ import annotations

from dataclasses import dataclass, field

from serbench.training import Teacher

__all__ = ["NO_TRANSFER", "Transfer"]


@dataclass(frozen=True)
class Transfer:
    """What all fits of a study take over from earlier networks.

    Attributes:
        init: a trained model (a `.keras` file) whose weights fits start from; empty for random weights.
        init_labels: class names of that model.
        teacher: out-of-fold answers that fits learn from; None to learn from labels alone.
    """

    init: bytes = field(default=b"", repr=False)
    init_labels: tuple[str, ...] = ()
    teacher: Teacher | None = None


NO_TRANSFER = Transfer()
"""Random weights, and labels alone."""
