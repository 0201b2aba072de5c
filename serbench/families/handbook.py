"""The table of all hyperparameters in the documentation: meaning, bounds, conditions, and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serbench.families.hyperparameters import Hyperparameters
from serbench.families.registry import built_in_names, get_family

__all__ = ["handbook"]

_HEAD = "| hyperparameter | default | values | meaning | read when | source |\n|---|---|---|---|---|---|\n"


def handbook(families: Sequence[str] | None = None) -> str:
    """Returns a Markdown table with one row per hyperparameter, and the default of each family if they differ.

    Args:
        families: names of the families; None for those that come with serbench.

    >>> "| `mixup` | 0.3 | 0 to 2 |" in handbook()
    True
    """
    models = {name: get_family(name).hyperparameters for name in (built_in_names() if families is None else families)}
    return _HEAD + "".join(
        _row(name, models) for name in dict.fromkeys(n for m in models.values() for n in m.model_fields)
    )


def _row(name: str, models: dict[str, type[Hyperparameters]]) -> str:
    owners = {family: model for family, model in models.items() if name in model.model_fields}
    defaults = {family: _value(owner.model_fields[name].default) for family, owner in owners.items()}
    same = len(owners) == len(models) and len(set(defaults.values())) == 1
    fields = [owner.model_fields[name] for owner in owners.values()]
    cells = (
        f"`{name}`",
        next(iter(defaults.values())) if same else ", ".join(f"{family}: {text}" for family, text in defaults.items()),
        _each(owners, {family: _values(_schema(owner, name)) for family, owner in owners.items()}),
        fields[-1].description,
        _each(owners, {family: _conditions(owner, name) for family, owner in owners.items()}),
        next((text for owner in owners.values() if (text := owner.sources().get(name))), ""),
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def _each(owners: Mapping[str, object], texts: Mapping[str, str]) -> str:
    """One text if all families have the same, else that of each family that has one."""
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    alike: dict[str, list[str]] = {}
    for family in owners:
        alike.setdefault(texts[family], []).append(family)
    return "; ".join(f"{', '.join(families)}: {text}" for text, families in alike.items() if text)


def _schema(model: type[Hyperparameters], name: str) -> dict[str, Any]:
    found: dict[str, Any] = model.model_json_schema()["properties"][name]
    return found


def _conditions(model: type[Hyperparameters], name: str) -> str:
    conditions = model.conditions().get(name, {}).items()
    return "; ".join(f"`{other}` is {' or '.join(map(_value, values))}" for other, values in conditions)


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _values(schema: dict[str, Any]) -> str:
    if schema.get("type") == "boolean":
        return "true, false"
    if "enum" in schema:
        return ", ".join(map(_value, schema["enum"]))
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if low is None:
        return "shares that sum to 100"
    return f"{'over ' if 'exclusiveMinimum' in schema else ''}{_value(low)} to {_value(schema['maximum'])}"
