"""serbench: AutoML benchmarking for speech emotion recognition.

>>> import serbench
>>> results = serbench.search("demo_cnn1d", trials=4)  # doctest: +SKIP
>>> results.leaderboard()  # doctest: +SKIP

`serbench.api` describes the functions. Importing the package imports none of what they need.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from serbench.errors import SerbenchError, UsageError

if TYPE_CHECKING:
    import inspect

    from serbench.api import (
        Bundle,
        Comparison,
        CorpusView,
        Entry,
        Results,
        corpus,
        load_bundle,
        load_space,
        open_results,
        search,
    )

__all__ = [
    "Bundle",
    "Comparison",
    "CorpusView",
    "Entry",
    "Results",
    "SerbenchError",
    "UsageError",
    "__version__",
    "corpus",
    "load_bundle",
    "load_space",
    "open_results",
    "search",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Loads a public name when it is asked for."""
    if name in __all__:
        from serbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'serbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _SearchPackage(ModuleType):
    """The package `serbench.search`, which is also called: the function `serbench.api.search` has the same name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from serbench import api

        return api.search(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        import inspect

        from serbench import api

        return inspect.signature(api.search)


class _Package(ModuleType):
    """Makes the package `search` callable when its import sets it as an attribute of this one."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "search" and isinstance(value, ModuleType):
            value.__class__ = _SearchPackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
