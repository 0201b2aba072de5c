"""`PluginGroup`: objects that installed packages provide through entry points. Each is loaded on first use."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from serbench.errors import SerbenchError, UsageError, unknown

__all__ = ["PluginGroup"]

T = TypeVar("T")

_NAMED = 4
_NONE = "None is registered: run `uv sync` in the clone, or install serbench again."


@dataclass(frozen=True)
class PluginGroup(Generic[T]):
    """One entry-point group, such as `serbench.families`.

    Each entry point names one object. The object has an attribute `name` equal to the name of its entry point.

    Attributes:
        group: the entry-point group.
        noun: singular noun for its objects in messages, such as `family`.
        plural: plural of this noun.
        contract: class or runtime-checkable protocol that each object must be an instance of.
        own_wins: if a plug-in has the same name as an object of serbench, whether serbench's is used. If False, such a
            name is an error.
        hint: last sentence of the message about an unknown name; '' for none.
    """

    group: str
    noun: str
    plural: str
    contract: type[object]
    own_wins: bool = False
    hint: str = ""

    def names(self) -> list[str]:
        """Returns the sorted names of all installed objects. None is loaded, so a broken plug-in does no harm."""
        return sorted({point.name for point in entry_points(group=self.group)})

    def get(self, name: str) -> T:
        """Returns the object of this name. It is loaded once.

        Raises:
            UsageError: no object, or more than one, has this name.
            SerbenchError: the package that provides it cannot be loaded, or the object breaks the contract.
        """
        # Cached, since reading all entry points takes milliseconds. A changed path may hold other packages.
        return cast("T", _load_once(self, name, tuple(sys.path)))

    def _load(self, name: str) -> object:
        points = {point.value: point for point in entry_points(group=self.group, name=name)}
        own = [point for value, point in points.items() if value.startswith("serbench.")]
        found = own if self.own_wins and own else list(points.values())
        if not found:
            known = self.names()
            raise unknown(self.noun, name, known, hint=self.hint if known else _NONE)
        if len(found) > 1:
            offers = " and ".join(sorted(f"{point.value} ({_package(point)})" for point in found))
            raise UsageError(f"two {self.plural} are named '{name}': {offers}; uninstall one of their packages")
        return self._checked(found[0])

    def _checked(self, point: EntryPoint) -> object:
        where = f"{self.noun} '{point.name}' ({point.value} of package {_package(point)})"
        try:
            # A property of the object may fail as well as the import of its module.
            loaded: Any = point.load()
            mismatch = None if isinstance(loaded, self.contract) else self._mismatch(loaded)
            own_name = getattr(loaded, "name", None)
        except (Exception, SystemExit) as error:  # a plug-in may fail in any way and must not break serbench
            raise SerbenchError(
                f"{where} cannot be loaded ({type(error).__name__}: {error}); repair or uninstall that package"
            ) from error
        if isinstance(loaded, type):  # it has all members of a protocol
            raise SerbenchError(f"{where} is a class; make an object of it and name that in the entry point")
        if mismatch:
            full_name = f"{self.contract.__module__}.{self.contract.__qualname__}"
            raise SerbenchError(f"{where} is no {self.noun}: {mismatch}; see {full_name}")
        if own_name != point.name:
            raise SerbenchError(f"{where} calls itself '{own_name}'; its entry point needs the same name")
        return loaded

    def _mismatch(self, loaded: object) -> str:
        missing = [name for name in vars(self.contract) if not name.startswith("_") and not hasattr(loaded, name)]
        if not missing:
            return f"its type is {type(loaded).__name__}"
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        return f"it lacks {', '.join(missing[:_NAMED])}{more}"


@functools.cache
def _load_once(group: PluginGroup[Any], name: str, path: tuple[str, ...]) -> object:  # noqa: ARG001 - part of the key
    return group._load(name)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"
