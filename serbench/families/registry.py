"""Families are found through the entry-point group `serbench.families`, and loaded only when asked for."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from serbench.errors import SerbenchError, UsageError, unknown
from serbench.families.base import Family

__all__ = ["GROUP", "custom_objects", "family_names", "get_family"]

GROUP = "serbench.families"


def family_names() -> list[str]:
    """Returns the names of all installed families, sorted. Loads none, so a broken one does no harm here."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def get_family(name: str) -> Family:
    """Returns the family of this name.

    Raises:
        UsageError: no family, or two different ones, have this name.
        SerbenchError: the plug-in that offers it cannot be loaded or is no family.
    """
    points = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if not points:
        raise unknown("family", name, family_names())
    if len(points) > 1:
        offers = " and ".join(sorted(f"{value} ({_origin(point)})" for value, point in points.items()))
        raise UsageError(f"two families are named '{name}': {offers}; uninstall one of their packages")
    return _load(next(iter(points.values())))


def _load(point: EntryPoint) -> Family:
    where = f"family '{point.name}' ({point.value} of package {_origin(point)})"
    try:
        family = point.load()
    except Exception as error:  # A plug-in may fail in any way; that must stay its own failure.
        raise SerbenchError(
            f"{where} cannot be loaded ({type(error).__name__}: {error}); repair or uninstall that package"
        ) from error
    if not isinstance(family, Family):
        members = (member for member in vars(Family) if not member.startswith("_"))
        missing = ", ".join(member for member in members if not hasattr(family, member))
        raise SerbenchError(f"{where} is no family: it lacks {missing}; see serbench.families.base.Family")
    if family.name != point.name:
        raise SerbenchError(f"{where} calls itself '{family.name}'; its entry point needs the same name")
    return family


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def custom_objects() -> dict[str, Any]:
    """Imports Keras and serbench's own layers, so that a saved model can be loaded.

    Returns:
        Registered name -> layer class, as `keras.models.load_model(custom_objects=...)` takes it.
    """
    from serbench.families import layers

    return {f"{layers.PACKAGE}>{cls.__name__}": cls for cls in layers.LAYERS}
