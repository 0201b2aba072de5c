"""Front ends: they turn waveforms into the arrays that a model reads. One module each, found by entry point."""

from serbench.features.frontends.base import FeatureSpec, FrontEnd
from serbench.features.frontends.registry import front_end_names, get_front_end

__all__ = ["FeatureSpec", "FrontEnd", "front_end_names", "get_front_end"]
