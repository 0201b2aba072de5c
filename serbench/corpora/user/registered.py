"""Corpora that the user added under a name. They are saved in a file in the platform's configuration folder."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError

from serbench.corpora.user.kinds import KINDS, make_user_corpus
from serbench.corpora.user.table_corpus import TableCorpus
from serbench.corpora.user.user_corpus import UserCorpus
from serbench.errors import SerbenchError, UsageError, first_line
from serbench.home import expanded
from serbench.records import CorpusChoice, FrozenModel, locked, read_text, write_text_atomic

__all__ = ["RegisteredCorpus", "register_corpus", "registered_corpora", "registered_corpus", "unregister_corpus"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


class RegisteredCorpus(FrozenModel):
    """A corpus that the user added: how to build it, and where its files are."""

    choice: CorpusChoice
    place: str
    audio: str = Field(default="", description="folder of the audio of a table, if it is not the table's own")
    title: str = ""
    licence: str = ""
    citation: str = ""


class _File(FrozenModel):
    version: int = 1
    corpora: dict[str, RegisteredCorpus] = Field(default_factory=dict)


def _path() -> Path:
    """The file of added corpora, in SERBENCH_CONFIG or the platform's configuration folder."""
    named = os.environ.get("SERBENCH_CONFIG", "").strip()
    folder = expanded(named).absolute() if named else platformdirs.user_config_path("serbench")
    return folder / "corpora.json"


def registered_corpora() -> dict[str, RegisteredCorpus]:
    """Returns all added corpora, by name.

    Raises:
        SerbenchError: the file of added corpora is damaged.
    """
    path = _path()
    if not path.is_file():
        return {}
    try:
        found = _File.model_validate(json.loads(read_text(path)))
    except (ValidationError, ValueError) as error:
        reason = first_line(error)
        raise SerbenchError(f"{path} is damaged ({reason}); restore it, or remove it and add corpora again") from None
    if found.version != 1 or any(set(one.choice.parts) - set(KINDS) for one in found.corpora.values()):
        raise SerbenchError(f"{path} is of another version of serbench; remove it and add corpora again")
    return found.corpora


def registered_corpus(name: str) -> UserCorpus | None:
    """Builds an added corpus; returns None if no corpus of that name was added."""
    one = registered_corpora().get(name)
    if one is None:
        return None
    facts = {"title": one.title or name, "licence": one.licence or "not stated", "citation": one.citation}
    corpus = make_user_corpus(one.choice, Path(one.place), **facts)
    return replace(corpus, audio=Path(one.audio)) if one.audio and isinstance(corpus, TableCorpus) else corpus


def register_corpus(name: str, one: RegisteredCorpus, taken: tuple[str, ...]) -> None:
    """Adds a corpus under a name. It replaces an added corpus of the same name.

    Args:
        name: of small letters, digits and hyphens.
        one: the corpus.
        taken: names of installed corpora, which cannot be used.

    Raises:
        UsageError: the name is not valid or belongs to an installed corpus, or the corpus is several.
        SerbenchError: the list cannot be read or written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot be a corpus's name; use small letters, digits and hyphens")
    if name in taken:
        raise UsageError(f"'{name}' is a corpus that serbench knows already; take another name")
    if name in KINDS:
        raise UsageError(f"'{name}' is a kind of corpus; take another name")
    if len(one.choice.parts) != 1 or one.choice.parts[0] not in KINDS:
        raise UsageError(
            "one name stands for one corpus; add each of them under a name of its own, and search both as NAME+NAME"
        )
    with locked(_path()):
        _save(registered_corpora() | {name: one})


def unregister_corpus(name: str) -> None:
    """Removes an added corpus from the list. Its audio stays where it is.

    Raises:
        UsageError: no corpus of that name was added.
    """
    with locked(_path()):
        known = registered_corpora()
        if name not in known:
            raise UsageError(f"no corpus '{name}' was added; `serbench corpus list` shows those that were")
        _save({other: one for other, one in known.items() if other != name})


def _save(corpora: dict[str, RegisteredCorpus]) -> None:
    write_text_atomic(_path(), _File(corpora=corpora).model_dump_json(indent=2) + "\n")
