"""Contract checks for plug-ins, to be called in their tests. Each raises `AssertionError` with one sentence."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serbench.testing.corpora import check_corpus
    from serbench.testing.families import check_family
    from serbench.testing.front_ends import check_front_end

__all__ = ["check_corpus", "check_family", "check_front_end"]

_HOME = {
    "check_corpus": "serbench.testing.corpora",
    "check_family": "serbench.testing.families",
    "check_front_end": "serbench.testing.front_ends",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'serbench.testing' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
