"""`DamagedRecord`: a file of a results folder that cannot be read, and what is missing because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serbench.results.grouping import Group

__all__ = ["DamagedRecord", "damage_notes"]


@dataclass(frozen=True)
class DamagedRecord:
    """A record or a file that cannot be read.

    Attributes:
        kind: what is missing: a whole `study`, an `entry`, or a `fit` (the record of a trial, probe or refit).
        study: name of the study's folder.
        entry: id of the entry; '' for a study or a fit.
        sentence: error message: what is wrong, the path of the file, and how to mend it.
        group: comparison group of the entry; None if the study's own record is damaged.
    """

    kind: Literal["study", "entry", "fit"]
    study: str
    entry: str
    sentence: str
    group: Group | None = None

    @property
    def name(self) -> str:
        """What is missing, e.g. 'entry cnn1d-1a2b3c'."""
        return f"entry {self.entry}" if self.entry else f"study {self.study}"


def damage_notes(damaged: Iterable[DamagedRecord], root: Path) -> tuple[str, ...]:
    """One sentence for each damaged file, with the entries that are missing because of it.

    Args:
        damaged: the damaged records of a leaderboard.
        root: path of the results folder. Paths are shown relative to it, because tables and sites are sent to others.
    """
    notes: dict[tuple[str, str], list[DamagedRecord]] = {}
    for one in damaged:
        notes.setdefault((one.kind, one.sentence), []).append(one)
    return tuple(_note(together).replace(f"{root}/", "") for together in notes.values())


def _note(together: list[DamagedRecord]) -> str:
    first = together[0]
    if first.kind == "fit":
        return f"trial not counted, study {first.study}: {first.sentence}"
    names = ", ".join(one.name for one in together)
    which = "" if first.kind == "study" else "; ranks and 'selected' do not take it into account"
    return f"left out, {names}: {first.sentence}{which}"
