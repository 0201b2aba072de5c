"""Writes one configuration of a study as a space file in which nothing varies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from serbench.records import StudyRecord

__all__ = ["one_config_space"]

_TABLES = ("protocol", "features", "training")


def one_config_space(
    record: StudyRecord, config: Mapping[str, Any], title: str, chosen_on: Iterable[tuple[str, str]] = ()
) -> str:
    """Returns a space file with one trial, `config`, and the study's protocol, front end and training settings.

    Args:
        record: record of the study.
        config: all hyperparameters by name.
        title: title of the space.
        chosen_on: whom the configuration was chosen on, as (corpus, speaker).
    """
    settings = {name: record.space.get(name, {}) for name in _TABLES} | {"features": record.features}
    settings["protocol"] = {"name": record.protocol.name, **settings["protocol"]}
    parts = [
        _table("space", {"title": title, "family": record.family}),
        *(_table(name, settings[name]) for name in _TABLES),
        _table("budget", {"trials": 1, "finalists": 1}),
        _table("parameters", config),
        _enqueued(chosen_on),
    ]
    return "\n".join(part for part in parts if part)


def _enqueued(chosen_on: Iterable[tuple[str, str]]) -> str:
    """The configuration once more, as the one to begin with: only that can say whom it was chosen on."""
    by_corpus: dict[str, list[str]] = {}
    for corpus, speaker in sorted(set(chosen_on)):
        by_corpus.setdefault(corpus, []).append(speaker)
    if not by_corpus:
        return ""
    tables = (f"{{ corpus = {_value(corpus)}, speakers = {_value(named)} }}" for corpus, named in by_corpus.items())
    return f'[[enqueue]]\nname = "copied"\nchosen_on = [{", ".join(tables)}]\n'


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[{name}]", *lines, ""]) if lines else ""


def _value(value: Any) -> str:
    """Writes a scalar or a list of scalars as TOML.

    >>> [_value(one) for one in (True, 3, 1e-05, "adam", [1, 2])]
    ['true', '3', '1e-05', '"adam"', '[1, 2]']
    """
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
