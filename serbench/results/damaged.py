"""`DamagedRecord`: a file of a results folder that could not be read, and what is missing because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serbench.results.grouping import Group

__all__ = ["DamagedRecord", "damage_notes"]


@dataclass(frozen=True)
class DamagedRecord:
    """Something that could not be read.

    Attributes:
        kind: what is missing: a whole `study`, an `entry`, or a `fit` (the record of a trial, probe or refit).
        study: name of the study's folder.
        entry: id of the entry; '' for a study or a fit.
        sentence: what is wrong, with the path of the file, and how to mend it.
        group: where the entry would stand on the leaderboard; None where the study's own record is damaged.
    """

    kind: Literal["study", "entry", "fit"]
    study: str
    entry: str
    sentence: str
    group: Group | None = None

    @property
    def name(self) -> str:
        """What is missing, in a few words."""
        return f"entry {self.entry}" if self.entry else f"study {self.study}"


def damage_notes(damaged: Iterable[DamagedRecord], root: Path) -> tuple[str, ...]:
    """A sentence for each damaged file, with the entries that it costs.

    Args:
        damaged: of a leaderboard.
        root: of the results; paths are told relative to it, since tables and sites are sent to others.
    """
    notes: dict[tuple[str, str], list[DamagedRecord]] = {}
    for one in damaged:
        notes.setdefault((one.kind, one.sentence), []).append(one)
    return tuple(_note(together).replace(f"{root}/", "") for together in notes.values())


def _note(together: list[DamagedRecord]) -> str:
    first = together[0]
    if first.kind == "fit":
        return f"not counted among the trials of study {first.study}: {first.sentence}"
    names = ", ".join(one.name for one in together)
    which = "" if first.kind == "study" else "; ranks and 'selected' are told without it"
    return f"left out, {names}: {first.sentence}{which}"
