"""The table of all hyperparameters in the documentation: meaning, bounds, conditions, and source."""

from __future__ import annotations

from collections.abc import Sequence
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
    *_, model = owners.values()
    defaults = {family: _value(owner.model_fields[name].default) for family, owner in owners.items()}
    same = len(owners) == len(models) and len(set(defaults.values())) == 1
    conditions = model.conditions().get(name, {}).items()
    cells = (
        f"`{name}`",
        next(iter(defaults.values())) if same else ", ".join(f"{family}: {text}" for family, text in defaults.items()),
        _values(model.model_json_schema()["properties"][name]),
        model.model_fields[name].description,
        "; ".join(f"`{other}` is {' or '.join(map(_value, values))}" for other, values in conditions),
        model.sources().get(name, ""),
    )
    return f"| {' | '.join(map(str, cells))} |\n"


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
