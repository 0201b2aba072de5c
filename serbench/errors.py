"""Errors that are told to a person in one sentence: what is wrong, where, and how to mend it.

Everything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["SerbenchError", "UsageError", "nearest", "unknown", "with_extra"]


class SerbenchError(Exception):
    """Something in the world (files, corpora, results) keeps the work from being done. Exit code 1."""

    exit_code = 1


class UsageError(SerbenchError):
    """What was asked for cannot be: a wrong name, value or combination. Exit code 2."""

    exit_code = 2


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Returns the option that `name` was most likely meant to be, or None.

    >>> nearest("learning_rat", ["learning_rate", "dropout"])
    'learning_rate'
    >>> nearest("zzz", ["learning_rate"]) is None
    True
    """
    known = list(options)
    folded = {option.casefold(): option for option in known}
    hits = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[hits[0]] if hits else None


def unknown(kind: str, name: str, options: Iterable[str], *, hint: str = "") -> UsageError:
    """Builds the error for a name that is not known, with the nearest one that is.

    >>> str(unknown("corpus", "crema", ["crema-d", "demo"]))
    "unknown corpus 'crema'; did you mean 'crema-d'? Known: crema-d, demo."
    """
    known = sorted(options)
    guess = nearest(name, known)
    meant = f"; did you mean '{guess}'?" if guess else "."
    listing = f" Known: {', '.join(known)}." if known else ""
    return UsageError(f"unknown {kind} '{name}'{meant}{listing}{' ' + hint if hint else ''}")


def with_extra(name: str) -> str:
    """How to install an optional dependency, as the end of a sentence.

    >>> with_extra("jax")
    "run `uv sync --extra jax` in a clone, or `pip install 'serbench[jax]'`"
    """
    return f"run `uv sync --extra {name}` in a clone, or `pip install 'serbench[{name}]'`"
