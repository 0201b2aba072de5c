"""Exporters by name. They are found through the entry-point group `serbench.exporters` and loaded on first use."""

from __future__ import annotations

from serbench.export.exporter import Exporter
from serbench.plugins import PluginGroup

__all__ = ["GROUP", "exporter_names", "get_exporter"]

GROUP = "serbench.exporters"

_EXPORTERS: PluginGroup[Exporter] = PluginGroup(GROUP, "export format", "export formats", Exporter)


def exporter_names() -> list[str]:
    """Names of all installed exporters, sorted. None of them is loaded."""
    return _EXPORTERS.names()


def get_exporter(name: str) -> Exporter:
    """Returns the exporter of this name.

    Raises:
        UsageError: no exporter, or two different ones, have this name.
        SerbenchError: the package that provides it cannot be loaded, or the object is not an exporter.
    """
    return _EXPORTERS.get(name)
