"""Families are found through the entry-point group `serbench.families`, and loaded only when asked for."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from serbench.errors import SerbenchError, UsageError, unknown
from serbench.families.base import Family
from serbench.families.base_family import BaseFamily

__all__ = ["GROUP", "built_in_names", "custom_objects", "family_names", "get_family"]

GROUP = "serbench.families"

_OPTIONAL = ("default_space", "custom_objects")
_REQUIRED = tuple(name for name in vars(Family) if not name.startswith("_") and name not in _OPTIONAL)


def family_names() -> list[str]:
    """Returns the names of all installed families, sorted. Loads none, so a broken one does no harm here."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def built_in_names() -> list[str]:
    """Returns the names of the families that come with serbench, sorted; those of plug-ins are left out."""
    return sorted({point.name for point in entry_points(group=GROUP) if point.value.startswith("serbench.")})


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
    if missing := [member for member in _REQUIRED if not hasattr(family, member)]:
        raise SerbenchError(f"{where} is no family: it lacks {', '.join(missing)}; see serbench.families.Family")
    if family.name != point.name:
        raise SerbenchError(f"{where} calls itself '{family.name}'; its entry point needs the same name")
    return family if isinstance(family, Family) else _completed(family)


def _completed(family: Any) -> Family:
    """A family of before `default_space` and `custom_objects`, with the default for whichever it lacks."""
    whole = BaseFamily()
    for member in (*_REQUIRED, *_OPTIONAL):
        if hasattr(family, member):
            setattr(whole, member, getattr(family, member))
    return whole


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def custom_objects(family: str | None = None) -> dict[str, Any]:
    """Imports Keras and the layers that a saved model may have: serbench's own and those of its family.

    Args:
        family: name of the family that built the model; None for serbench's own layers alone.

    Returns:
        Registered name -> class, as `keras.models.load_model(custom_objects=...)` takes it.

    Raises:
        UsageError: no such family is installed.
        SerbenchError: its plug-in cannot be loaded.
    """
    theirs = {} if family is None else get_family(family).custom_objects()
    from serbench.families import layers

    return {**theirs, **{f"{layers.PACKAGE}>{cls.__name__}": cls for cls in layers.LAYERS}}
