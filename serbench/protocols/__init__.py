"""Who is trained on and who is tested on. Pure functions of a clip table, a split seed and a ratio."""

from serbench.protocols.kinds import protocol_names
from serbench.protocols.protocol import SplitProtocol
from serbench.protocols.ratio import Ratio
from serbench.protocols.split import Split, SplitPlan

__all__ = ["Ratio", "Split", "SplitPlan", "SplitProtocol", "protocol_names"]
