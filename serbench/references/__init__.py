"""Baselines on the same test set: chance, the majority class, an SVM, human listeners, and published results.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.references.brought import BROUGHT, Brought, keep_brought, read_brought
    from serbench.references.compute import (
        BASELINES,
        REFERENCE_ORDER,
        REFERENCES,
        TRANSDUCTIVE,
        Reference,
        compute_references,
        named_reference,
    )
    from serbench.references.extras import require_extra
    from serbench.references.literature import Reported, reported
    from serbench.references.task import ReferenceAnswers, ReferenceTask
    from serbench.references.task_folder import write_task
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "brought": (
                "BROUGHT",
                "Brought",
                "keep_brought",
                "read_brought",
            ),
            "compute": (
                "BASELINES",
                "REFERENCES",
                "REFERENCE_ORDER",
                "TRANSDUCTIVE",
                "Reference",
                "compute_references",
                "named_reference",
            ),
            "extras": ("require_extra",),
            "literature": (
                "Reported",
                "reported",
            ),
            "task": (
                "ReferenceAnswers",
                "ReferenceTask",
            ),
            "task_folder": ("write_task",),
        },
    )

__all__ = [
    "BASELINES",
    "BROUGHT",
    "REFERENCES",
    "REFERENCE_ORDER",
    "TRANSDUCTIVE",
    "Brought",
    "Reference",
    "ReferenceAnswers",
    "ReferenceTask",
    "Reported",
    "compute_references",
    "keep_brought",
    "named_reference",
    "read_brought",
    "reported",
    "require_extra",
    "write_task",
]
