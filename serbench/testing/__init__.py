"""Contracts that the author of a plug-in runs in its tests. Each raises `AssertionError` with one plain sentence."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serbench.testing.front_ends import check_front_end

__all__ = ["check_front_end"]

_HOME = {
    "check_front_end": "serbench.testing.front_ends",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'serbench.testing' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
