"""What references need besides serbench itself."""

from __future__ import annotations

import importlib.util
from types import MappingProxyType

from serbench.errors import SerbenchError, with_extra

__all__ = ["OPTIONAL", "require_extra"]

OPTIONAL = MappingProxyType(
    {"egemaps": {"opensmile": "openSMILE"}, "encoder": {"torch": "PyTorch", "transformers": "transformers"}}
)
"""References that take an extra of their name, with the modules that it brings."""


def require_extra(name: str) -> None:
    """Refuses a reference whose extra is not installed, before anything that takes long.

    Raises:
        SerbenchError: it is not; the extra is named.
    """
    missing = [title for module, title in OPTIONAL.get(name, {}).items() if importlib.util.find_spec(module) is None]
    if missing:
        raise SerbenchError(f"reference '{name}' needs {' and '.join(missing)}; {with_extra(name)}")
