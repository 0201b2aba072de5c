"""`SplitPlan`: a stratified order of the clips. `Split`: the sets that a ratio cuts from it.

Test clips are taken from the head of the order, validation clips from the tail, training clips from between. A ratio
only moves the cut points. So the test set of a larger share contains that of a smaller one. Every ratio is at least as
large as the protocol's cores, so no trial ever trains on a core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import accumulate, pairwise

from serbench.errors import UsageError
from serbench.protocols.ratio import Ratio, clip_count
from serbench.protocols.units import Unit

__all__ = ["Split", "SplitPlan"]

_PARTS = ("train", "validation", "validation_rest", "test", "test_rest")


@dataclass(frozen=True)
class Split:
    """Row numbers of the clip table in each part. Every row is in exactly one part.

    Attributes:
        train: the training set.
        validation: the protocol's validation core, by which models are selected.
        validation_rest: what the ratio adds to the validation core; neither trained on nor used for selection.
        test: the protocol's test core.
        test_rest: what the ratio adds to the test core; only finalists predict it, once.
        left_out: clips whose speaker belongs to one set and whose sentence to another.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    validation_rest: tuple[int, ...]
    test: tuple[int, ...]
    test_rest: tuple[int, ...]
    left_out: tuple[int, ...] = ()

    @property
    def outside_test(self) -> tuple[int, ...]:
        """Rows that a final run may train on, sorted: all but the test core and what is left out."""
        return tuple(sorted((*self.train, *self.validation, *self.validation_rest, *self.test_rest)))


