"""Finds front ends through the entry-point group `serbench.front_ends` and loads them only when needed."""

from __future__ import annotations

from typing import Any

from serbench.features.frontends.base import FRONT_ENDS, FrontEnd

__all__ = ["GROUP", "front_end_names", "get_front_end"]

GROUP = FRONT_ENDS.group


def front_end_names() -> list[str]:
    """Returns the names of all installed front ends, sorted. Loads none, so a broken plug-in does no harm here."""
    return FRONT_ENDS.names()


def get_front_end(name: str) -> FrontEnd[Any]:
    """Returns the front end of this name.

    Raises:
        UsageError: no front end has this name, or two different ones do.
        SerbenchError: its plug-in cannot be loaded, or is not a front end.
    """
    return FRONT_ENDS.get(name)
