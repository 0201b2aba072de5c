"""`Tracker`: the interface of every experiment tracker that `serbench study push` writes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from serbench.trackers.runs import PushedRun

__all__ = ["Progress", "Pushed", "Tracker"]

Progress = Callable[[int, int], None]
"""Receives the number of runs done and the number of all runs."""


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        place: where the runs are now, without a password.
        added: number of runs that were new.
        updated: number of runs that were there with other content, and were replaced.
        unchanged: number of runs that were there already.
        next_step: what to type or open to see them.
    """

    place: str
    added: int
    updated: int
    unchanged: int
    next_step: str


@runtime_checkable
class Tracker(Protocol):
    """An experiment tracker. A plug-in registers an object of this type in the entry-point group `serbench.trackers`.

    Its module must not import the tracker's own library before `push` is called.

    Attributes:
        name: name of the tracker, as in `serbench study push NAME`. It equals the name of the entry point.
        extra: extra of serbench that it needs, as in `pip install 'serbench[NAME]'`; None for none.
        modules: modules that must be installed, such as those of the extra.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see above

    @property
    def extra(self) -> str | None: ...  # noqa: D102 - see above

    @property
    def modules(self) -> tuple[str, ...]: ...  # noqa: D102 - see above

    def push(self, runs: Sequence[PushedRun], to: str | None, progress: Progress) -> Pushed:
        """Writes runs. Runs that are there already stay or are replaced, so that a second push doubles nothing.

        Args:
            runs: the runs. A run that is another's `parent` comes before it.
            to: where to write: an address or a folder. None for the tracker's default.
            progress: callback that is told after each run.

        Raises:
            UsageError: `to` is missing or no place that this tracker can write to.
            SerbenchError: the place cannot be reached or written.
        """
        ...
