"""Extras (optional dependencies) of the references."""

from __future__ import annotations

from types import MappingProxyType

from serbench.errors import require

__all__ = ["OPTIONAL", "require_extra"]

OPTIONAL = MappingProxyType(
    {
        "egemaps": {"opensmile": "openSMILE"},
        "egemaps-speaker": {"opensmile": "openSMILE"},
        "encoder": {"torch": "PyTorch", "transformers": "transformers"},
    }
)
"""Modules that a reference needs, with their titles. The extra has the first word of the reference's name."""


def require_extra(name: str) -> None:
    """Checks that the extra of a reference is installed, before any slow work.

    Raises:
        SerbenchError: it is not installed; the message says how to install it.
    """
    require(f"reference '{name}'", OPTIONAL.get(name, {}), extra=name.partition("-")[0])
