"""How much an entry's score falls under noise, in rooms, through codecs.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.audit.robustness.answers import StoppedError
    from serbench.audit.robustness.conditions import CONDITIONS
    from serbench.audit.robustness.document import (
        ROBUSTNESS_HEADER,
        robustness_document,
        robustness_rows,
        robustness_sheets,
        robustness_verdict,
        with_robustness,
    )
    from serbench.audit.robustness.measure import RobustnessPlan, measure_robustness
    from serbench.audit.robustness.saved import saved_robustness, told_robustness
    from serbench.audit.robustness.scores import ConditionScore, Robustness
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answers": ("StoppedError",),
            "conditions": ("CONDITIONS",),
            "document": (
                "ROBUSTNESS_HEADER",
                "robustness_document",
                "robustness_rows",
                "robustness_sheets",
                "robustness_verdict",
                "with_robustness",
            ),
            "measure": (
                "RobustnessPlan",
                "measure_robustness",
            ),
            "saved": ("saved_robustness", "told_robustness"),
            "scores": ("ConditionScore", "Robustness"),
        },
    )

__all__ = [
    "CONDITIONS",
    "ROBUSTNESS_HEADER",
    "ConditionScore",
    "Robustness",
    "RobustnessPlan",
    "StoppedError",
    "measure_robustness",
    "robustness_document",
    "robustness_rows",
    "robustness_sheets",
    "robustness_verdict",
    "saved_robustness",
    "told_robustness",
    "with_robustness",
]
