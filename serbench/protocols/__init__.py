"""Who is trained on and who is tested on: pure functions of a clip table, a split seed and a ratio.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.protocols.inner import INNER_FOLDS, InnerFold
    from serbench.protocols.kinds import ProtocolKind, get_kind, protocol_names, protocols_help
    from serbench.protocols.protocol import SplitProtocol
    from serbench.protocols.ratio import Ratio, parse_percent
    from serbench.protocols.recorded import recorded_plan, recorded_protocol
    from serbench.protocols.split import Split, SplitPlan
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "inner": (
                "INNER_FOLDS",
                "InnerFold",
            ),
            "kinds": (
                "ProtocolKind",
                "get_kind",
                "protocol_names",
                "protocols_help",
            ),
            "protocol": ("SplitProtocol",),
            "ratio": (
                "Ratio",
                "parse_percent",
            ),
            "recorded": (
                "recorded_plan",
                "recorded_protocol",
            ),
            "split": (
                "Split",
                "SplitPlan",
            ),
        },
    )

__all__ = [
    "INNER_FOLDS",
    "InnerFold",
    "ProtocolKind",
    "Ratio",
    "Split",
    "SplitPlan",
    "SplitProtocol",
    "get_kind",
    "parse_percent",
    "protocol_names",
    "protocols_help",
    "recorded_plan",
    "recorded_protocol",
]
