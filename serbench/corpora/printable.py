"""Makes untrusted text safe to print on a terminal."""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]

_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    r"""Replaces control characters (which a terminal would execute) and broken surrogates by '?'.

    >>> printable("a\nb\x1b[31m")
    'a?b?[31m'
    """
    return "".join("?" if unicodedata.category(char) in _HARMFUL else char for char in text)