@dataclass(frozen=True)
class SplitPlan:
    """One fold of a protocol on one corpus.

    Attributes:
        order: the units (clips that are never divided between sets), in the order that is cut.
        cores: of the protocol, as a ratio.
        fold: number of the fold from 1; 0 for a protocol without folds.
        test_units: number of units at the head that are the test core, if the fold fixes it.
        validation_units: number of units at the tail that are the validation core, if the fold fixes it.
        ratio_clips: number of clips that percentages refer to; None for all clips.
        crossed: a second order of the same rows. A row is in a set only if both orders put it there.
        exchangeable: whether any unit may be in any set; not so where the corpus or a publication fixes the test set.
        reordered: whether this is another order than the seed's first, which lacked a class in a core.
    """

    order: tuple[Unit, ...]
    cores: Ratio
    fold: int = 0
    test_units: int | None = None
    validation_units: int | None = None
    ratio_clips: int | None = None
    crossed: tuple[Unit, ...] = ()
    exchangeable: bool = True
    reordered: bool = False

    def with_validation_units(self, least: int, *, of_all: bool = True) -> SplitPlan:
        """Returns the plan with at least `least` units in the validation core, if the fold does not fix it.

        At most a third of the units outside the test set validate, so that enough are left to train on.

        Args:
            least: number of units.
            of_all: whether the core that is compared with `least` is a share of all clips. It is one of `ratio_clips`,
                as `split` cuts it, if this is False; splits of before were made by the other.

        >>> units = tuple(Unit(key, "x", (row,)) for row, key in enumerate("abcdefghij"))
        >>> fold = SplitPlan(units, Ratio.parse("70/10/20"), fold=1, test_units=1)
        >>> fold.with_validation_units(3).core_split.validation
        (7, 8, 9)
        """
        if self.validation_units is not None or self.test_units is None or self.crossed:
            return self
        sizes = [len(unit.rows) for unit in reversed(self.order)]
        total = self.n_clips if of_all or self.ratio_clips is None else self.ratio_clips
        cut = _cut(sizes, clip_count(self.cores.validation, total))
        wanted = min(least, (len(self.order) - self.test_units) // 3)
        return self if wanted <= cut else replace(self, validation_units=wanted)

    @property
    def n_clips(self) -> int:
        """Number of clips in the order."""
        return sum(len(unit.rows) for unit in self.order)

    def split(self, ratio: Ratio) -> Split:
        """Cuts the order into sets.

        >>> units = tuple(Unit(key, "x", (row,)) for row, key in enumerate("abcdefghij"))
        >>> plan = SplitPlan(units, Ratio.parse("70/10/20"))
        >>> plan.split(Ratio.parse("50/20/30")).test_rest
        (2,)
        >>> fold = SplitPlan(units, Ratio.parse("70/10/20"), fold=1, test_units=4)
        >>> fold.split(Ratio.parse("70/10/20")).test, fold.split(Ratio.parse("60/10/30")).test_rest
        ((0, 1, 2, 3), (4,))

        Raises:
            UsageError: a share of the ratio is smaller than its core, or no training clip is left.
        """
        if ratio.test < self.cores.test or ratio.validation < self.cores.validation:
            raise UsageError(
                f"split ratio {ratio} does not contain the protocol's cores (test {self.cores.test:f} %, "
                f"validation {self.cores.validation:f} %); enlarge its shares or declare smaller cores in "
                "the space's [protocol]"
            )
        parts = self._parts(self.order, ratio, self.test_units, self.validation_units)
        if self.crossed:
            other = self._parts(self.crossed, ratio, None, None)
            parts = {row: _in_both(part, other[row]) for row, part in parts.items()}
        rows: dict[str, list[int]] = {}
        for row in sorted(parts):
            rows.setdefault(parts[row], []).append(row)
        if not all(rows.get(part) for part in ("train", "validation", "test")):
            raise UsageError(f"split ratio {ratio} leaves no clip that both orders agree on; use larger shares")
        return Split(**{part: tuple(rows.get(part, ())) for part in (*_PARTS, "left_out")})

    @property
    def core_split(self) -> Split:
        """The split by the cores alone: `validation_rest` and `test_rest` are empty.

        >>> units = tuple(Unit(key, "x", (row,)) for row, key in enumerate("abcdefghij"))
        >>> SplitPlan(units, Ratio.parse("70/10/20")).core_split.train
        (2, 3, 4, 5, 6, 7, 8)

        Raises:
            UsageError: no training clip is left.
        """
        return self.split(self.cores)

    def core_units(self) -> dict[str, tuple[Unit, ...]]:
        """Returns the units that are cut for training, validation and test by the cores, of a plan of one order.

        Raises:
            UsageError: no training clip is left.
        """
        cuts = self._cuts(self.order, self.cores, self.test_units, self.validation_units)
        return {name: self.order[start:end] for name, start, end in cuts}

    def _parts(
        self, units: Sequence[Unit], ratio: Ratio, test_units: int | None, validation_units: int | None
    ) -> dict[int, str]:
        """Maps each row to its part, by one order."""
        return {
            row: name
            for name, start, end in self._cuts(units, ratio, test_units, validation_units)
            for unit in units[start:end]
            for row in unit.rows
        }

    def _cuts(
        self, units: Sequence[Unit], ratio: Ratio, test_units: int | None, validation_units: int | None
    ) -> list[tuple[str, int, int]]:
        """Cuts one order: each part with the number of its first unit and of the one after its last."""
        sizes = [len(unit.rows) for unit in units]
        total = sum(sizes) if self.ratio_clips is None else self.ratio_clips
        if test_units is None:
            test_core = _cut(sizes, clip_count(self.cores.test, total))
            test = _cut(sizes, clip_count(ratio.test, total))
        else:
            test_core = test = test_units
            if surplus := clip_count(ratio.test, total) - clip_count(self.cores.test, total):
                test += _cut(sizes[test_units:], surplus)
        if validation_units is None:
            validation_core = _cut(sizes[::-1], clip_count(self.cores.validation, total))
            validation = _cut(sizes[::-1], clip_count(ratio.validation, total))
        else:
            validation_core = validation = validation_units
        n = len(units)
        if test + validation >= n:
            raise UsageError(
                f"split ratio {ratio} leaves no training clips: {n} indivisible groups (speakers, or clips "
                f"with their duplicates), of which {test} are for test and {validation} for validation"
            )
        bounds = accumulate((test_core, test - test_core, n - validation - test, validation - validation_core))
        names = ("test", "test_rest", "train", "validation_rest", "validation")
        cuts = [0, *bounds, n]
        return [(name, start, end) for name, (start, end) in zip(names, pairwise(cuts), strict=True)]


def _in_both(one: str, other: str) -> str:
    if one == other:
        return one
    for core in ("test", "validation"):
        if {one, other} == {core, f"{core}_rest"}:
            return f"{core}_rest"
    return "left_out"


def _cut(sizes: Sequence[int], wanted: int | Decimal) -> int:
    """Returns how many units (at least one) hold closest to `wanted` clips; in a tie, the larger number.

    >>> _cut([82, 82, 82], 100), _cut([1, 2, 1], 2), _cut([50], 1)
    (1, 2, 1)
    """
    totals = list(accumulate(sizes))
    return min(range(1, len(sizes) + 1), key=lambda k: (abs(totals[k - 1] - wanted), -k))
