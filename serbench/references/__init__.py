"""Baselines on the same test set: chance, the majority class, an SVM, human listeners, and published results.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.references.compute import REFERENCE_ORDER, REFERENCES, Reference, compute_references, named_reference
    from serbench.references.extras import OPTIONAL, require_extra
    from serbench.references.literature import Reported, reported
    from serbench.references.task import ReferenceAnswers, ReferenceTask
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "compute": (
                "REFERENCES",
                "REFERENCE_ORDER",
                "Reference",
                "compute_references",
                "named_reference",
            ),
            "extras": (
                "OPTIONAL",
                "require_extra",
            ),
            "literature": (
                "Reported",
                "reported",
            ),
            "task": (
                "ReferenceAnswers",
                "ReferenceTask",
            ),
        },
    )

__all__ = [
    "OPTIONAL",
    "REFERENCES",
    "REFERENCE_ORDER",
    "Reference",
    "ReferenceAnswers",
    "ReferenceTask",
    "Reported",
    "compute_references",
    "named_reference",
    "reported",
    "require_extra",
]
