"""Trackers by name. They are found through the entry-point group `serbench.trackers` and loaded on first use."""

from __future__ import annotations

from serbench.plugins import PluginGroup
from serbench.trackers.tracker import Tracker

__all__ = ["GROUP", "get_tracker", "tracker_names"]

GROUP = "serbench.trackers"

_TRACKERS: PluginGroup[Tracker] = PluginGroup(GROUP, "tracker", "trackers", Tracker)


def tracker_names() -> list[str]:
    """Names of all installed trackers, sorted. None of them is loaded."""
    return _TRACKERS.names()


def get_tracker(name: str) -> Tracker:
    """Returns the tracker of this name.

    Raises:
        UsageError: no tracker, or two different ones, have this name.
        SerbenchError: the package that provides it cannot be loaded, or the object is not a tracker.
    """
    return _TRACKERS.get(name)
