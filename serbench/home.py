"""Paths with the home folder in place of a leading `~`, where no shell has put it there."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["expanded"]


def expanded(path: str | os.PathLike[str]) -> Path:
    """Puts the home folder in place of a leading `~`; a file that is only called so, such as `~take1.wav`, stays.

    `Path.expanduser` fails where nobody of that name has a home folder.

    >>> expanded("~take1.wav").parts, expanded("results/~x").parts
    (('~take1.wav',), ('results', '~x'))
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - see above
