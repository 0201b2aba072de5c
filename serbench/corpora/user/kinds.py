"""The kinds of corpora at a path (folder, table, audformat), and how to recognise them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from serbench.corpora.user.audformat_corpus import HEADER, AudformatCorpus
from serbench.corpora.user.folder_corpus import FolderCorpus
from serbench.corpora.user.name_pattern import NamePattern
from serbench.corpora.user.table_corpus import TableCorpus
from serbench.corpora.user.table_file import TABLE_SUFFIXES
from serbench.corpora.user.user_corpus import UserCorpus
from serbench.errors import UsageError
from serbench.records import CorpusChoice

__all__ = ["KINDS", "kind_at", "lasting_place", "make_user_corpus"]

KINDS: Final[dict[str, type[UserCorpus]]] = {
    "folder": FolderCorpus,
    "table": TableCorpus,
    "audformat": AudformatCorpus,
}
"""The class of each kind, by the name that records keep."""


def kind_at(place: Path) -> str:
    """Recognises the kind of corpus at a path.

    Returns:
        A key of `KINDS`.

    Raises:
        UsageError: the path does not exist, or is neither a folder nor a table.
    """
    if place.is_dir():
        return "audformat" if (place / HEADER).is_file() else "folder"
    if not place.exists():
        raise UsageError(f"the corpus {place} does not exist; name a folder, a table or one that `corpus list` shows")
    if place.suffix.lower() not in TABLE_SUFFIXES:
        raise UsageError(f"{place} is neither a folder nor a table ({', '.join(TABLE_SUFFIXES)})")
    return "table"


def lasting_place(place: Path) -> Path:
    """Returns the place of a corpus as it can be found from any folder.

    Links are followed, but for a table that is one: its paths start in the folder of the link, not in that of the file
    behind it.
    """
    return place.resolve() if place.is_dir() else place.parent.resolve() / place.name


def make_user_corpus(choice: CorpusChoice, home: Path | None = None, **facts: Any) -> UserCorpus:
    """Builds a user's corpus from a choice whose only part is a kind.

    Args:
        choice: how to build it.
        home: where its files are, if the user names no place.
        facts: further fields, e.g. `title`, `licence`, `citation`.
    """
    (kind,) = choice.parts
    pattern = None if choice.names is None else NamePattern(choice.names)
    return KINDS[kind](
        **{"name": choice.name, "title": choice.name, **facts}, pattern=pattern, choice=choice, home=home
    )
