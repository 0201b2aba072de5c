"""Finds families through the entry-point group `serbench.families` and loads them only when needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from serbench.errors import SerbenchError
from serbench.families.base import Family, MinimalFamily, parse_hyperparameters
from serbench.families.base_family import BaseFamily
from serbench.plugins import PluginGroup

__all__ = [
    "GROUP",
    "built_in_names",
    "custom_objects",
    "family_names",
    "get_family",
    "same_configuration",
    "settings_in_use",
]

GROUP = "serbench.families"


_FAMILIES: PluginGroup[MinimalFamily] = PluginGroup(GROUP, "family", "families", MinimalFamily)


def family_names() -> list[str]:
    """Returns the names of all installed families, sorted. Loads none, so a broken plug-in does no harm here."""
    return _FAMILIES.names()


def built_in_names() -> list[str]:
    """Returns the sorted names of the families that come with serbench, without plug-ins."""
    return sorted({point.name for point in entry_points(group=GROUP) if point.value.startswith("serbench.")})


def get_family(name: str) -> Family:
    """Returns the family of this name.

    Raises:
        UsageError: no family has this name, or two different ones do.
        SerbenchError: its plug-in cannot be loaded, or is not a family.
    """
    family = _FAMILIES.get(name)
    return family if isinstance(family, Family) else _completed(family)


def same_configuration(family: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two recorded configurations are the same, whichever versions of serbench wrote them.

    A hyperparameter that a later version added has its default in what an earlier one wrote. Of a family that is not
    installed, nothing is known of that.

    >>> same_configuration("cnn1d", {"depth": 3}, {"depth": 3, "prediction_crops": 1})
    True
    >>> same_configuration("cnn1d", {"depth": 3}, {"depth": 3, "prediction_crops": 2})
    False
    """
    if one == other:
        return True
    try:
        later = get_family(family).hyperparameters.later_fields()
    except SerbenchError:
        return False
    return {**later, **one} == {**later, **other}


def settings_in_use(family: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a recorded configuration without the hyperparameters that play no part beside its other ones.

    Of a family that is not installed, or has changed since, nothing is known of that: all are returned.

    >>> settings_in_use("cnn1d", {"optimizer": "adam", "momentum": 0.9})
    {'optimizer': 'adam'}
    """
    try:
        idle = parse_hyperparameters(get_family(family), config).idle_fields()
    except SerbenchError:
        return dict(config)
    return {name: value for name, value in config.items() if name not in idle}


def _completed(family: MinimalFamily) -> Family:
    """Adds the default `default_space` and `custom_objects` to a family of an older plug-in that lacks them."""
    whole = BaseFamily()
    for member in (*vars(MinimalFamily), *vars(Family)):
        if not member.startswith("_") and hasattr(family, member):
            setattr(whole, member, getattr(family, member))
    return whole


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
