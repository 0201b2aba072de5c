"""Errors that users see as one sentence: what went wrong, where, and how to fix it.

Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from typing import Final

from serbench.printable import printable

__all__ = ["SerbenchError", "UsageError", "first_line", "nearest", "require", "shortened", "unknown", "with_extra"]

_LONGEST: Final = 4_000
_LONGEST_WORD: Final = 300
_LONG_WORD: Final = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


class SerbenchError(Exception):
    """A file, corpus, results folder or machine prevents the work. The command exits with code 1.

    Messages name what files hold, so each is made printable here: it stays one line and moves no cursor.
    """

    exit_code = 1

    def __init__(self, message: str = "", *rest: object) -> None:
        super().__init__(printable(str(message)), *rest)

    def __str__(self) -> str:
        return shortened(super().__str__())


class UsageError(SerbenchError):
    """The request itself is wrong: an unknown name, a bad value or options that exclude each other. Exit code 2."""

    exit_code = 2


def shortened(text: str) -> str:
    """Shortens long words and long texts, so that an error stays one that people read.

    >>> shortened("unknown name '" + 5000 * "x" + "'")[:60]
    "unknown name 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    >>> len(shortened(100_000 * "ab "))
    4028
    """
    text = _LONG_WORD.sub(lambda found: _middle_out(found[0], _LONGEST_WORD // 2), text)
    return _middle_out(text, _LONGEST // 2) if len(text) > _LONGEST else text


def first_line(error: BaseException) -> str:
    """Returns the first line of what an exception says; its class if it says nothing.

    >>> first_line(ValueError("bad shape" + chr(10) + "details")), first_line(KeyError())
    ('bad shape', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _middle_out(text: str, kept: int) -> str:
    return f"{text[:kept]}... ({len(text):,} characters) ...{text[-kept:]}"


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Returns the option closest in spelling to `name` (case ignored), or None if none is close.

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
    """Builds the error for an unknown name. It suggests the closest known name and lists all of them.

    >>> str(unknown("corpus", "crema", ["crema-d", "demo"]))
    "unknown corpus 'crema'; did you mean 'crema-d'? Known: crema-d, demo."

    Args:
        kind: what the name stands for, e.g. 'corpus'.
        name: as the user wrote it.
        options: all known names.
        hint: a further sentence, e.g. what to type next.
    """
    known = sorted(options)
    guess = nearest(name, known)
    meant = f"; did you mean '{guess}'?" if guess else "."
    listing = f" Known: {', '.join(known)}." if known else ""
    return UsageError(f"unknown {kind} '{name}'{meant}{listing}{' ' + hint if hint else ''}")


def require(what: str, modules: Iterable[str] | Mapping[str, str], extra: str | None, otherwise: str = "") -> None:
    """Checks that optional packages are installed. Nothing is imported.

    Args:
        what: what needs them, as the message begins.
        modules: the modules, or the module names with the names by which their packages are known.
        extra: the extra of serbench that holds them; None for packages of a plug-in.
        otherwise: what else may be done, as the message ends.

    Raises:
        SerbenchError: a module is missing. The message says how to install it.

    >>> require("a date", ["datetime"], None)
    >>> require("a tune", {"no_such_module.scores": "music21"}, None, "sing it")
    Traceback (most recent call last):
    serbench.errors.SerbenchError: a tune needs music21; run `pip install music21`; or sing it
    """
    titles = modules if isinstance(modules, Mapping) else {module: module for module in modules}
    missing = [title for module, title in titles.items() if not _installed(module)]
    if not missing:
        return
    how = with_extra(extra) if extra else f"run `pip install {' '.join(missing)}`"
    raise SerbenchError(f"{what} needs {' and '.join(missing)}; {how}{f'; or {otherwise}' if otherwise else ''}")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that a dotted name begins with
        return False


def with_extra(name: str) -> str:
    """Returns how to install an extra (optional dependencies), as the end of a sentence.

    It names the packages of the extra, since that command works before and after serbench is published.

    >>> with_extra("jax")
    "install the extra serbench[jax]: `uv sync --extra jax` in a clone, elsewhere `pip install 'jax>=0.7'`"
    """
    from importlib import metadata

    mark = re.compile(rf"extra\s*==\s*['\"]{re.escape(name)}['\"]")
    try:
        listed = metadata.requires("serbench") or []
    except metadata.PackageNotFoundError:
        listed = []
    packages = [f"'{one.partition(';')[0].strip()}'" for one in listed if mark.search(one.partition(";")[2])]
    elsewhere = f", elsewhere `pip install {' '.join(packages)}`" if packages else ""
    return f"install the extra serbench[{name}]: `uv sync --extra {name}` in a clone{elsewhere}"
