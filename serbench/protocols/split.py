"""`SplitPlan`: one stratified order of the clips; `Split`: where a ratio cuts it.

A ratio only moves cut points along the order: test from the head, validation from the tail, training
between. So the sets of a larger share contain those of a smaller one, and with every ratio at least as
large as the protocol's cores no trial ever trains on a core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from serbench.errors import UsageError
from serbench.protocols.ratio import Ratio, clip_count
from serbench.protocols.units import Unit

__all__ = ["Split", "SplitPlan"]


@dataclass(frozen=True)
class Split:
    """Rows of the clip table in each part; every row is in exactly one.

    `validation` and `test` are the protocol's cores. `validation_rest` and `test_rest` are what the
    ratio adds to them: not trained on, not chosen by; `test_rest` is predicted once, by a finalist.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    validation_rest: tuple[int, ...]
    test: tuple[int, ...]
    test_rest: tuple[int, ...]


@dataclass(frozen=True)
class SplitPlan:
    """A fold of a protocol on one corpus: an order of units, and the cores (as a ratio's shares)."""

    order: tuple[Unit, ...]
    cores: Ratio
    fold: int = 0

    @property
    def n_clips(self) -> int:
        """Clips in the order."""
        return sum(len(unit.rows) for unit in self.order)

    def split(self, ratio: Ratio) -> Split:
        """Cuts the order.

        >>> units = tuple(Unit(key, "x", (row,)) for row, key in enumerate("abcdefghij"))
        >>> plan = SplitPlan(units, Ratio.parse("70/10/20"))
        >>> plan.split(Ratio.parse("50/20/30"))
        Split(train=(3, 4, 5, 6, 7), validation=(9,), validation_rest=(8,), test=(0, 1), test_rest=(2,))

        Raises:
            UsageError: the ratio does not contain the cores, or leaves nothing to train on.
        """
        if ratio.test < self.cores.test or ratio.validation < self.cores.validation:
            raise UsageError(
                f"split ratio {ratio} does not contain the protocol's cores (test {self.cores.test:f} %, "
                f"validation {self.cores.validation:f} %); enlarge its shares or declare smaller cores in "
                "the space's [protocol]"
            )
        sizes = [len(unit.rows) for unit in self.order]
        test = _cut(sizes, clip_count(ratio.test, self.n_clips))
        test_core = _cut(sizes, clip_count(self.cores.test, self.n_clips))
        validation = _cut(sizes[::-1], clip_count(ratio.validation, self.n_clips))
        validation_core = _cut(sizes[::-1], clip_count(self.cores.validation, self.n_clips))
        n = len(self.order)
        if test + validation >= n:
            raise UsageError(
                f"split ratio {ratio} leaves no training clips: {n} indivisible groups (speakers, or clips "
                f"with their duplicates), of which {test} are for test and {validation} for validation"
            )
        return Split(
            train=_rows(self.order[test : n - validation]),
            validation=_rows(self.order[n - validation_core :]),
            validation_rest=_rows(self.order[n - validation : n - validation_core]),
            test=_rows(self.order[:test_core]),
            test_rest=_rows(self.order[test_core:test]),
        )


def _cut(sizes: Sequence[int], wanted: int) -> int:
    """How many units (at least one) come nearest to `wanted` clips; of two as near, the larger cut.

    >>> _cut([82, 82, 82], 100), _cut([1, 2, 1], 2), _cut([50], 1)
    (1, 2, 1)
    """
    totals = list(accumulate(sizes))
    return min(range(1, len(sizes) + 1), key=lambda k: (abs(totals[k - 1] - wanted), -k))


def _rows(units: Sequence[Unit]) -> tuple[int, ...]:
    return tuple(sorted(row for unit in units for row in unit.rows))
