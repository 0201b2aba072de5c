"""Lazy faces of rooms: `from serbench.records import ResultsFolder` loads only the module that has `ResultsFolder`.

A room's `__init__` lists what other rooms may import. With eager imports there, whoever wants one name would load the
whole room, and `serbench --help` would load pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazy_face"]


def lazy_face(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Builds the `__getattr__` (PEP 562) of a package that loads its names when they are first used.

    >>> lazy_face("serbench", {"errors": ("UsageError",)})("UsageError").__name__
    'UsageError'

    Args:
        package: `__name__` of the package.
        homes: the names that each module of the package offers, by module relative to the package.

    Returns:
        A function that returns the value of a name, and raises `AttributeError` for a name that nobody offers.
    """
    module_of = {name: module for module, names in homes.items() for name in names}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return load
