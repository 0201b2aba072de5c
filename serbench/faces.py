"""Lazy imports: `from serbench.records import ResultsFolder` loads only the module that defines `ResultsFolder`.

The `__init__` of a subpackage lists the names that other subpackages may import. With eager imports there, one name
would load the whole subpackage, and `serbench --help` would load pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazy_face"]


def lazy_face(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Returns a `__getattr__` (PEP 562) for a package that loads each name on first use.

    >>> lazy_face("serbench", {"errors": ("UsageError",)})("UsageError").__name__
    'UsageError'

    Args:
        package: `__name__` of the package.
        homes: names that each module defines, by module name relative to the package.

    Returns:
        A function that returns the value of a name, and raises `AttributeError` for an unknown name.
    """
    module_of = {name: module for module, names in homes.items() for name in names}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return load
