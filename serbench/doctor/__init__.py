"""Checks whether searches can run on this machine.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.doctor.diagnosis import diagnose
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "diagnosis": ("diagnose",),
        },
    )

__all__ = ["diagnose"]
