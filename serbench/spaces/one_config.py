"""Writes one configuration of a study as a space file in which nothing varies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from serbench.records import StudyRecord

__all__ = ["one_config_space"]

_TABLES = ("protocol", "features", "training")


def one_config_space(record: StudyRecord, config: Mapping[str, Any], title: str) -> str:
    """Returns a space file with one trial, `config`, and the study's cores, front end and training settings.

    Args:
        record: record of the study.
        config: all hyperparameters by name.
        title: title of the space.
    """
    settings = {name: record.space.get(name, {}) for name in _TABLES} | {"features": record.features}
    parts = [
        _table("space", {"title": title, "family": record.family}),
        *(_table(name, settings[name]) for name in _TABLES),
        _table("budget", {"trials": 1, "finalists": 1}),
        _table("parameters", config),
    ]
    return "\n".join(part for part in parts if part)


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
