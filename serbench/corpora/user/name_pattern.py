"""`NamePattern`: reads facts from file names by a pattern such as `{speaker}_{sentence}_*`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from serbench.errors import UsageError, unknown

__all__ = ["NamePattern"]

_FIELDS: Final = ("speaker", "label", "sentence", "sex", "intensity", "split")
_PART: Final = re.compile(r"\{(\w*)\}|(\*)|([^{}*]+)|([{}])")
_LONGEST: Final = 200
_MOST_GAPS: Final = 12
_LONGEST_NAME: Final = 1000


@dataclass(frozen=True)
class NamePattern:
    """A pattern for the end of a path, without the suffix.

    The fields `{speaker}`, `{label}`, `{sentence}`, `{sex}`, `{intensity}` and `{split}` match one or more characters;
    `*` matches any number. Neither matches a `/`. A field ends at the first occurrence of the text that follows it in
    the pattern.

    >>> NamePattern("{speaker}_{sentence}_*").read("actors/1001_IEO_HAP_HI.wav")
    {'speaker': '1001', 'sentence': 'IEO'}
    >>> NamePattern("{speaker}/*").read("data/anna/take1.wav")
    {'speaker': 'anna'}

    Raises:
        UsageError: the pattern has no field, an unknown field or the same field twice, or two fields are not separated.
    """

    text: str

    def __post_init__(self) -> None:
        _ = self._expression

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in the pattern."""
        return tuple(self._expression.groupindex)

    def read(self, path: str) -> dict[str, str] | None:
        """Reads the fields of a relative path; returns None if it does not match the pattern."""
        stem = PurePosixPath(path).with_suffix("").as_posix()
        found = self._expression.search(stem) if len(stem) <= _LONGEST_NAME else None
        return None if found is None else found.groupdict()

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        if len(self.text) > _LONGEST:
            raise UsageError(f"the name pattern is longer than {_LONGEST} characters; shorten it")
        parts = [match.groups() for match in _PART.finditer(self.text)]
        pieces: list[str] = []
        fields: list[str] = []
        gap = False
        for place, (field, star, literal, stray) in enumerate(parts):
            if stray:
                raise UsageError(f"the name pattern '{self.text}' has a lone '{stray}'; write fields as {{speaker}}")
            if literal is not None:
                pieces.append(re.escape(literal))
                gap = False
                continue
            if gap:
                raise UsageError(
                    f"two fields of the name pattern '{self.text}' are not separated; put a text between them"
                )
            gap = True
            following = parts[place + 1][2] if place + 1 < len(parts) else None
            # A field may not contain the first character of the text after it. So there is one way to read a name, and
            # the match needs no backtracking.
            stop = re.escape(following[0]) if following and following[0] != "/" else ""
            if star:
                pieces.append(f"[^/{stop}]*+")
                continue
            if field not in _FIELDS:
                raise unknown("field", field or "", _FIELDS, hint=f"in the name pattern '{self.text}'")
            if field in fields:
                raise UsageError(f"the name pattern '{self.text}' names {{{field}}} twice; name it once")
            fields.append(field)
            pieces.append(f"(?P<{field}>[^/{stop}]++)")
        if not fields:
            raise UsageError(f"the name pattern '{self.text}' names no field; write for example {{speaker}}_*")
        if len(parts) > 2 * _MOST_GAPS:
            raise UsageError(f"the name pattern '{self.text}' has more than {_MOST_GAPS} fields; shorten it")
        return re.compile(f"(?:^|/){''.join(pieces)}$")
