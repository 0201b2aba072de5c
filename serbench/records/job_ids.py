"""Ids of fits: whose configuration was trained, and what for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from serbench.errors import SerbenchError

__all__ = ["JobId"]

Role = Literal["trial", "fold", "refit", "final", "bag"]

_LETTERS: Final[dict[Role, str]] = {"fold": "f", "refit": "r", "final": "a"}
_ROLES: Final[dict[str, Role]] = {letter: role for role, letter in _LETTERS.items()}
_PATTERN = re.compile(r"(?P<trial>.+?)(?:-(?:(?P<letter>[fra])(?P<index>[0-9]{1,9})|(?P<bag>bag)))?")

_NUMBERED = re.compile(r"[tp][0-9]{1,9}")


@dataclass(frozen=True)
class JobId:
    """The id of a fit in its parts; `str` puts them together.

    Attributes:
        trial: the trial (`t0007`) or probe (`p0007`) whose configuration it is.
        role: `trial` for that fit itself; `fold`, for one fold of the cross-validation; `refit`, for a final run that
            leaves the validation clips out; `final`, for one on all clips outside the test core; `bag`, for the
            average of the fold models.
        index: number of the fold or of the repeat; None for a trial and a bag.

    >>> str(JobId("t0007", "fold", 2)), str(JobId("t0007", "final", 0)), str(JobId("t0007", "bag"))
    ('t0007-f2', 't0007-a0', 't0007-bag')
    >>> JobId.parse("t0007-r1")
    JobId(trial='t0007', role='refit', index=1)
    """

    trial: str
    role: Role = "trial"
    index: int | None = None

    @classmethod
    def parse(cls, text: str) -> JobId:
        """Reads an id. Whatever does not end like a run of a configuration is a trial."""
        parts = _PATTERN.fullmatch(text)
        if parts is None or (parts["letter"] is None and parts["bag"] is None):
            return cls(text)
        if parts["bag"] is not None:
            return cls(parts["trial"], "bag")
        return cls(parts["trial"], _ROLES[parts["letter"]], int(parts["index"]))

    @classmethod
    def of_trial(cls, number: int) -> JobId:
        """Returns the id of a trial.

        >>> str(JobId.of_trial(7))
        't0007'
        """
        return cls(f"t{number:04d}")

    @classmethod
    def of_probe(cls, number: int) -> JobId:
        """Returns the id of a probe."""
        return cls(f"p{number:04d}")

    @property
    def is_numbered(self) -> bool:
        """Whether its trial or probe has a number, as all have that serbench writes."""
        return _NUMBERED.fullmatch(self.trial) is not None

    @property
    def number(self) -> int:
        """The number of the trial or probe, which seeds are derived from.

        Raises:
            SerbenchError: it has none, so serbench did not write it.
        """
        if not self.is_numbered:
            raise SerbenchError(f"{self.trial!r} is not the name of a trial, such as 't0007'; restore its record")
        return int(self.trial[1:])

    @property
    def repeats(self) -> JobId:
        """The same without its number: what all repeats of a configuration share."""
        return JobId(self.trial, self.role)

    def __str__(self) -> str:
        """Returns the id as it stands in records."""
        if self.role == "trial":
            return self.trial
        return f"{self.trial}-{_LETTERS.get(self.role, self.role)}{'' if self.index is None else self.index}"
