"""Statistical power: the difference that a paired comparison on these speakers is likely to show.

With SE the standard error of a paired difference and t quantiles of Student's distribution at its degrees of freedom,

    detectable difference = (t(1 - alpha / 2) + t(power)) * SE

A true difference of this size is significant at level alpha in a share `power` of test sets like this one.

Source: H. S. Bloom, Minimum Detectable Effects, Evaluation Review 19 (1995), 547-556.
"""

from __future__ import annotations

from scipy import special

from serbench.evaluation.intervals import ALPHA
from serbench.evaluation.jackknife import Spread

__all__ = ["POWER", "detectable_difference"]

POWER = 0.8
"""Usual power: four of five true differences are found."""


def detectable_difference(spread: Spread, *, power: float = POWER) -> float:
    """Returns the smallest true difference that a two-sided paired test at the 5 % level shows with this power.

    >>> round(detectable_difference(Spread(0.02, 17)), 4)
    0.0595

    Args:
        spread: standard error and degrees of freedom of the paired difference, in the unit of the score.
        power: probability, over test sets, that the difference is significant.

    Raises:
        ValueError: the power does not lie between 0 and 1.
    """
    if not 0 < power < 1:
        raise ValueError(f"a power lies between 0 and 1, not at {power}")
    quantiles = special.stdtrit(spread.freedom, 1 - ALPHA / 2) + special.stdtrit(spread.freedom, power)
    return float(quantiles) * spread.error
