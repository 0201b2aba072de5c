"""The kinds of corpora that lie at a path, and how one is told from another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from serbench.corpora.printable import printable
from serbench.corpora.user.audformat_corpus import HEADER, AudformatCorpus
from serbench.corpora.user.folder_corpus import FolderCorpus
from serbench.corpora.user.name_pattern import NamePattern
from serbench.corpora.user.table_corpus import TableCorpus
from serbench.corpora.user.table_file import TABLE_SUFFIXES
from serbench.corpora.user.user_corpus import UserCorpus
from serbench.errors import UsageError
from serbench.records import CorpusChoice

__all__ = ["KINDS", "kind_at", "make_user_corpus"]

KINDS: Final[dict[str, type[UserCorpus]]] = {
    "folder": FolderCorpus,
    "table": TableCorpus,
    "audformat": AudformatCorpus,
}


def kind_at(place: Path) -> str:
    """What lies at a path.

    Raises:
        UsageError: nothing that could be a corpus.
    """
    shown = printable(str(place))
    if place.is_dir():
        return "audformat" if (place / HEADER).is_file() else "folder"
    if not place.exists():
        raise UsageError(f"the corpus {shown} does not exist; name a folder, a table or one that `corpus list` shows")
    if place.suffix.lower() not in TABLE_SUFFIXES:
        raise UsageError(f"{shown} is neither a folder nor a table ({', '.join(TABLE_SUFFIXES)})")
    return "table"


def make_user_corpus(choice: CorpusChoice, home: Path | None = None, **facts: Any) -> UserCorpus:
    """Makes one of a choice whose only part is a kind.

    Args:
        choice: what was asked for.
        home: where it lies when no place is named.
        facts: e.g. `title`, `licence`, `citation`.
    """
    (kind,) = choice.parts
    pattern = None if choice.names is None else NamePattern(choice.names)
    return KINDS[kind](
        **{"name": choice.name, "title": choice.name, **facts}, pattern=pattern, choice=choice, home=home
    )
