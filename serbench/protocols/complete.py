"""Orders units so that every core has every class, where that is possible.

The seeded order of a protocol stays wherever it does so already. Only where it does not, validation cores of folds grow
and other orders are tried: further draws, each mended by exchanging units, and at last all orders of a few units. All
of it is determined by the clips and the split seed.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from serbench.errors import UsageError
from serbench.protocols.split import SplitPlan
from serbench.protocols.units import Unit

__all__ = ["Completion", "Lack"]

_DRAWS = 30
_EXCHANGES = 2500
_STEPS = 1_000_000
_ALL_ORDERS_OF = 7

Plans = tuple[SplitPlan, ...]


@dataclass(frozen=True)
class Lack:
    """A set of a plan that has no clip of a class. `part` is `train`, `validation` or `test`."""

    fold: int
    part: str
    label: str


@dataclass(frozen=True)
class Completion:
    """Finds plans in which every named set has every class.

    Attributes:
        labels: label of each row of the clip table.
        parts: the sets that must have every class.
        least: fewest validation units of a fold.
    """

    labels: Sequence[str]
    parts: Sequence[str]
    least: int = 1
    _held: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)

    def lacks(self, plans: Plans) -> list[Lack]:
        """Lists the classes that a set of a plan has no clip of.

        >>> units = tuple(Unit(key, "x", (row,)) for row, key in enumerate("abcd"))
        >>> from serbench.protocols.ratio import Ratio
        >>> Completion(["joy", "fear", "joy", "fear"], ["train", "test"]).lacks(
        ...     (SplitPlan(units, Ratio.parse("50/25/25")),)
        ... )
        [Lack(fold=0, part='test', label='fear')]
        """
        found = []
        for plan in plans:
            sets = self._sets(plan)
            found += [
                Lack(plan.fold, part, label)
                for part in self.parts
                for label in self._every_class
                if label not in sets[part]
            ]
        return found

    def find(self, first: Plans, draw: Callable[[int], Plans]) -> Plans | None:
        """Returns plans in which every named set has every class; None if none were found.

        Args:
            first: the plans of the protocol's own order.
            draw: makes the plans of the n-th further order, from 1.
        """
        if not self.lacks(made := self.grown(first)):
            return made
        if self._hopeless(first):
            return None
        exchangeable = all(not plan.crossed and plan.exchangeable for plan in first)
        for number in range(_DRAWS + 1):
            plans = first if number == 0 else draw(number)
            made = self.grown(self._mended(plans) if exchangeable else plans)
            if not self.lacks(made):
                return _marked(made)
        if exchangeable and len(first[0].order) <= _ALL_ORDERS_OF:
            for order in itertools.permutations(first[0].order):
                if not self.lacks(made := self.grown(_turned(first, order))):
                    return _marked(made)
        found = self._grown_further(first, draw)
        return self._exchanged_otherwise(first) if found is None and exchangeable else found

    def _exchanged_otherwise(self, first: Plans) -> Plans | None:
        """A last try for a class of a few units among thousands, where no more than its first unit has been exchanged.

        Only where all else failed, so that splits which were found before this was tried stay as they are.
        """
        made = self.grown(self._mended(first, every_unit=True))
        return None if self.lacks(made) else _marked(made)

    def _grown_further(self, first: Plans, draw: Callable[[int], Plans]) -> Plans | None:
        """A last try for a fixed test set that is large: as a share of all clips, validation seems large enough there.

        Only where all else failed, so that splits which were found before this was tried stay as they are.
        """
        if all(plan.ratio_clips is None for plan in first):
            return None
        for number in range(_DRAWS + 1):
            plans = first if number == 0 else draw(number)
            made = tuple(self._with_validation(plan, of_all=False) for plan in plans)
            if not self.lacks(made):
                return _marked(made) if number else made
        return None

    def grown(self, plans: Plans) -> Plans:
        """Gives each fold as many validation units as it takes to have every class there, at least `least`."""
        return tuple(map(self._with_validation, plans))

    def _with_validation(self, plan: SplitPlan, *, of_all: bool = True) -> SplitPlan:
        usual = plan.with_validation_units(self.least)
        fixed = plan.crossed or plan.test_units is None or plan.validation_units is not None
        if fixed or not self.lacks((usual,)):
            return usual

        def validates(count: int) -> bool:
            lacking = self.lacks((plan.with_validation_units(count, of_all=of_all),))
            return all(lack.part != "validation" for lack in lacking)

        # Each larger validation set holds the smaller ones, and training loses what it gains. So the smallest that has
        # every class is the only one to try, and halving the sizes finds it.
        sizes = range(self.least, len(plan.order) // 3 + 1)
        place = bisect_left(sizes, True, key=validates)
        if place == len(sizes):
            return usual
        found = plan.with_validation_units(sizes[place], of_all=of_all)
        return usual if self.lacks((found,)) else found

    def _hopeless(self, plans: Plans) -> bool:
        """Whether a class is in fewer units than there are sets, so that no order of the units can be complete.

        Decided for a single plan of one order only: there, each unit is in one set at most, whatever the order.
        """
        if len(plans) > 1 or plans[0].crossed or not plans[0].exchangeable:
            return False
        having = Counter(label for unit in plans[0].order for label in self._classes(unit))
        return min(having.values()) < len(self.parts)

    def _sets(self, plan: SplitPlan) -> dict[str, set[str]]:
        """The classes that are in each set of a plan."""
        try:
            if plan.crossed:
                split = plan.core_split
                return {part: {self.labels[row] for row in getattr(split, part)} for part in self.parts}
            return {part: set().union(*map(self._classes, units)) for part, units in plan.core_units().items()}
        except UsageError:  # this order leaves nothing to train on
            return {part: set() for part in self.parts}

    @functools.cached_property
    def _every_class(self) -> list[str]:
        return sorted(set(self.labels))

    def _classes(self, unit: Unit) -> frozenset[str]:
        known = (unit.key, unit.rows[0])  # under `given` one speaker may be a unit of training and one of the test set
        if known not in self._held:
            self._held[known] = frozenset(self.labels[row] for row in unit.rows)
        return self._held[known]

    def _mended(self, plans: Plans, *, every_unit: bool = False) -> Plans:
        """Exchanges two units at a time as long as that leaves fewer classes lacking."""
        while missing := self.lacks(self.grown(plans)):
            better = (
                other
                for lack in missing
                for other in self._exchanges(plans, lack, every_unit=every_unit)
                if len(self.lacks(self.grown(other))) < len(missing)
            )
            if (found := next(better, None)) is None:
                break
            plans = found
        return plans

    def _exchanges(self, plans: Plans, lack: Lack, *, every_unit: bool) -> Iterator[Plans]:
        """Plans with one unit of the lacking set exchanged for one that has the class, of the same stratum first.

        With `every_unit` each unit that has the class is tried before a second one of the lacking set.
        """
        order = list(plans[0].order)
        plan = next(one for one in self.grown(plans) if one.fold == lack.fold)
        try:
            keys = {unit.key for unit in plan.core_units()[lack.part]}
        except UsageError:
            return
        inside = [place for place, unit in enumerate(order) if unit.key in keys]
        having = [
            place for place, unit in enumerate(order) if unit.key not in keys and lack.label in self._classes(unit)
        ]
        tried: Iterable[tuple[int, int]] = itertools.product(having, inside)
        if every_unit:
            tried = ((one, other) for other in inside for one in having)
        pairs = sorted(
            itertools.islice(tried, _EXCHANGES),
            key=lambda pair: order[pair[0]].stratum != order[pair[1]].stratum,
        )
        for one, other in pairs[: max(10, _STEPS // len(order))]:  # each takes as many steps as there are units
            changed = order.copy()
            changed[one], changed[other] = order[other], order[one]
            yield _turned(plans, changed)


def _turned(plans: Plans, order: Sequence[Unit]) -> Plans:
    """The plans with another order of their units. Folds are turns of one order, each by the units tested so far."""
    made, start = [], 0
    for plan in plans:
        made.append(replace(plan, order=(*order[start:], *order[:start])))
        start += plan.test_units or 0
    return tuple(made)


def _marked(plans: Plans) -> Plans:
    return tuple(replace(plan, reordered=True) for plan in plans)
