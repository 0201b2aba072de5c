"""Names that trackers take: labels and ids come from strangers, and become parts of paths and of metric names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from serbench.printable import printable
from serbench.records import digest_of

__all__ = ["named", "safe_name", "text_of"]

T = TypeVar("T")

_LONGEST: Final = 120
_UNSAFE: Final = re.compile(r"[^\w.\- ]|^[. ]+|[. ]+$")


def safe_name(text: str) -> str:
    """Returns a name that is one part of a path in every file system and tracker. Different names stay different.

    >>> safe_name("cnn1d-2c788d"), safe_name("../up")
    ('cnn1d-2c788d', '__up-311ee4')
    """
    clean = _UNSAFE.sub("_", text)[:_LONGEST]
    return clean if clean == text and clean else f"{clean}-{digest_of(text, length=6)}"


def named(values: Mapping[str, T]) -> dict[str, T]:
    """Makes the parts of metric and parameter names safe. `/` between parts stays.

    >>> named({"test/recall/anger": 0.5})
    {'test/recall/anger': 0.5}
    """
    return {"/".join(map(safe_name, name.split("/"))): value for name, value in values.items()}


def text_of(value: object, longest: int = 500) -> str:
    """Returns a value as one line of harmless text, shortened."""
    text = printable(str(value))
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
