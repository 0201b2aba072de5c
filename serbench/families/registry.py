"""Families are found through the entry-point group `serbench.families`, and loaded only when asked for."""

from __future__ import annotations

from typing import Any

from serbench.families.base import Family
from serbench.plugins import PluginGroup

__all__ = ["GROUP", "custom_objects", "family_names", "get_family"]

GROUP = "serbench.families"

_FAMILIES: PluginGroup[Family] = PluginGroup(GROUP, "family", "families", Family)


def family_names() -> list[str]:
    """Returns the names of all installed families, sorted. Loads none, so a broken one does no harm here."""
    return _FAMILIES.names()


def get_family(name: str) -> Family:
    """Returns the family of this name.

    Raises:
        UsageError: no family, or two different ones, have this name.
        SerbenchError: the plug-in that offers it cannot be loaded or is no family.
    """
    return _FAMILIES.get(name)


def custom_objects() -> dict[str, Any]:
    """Imports Keras and serbench's own layers, so that a saved model can be loaded.

    Returns:
        Registered name -> layer class, as `keras.models.load_model(custom_objects=...)` takes it.
    """
    from serbench.families import layers

    return {f"{layers.PACKAGE}>{cls.__name__}": cls for cls in layers.LAYERS}
