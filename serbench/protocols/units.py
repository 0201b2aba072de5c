"""Units: groups of clips that are never divided between sets, such as all clips of a speaker or identical clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serbench.errors import SerbenchError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["Unit", "clip_units", "interleave", "sentence_units", "speaker_units"]


@dataclass(frozen=True)
class Unit:
    """A group of clips that stays together.

    Attributes:
        key: identifies the unit.
        stratum: the property that an order balances, e.g. the sex.
        rows: row numbers in the clip table.
    """

    key: str
    stratum: str
    rows: tuple[int, ...]


def clip_units(clips: pd.DataFrame) -> list[Unit]:
    """Makes one unit for each clip; identical clips form one unit. The stratum is the label of its first clip by id.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"clip_id": ["a", "b", "c"], "label": ["x", "y", "x"], "digest": ["1", "1", "2"]})
    >>> [(unit.key, unit.stratum, unit.rows) for unit in clip_units(table)]
    [('a', 'x', (0, 1)), ('c', 'x', (2,))]
    """
    return _units(clips, clips["clip_id"].astype(str).tolist(), clips["label"].astype(str).tolist())


def speaker_units(clips: pd.DataFrame) -> list[Unit]:
    """Makes one unit for each speaker; speakers who share an identical clip form one unit. The stratum is the sex.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"clip_id": list("abcd"), "speaker": list("ppqr"), "sex": ["male"] * 4,
    ...                       "digest": ["1", "2", "2", "3"]})
    >>> [(unit.key, unit.rows) for unit in speaker_units(table)]
    [('p', (0, 1, 2)), ('r', (3,))]
    """
    sex = clips["sex"].astype(object).where(clips["sex"].notna(), "unknown").astype(str).tolist()
    return _units(clips, clips["speaker"].astype(str).tolist(), sex)


def sentence_units(clips: pd.DataFrame) -> list[Unit]:
    """Makes one unit for each sentence; sentences that share an identical clip form one unit.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"clip_id": list("abc"), "sentence": ["IEO", "DFA", "IEO"]})
    >>> [(unit.key, unit.rows) for unit in sentence_units(table)]
    [('DFA', (1,)), ('IEO', (0, 2))]

    Raises:
        SerbenchError: the corpus does not say which sentence is spoken in each clip.
    """
    if "sentence" not in clips or clips["sentence"].isna().any():
        raise SerbenchError(
            "this protocol keeps sentences apart, and this corpus does not say which sentence is spoken in each clip; "
            "use --protocol speaker, or give its table a column 'sentence'"
        )
    return _units(clips, clips["sentence"].astype(str).tolist(), ["sentence"] * len(clips))


def _units(clips: pd.DataFrame, owners: Sequence[str], strata: Sequence[str]) -> list[Unit]:
    """Connected components of rows that share an owner or an audio digest. Missing digests are never equal."""
    import pandas as pd

    parent = list(range(len(clips)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    digests = clips["digest"].tolist() if "digest" in clips else [None] * len(clips)
    for column in (owners, digests):
        first: dict[str, int] = {}
        for row, value in enumerate(column):
            if not pd.isna(value):
                parent[root(row)] = root(first.setdefault(value, row))
    members: dict[int, list[int]] = {}
    for row in range(len(clips)):
        members.setdefault(root(row), []).append(row)
    ids = clips["clip_id"].astype(str).tolist()
    units = []
    for rows in members.values():
        leader = min(rows, key=lambda row: (owners[row], ids[row]))
        units.append(Unit(owners[leader], strata[leader], tuple(sorted(rows, key=lambda row: ids[row]))))
    return sorted(units, key=lambda unit: unit.key)


def interleave(units: Sequence[Unit], seed: np.random.SeedSequence) -> list[Unit]:
    """Shuffles the units within each stratum and merges the strata so that every stretch of the order is balanced.

    The k-th of n units of a stratum is placed at (k + u) / n, with one random u for each stratum. Sorting by place
    gives an order in which any prefix holds each stratum in proportion: to within one unit with two strata, and to
    within 1 + share x (strata - 2) units with more.

    >>> import numpy as np
    >>> units = [Unit(str(i), "f" if i < 3 else "m", (i,)) for i in range(6)]
    >>> order = interleave(units, np.random.SeedSequence(0))
    >>> sorted(unit.stratum for unit in order[:2]), sorted(unit.stratum for unit in order[:4])
    (['f', 'm'], ['f', 'f', 'm', 'm'])
    """
    import numpy as np

    strata: dict[str, list[Unit]] = {}
    for unit in sorted(units, key=lambda unit: unit.key):
        strata.setdefault(unit.stratum, []).append(unit)
    rng = np.random.default_rng(seed)
    placed: list[tuple[float, str, Unit]] = []
    for stratum in sorted(strata):
        members = strata[stratum]
        offset = rng.random()
        for place, index in enumerate(rng.permutation(len(members))):
            placed.append(((place + offset) / len(members), stratum, members[index]))
    return [unit for _, _, unit in sorted(placed, key=lambda item: item[:2])]
