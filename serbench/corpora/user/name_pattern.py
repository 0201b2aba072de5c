"""`NamePattern`: reads facts from file names by a pattern such as `{speaker}_{sentence}_*`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from serbench.corpora.table import one_spelling
from serbench.errors import UsageError, unknown

__all__ = ["NamePattern"]

_FIELDS: Final = ("speaker", "label", "sentence", "sex", "age", "intensity", "split")
_PART: Final = re.compile(r"\{([^{}]*)\}|(\*)|([^{}*]+)|([{}])")
_LONGEST: Final = 1000
_MOST_PIECES: Final = 24
_LONGEST_NAME: Final = 1000
_WIDEST: Final = 100


@dataclass(frozen=True)
class _Piece:
    """A part of a pattern that reads text.

    Attributes:
        fields: the fields that the text belongs to; none for `*`.
        width: number of characters; None if it is not fixed.
        values: the texts that may stand here, with what each means; empty for any text.
    """

    fields: tuple[str, ...]
    width: int | None = None
    values: tuple[tuple[str, str], ...] = ()

    @property
    def open(self) -> bool:
        """Whether only the text that follows says where the piece ends."""
        return self.width is None and not self.values

    def expression(self, stop: str) -> str:
        """Returns the regular expression of the piece. It never matches `/`, nor beyond the beginning of `stop`."""
        letter = f"(?:(?!{stop})[^/])" if stop else "[^/]"
        if self.values:
            longest_first = sorted((re.escape(text) for text, _ in self.values), key=len, reverse=True)
            return f"({'|'.join(longest_first)})"
        if self.width is not None:
            return f"({letter}{{{self.width}}})"
        return f"({letter}{'+?' if self.fields else '*?'})"


@dataclass(frozen=True)
class NamePattern:
    """A pattern for the end of a path, without the suffix.

    The fields `{speaker}`, `{label}`, `{sentence}`, `{sex}`, `{age}`, `{intensity}` and `{split}` match one or more
    characters; `*` matches any number. Neither matches a `/`. A field ends at the first occurrence of the text that
    follows it in the pattern.

    >>> NamePattern("{speaker}_{sentence}_*").read("actors/1001_IEO_HAP_HI.wav")
    {'speaker': '1001', 'sentence': 'IEO'}
    >>> NamePattern("{speaker}/*").read("data/anna/take1.wav")
    {'speaker': 'anna'}

    `{speaker:2}` matches exactly two characters. `{label:A=anger,H=happiness}` matches `A` or `H` and says what
    they mean. Both need no text behind them. `{speaker+sex:1}` belongs to both fields, and a field that occurs more
    than once is put together from its parts. So the names of URDU (S. Latif et al., FIT 2018) are read, with their
    speaker M1:

    >>> urdu = "S{speaker+sex:1}{speaker}_*_{label:A=anger,H=happiness,N=neutral,S=sadness}*"
    >>> NamePattern(urdu).read("Angry/SM1_F10_A010.wav")
    {'speaker': 'M1', 'sex': 'M', 'label': 'anger'}

    Raises:
        UsageError: the pattern has no field or an unknown one, a width or a list of values is not valid, or it cannot
            be said where a field ends.
    """

    text: str

    def __post_init__(self) -> None:
        _ = self._expression

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in the pattern."""
        return tuple(dict.fromkeys(field for piece in self._pieces for field in piece.fields))

    def read(self, path: str) -> dict[str, str] | None:
        """Reads the fields of a relative path; returns None if it does not match the pattern."""
        stem = one_spelling(PurePosixPath(path).with_suffix("").as_posix())
        found = self._expression.search(stem) if len(stem) <= _LONGEST_NAME else None
        if found is None:
            return None
        read: dict[str, str] = {}
        for piece, text in zip(self._pieces, found.groups(), strict=True):
            for field in piece.fields:
                read[field] = read.get(field, "") + dict(piece.values).get(text, text)
        return read

    @cached_property
    def _parts(self) -> tuple[_Piece | str, ...]:
        """Pieces and the texts between them."""
        if len(self.text) > _LONGEST:
            raise UsageError(f"the name pattern is longer than {_LONGEST:,} characters; shorten it")
        parts: list[_Piece | str] = []
        for field, star, literal, stray in (match.groups() for match in _PART.finditer(one_spelling(self.text))):
            if stray:
                raise UsageError(f"the name pattern '{self.text}' has a lone '{stray}'; write fields as {{speaker}}")
            parts.append(literal if literal is not None else _Piece(()) if star else self._piece(field))
        return tuple(parts)

    @property
    def _pieces(self) -> tuple[_Piece, ...]:
        return tuple(part for part in self._parts if isinstance(part, _Piece))

    def _piece(self, inside: str) -> _Piece:
        """Reads what stands between braces: fields joined by `+`, and a width or values after a colon."""
        names, colon, rest = inside.partition(":")
        fields = tuple(name.strip() for name in names.split("+"))
        for field in fields:
            if field not in _FIELDS:
                raise unknown("field", field, _FIELDS, hint=f"It stands in the name pattern '{self.text}'.")
        if not colon:
            return _Piece(fields)
        if rest.isdecimal():
            if not 1 <= int(rest) <= _WIDEST:
                raise UsageError(f"'{{{inside}}}' in the name pattern asks for a width of {rest}; 1 to {_WIDEST} work")
            return _Piece(fields, width=int(rest))
        values = tuple((text, meaning if equals else text) for text, equals, meaning in _pairs(rest))
        if not all(text and meaning for text, meaning in values) or len(dict(values)) < len(values):
            raise UsageError(
                f"'{{{inside}}}' in the name pattern is no field; write a width ({{{names}:2}}) or different values "
                f"with what they mean ({{{names}:A=anger,H=happiness}})"
            )
        return _Piece(fields, values=values)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        if not self.fields:
            raise UsageError(f"the name pattern '{self.text}' names no field; write for example {{speaker}}_*")
        if len(self._pieces) > _MOST_PIECES:
            raise UsageError(f"the name pattern '{self.text}' has more than {_MOST_PIECES} fields; shorten it")
        expression, run = "", list[_Piece]()
        for part in (*self._parts, ""):
            if isinstance(part, _Piece):
                run.append(part)
                continue
            # A piece without an end of its own may not contain the text after its run. So there is one place where the
            # run can end, and the atomic group keeps the search from trying another.
            stop = re.escape(part) if part and part[0] != "/" else ""
            if sum(piece.open for piece in run) > 1:
                raise UsageError(
                    f"two fields of the name pattern '{self.text}' are not separated; put a text between them, or give "
                    "one a width ({speaker:2})"
                )
            first_open = next((place for place, piece in enumerate(run) if piece.open), len(run))
            pieces = (piece.expression(stop if place >= first_open else "") for place, piece in enumerate(run))
            expression += f"(?>{''.join(pieces)}{re.escape(part) if part else '$'})"
            run = []
        return re.compile(f"(?:^|/){expression}")


def _pairs(text: str) -> list[tuple[str, str, str]]:
    return [tuple(word.strip() for word in pair.partition("=")) for pair in text.split(",")]  # type: ignore[misc]
