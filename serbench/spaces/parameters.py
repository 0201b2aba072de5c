"""Reads `[parameters]` and `[[enqueue]]` of a space file, and checks every name and value against the family."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from serbench.errors import SerbenchError, UsageError, nearest, unknown
from serbench.families import Hyperparameters, family_names, get_family
from serbench.protocols import SplitProtocol
from serbench.records import ReportedScores
from serbench.spaces.dimensions import Choice, Dimension, Fixed, FloatRange, IntRange
from serbench.spaces.space import ChosenOn, Enqueued, defaults, explain

__all__ = ["known_keys", "read_enqueued", "read_parameters"]

_KEYS = {Fixed: ("value",), Choice: ("choices",), IntRange: ("low", "high", "log", "step")}
_FORMS = "give value alone, choices alone, or low and high with log or step"


def known_keys(table: Mapping[str, Any], where: str, known: tuple[str, ...]) -> None:
    """Checks that a table has known keys only.

    Raises:
        UsageError: a key is unknown. The message suggests the nearest known one.
    """
    for key in table:
        if key not in known:
            raise unknown(f"key in {where}:", key, known)


def read_parameters(table: Mapping[str, Any], model: type[Hyperparameters]) -> dict[str, Dimension]:
    """Reads `[parameters]` and sorts them so that conditions come before the parameters that depend on them.

    Raises:
        UsageError: a name is unknown, the family refuses a value, or a condition can never hold or is circular.
    """
    found: dict[str, Dimension] = {}
    for name, raw in table.items():
        if name not in model.model_fields:
            raise _not_known(name, model)
        dimension = _dimension(f"[parameters] {name}", raw, model.model_fields[name])
        for probe in dimension.probes():
            _check_value(f"[parameters] {name}", probe, model.model_fields[name])
        found[name] = dimension
    _check_conditions(found, model)
    return _in_order(found)


def _not_known(name: str, model: type[Hyperparameters]) -> UsageError:
    """Error for a parameter that this family does not have. The message says so if another family has it."""
    for family in family_names():
        with contextlib.suppress(SerbenchError):
            if name in get_family(family).hyperparameters.model_fields:
                return UsageError(f"[parameters] {name} belongs to family {family}, not to this one; remove it")
    return unknown("parameter", name, model.model_fields)


def _dimension(where: str, raw: Any, field: FieldInfo) -> Dimension:
    if isinstance(raw, list):
        raw = {"choices": raw}
    elif not isinstance(raw, dict):
        raw = {"value": raw}
    known_keys(raw, where, (*(key for keys in _KEYS.values() for key in keys), "when"))
    if not isinstance(raw.get("when", {}), dict):
        raise UsageError(f"{where}: when = {raw['when']!r} must name a parameter: when = {{ parameter = value }}")
    kind: type[Dimension] = FloatRange
    if "value" in raw:
        kind = Fixed
    elif "choices" in raw:
        kind = Choice
    elif field.annotation is int:
        kind = IntRange
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    values["when"] = {
        key: tuple(value) if isinstance(value, list) else (value,) for key, value in raw.get("when", {}).items()
    }
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{where}: {_reason(error)}") from None


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    place = first["loc"][0] if first["loc"] else ""
    match first["type"]:
        case "missing":
            return f"'{place}' is missing; {_FORMS}"
        case "extra_forbidden":
            return f"'{place}' does not belong there; {_FORMS}"
        case "tuple_type":
            return f"{place} = {first['input']!r} must be a list of values"
    if place in {"value", "choices", "when"}:  # pydantic's own message names only the first scalar type it tried
        return f"{first['input']!r} must be a number, a string, true or false"
    return explain(error)


def _check_value(where: str, value: Any, field: FieldInfo) -> None:
    annotated: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        TypeAdapter(annotated, config=ConfigDict(allow_inf_nan=False)).validate_python(value, strict=True)
    except ValidationError as error:
        guess = ""
        if isinstance(value, str) and (near := nearest(value, _literals(field))):
            guess = f"; did you mean '{near}'?"
        raise UsageError(f"{where} = {value!r}: {explain(error)}{guess}") from None


def _literals(field: FieldInfo) -> list[str]:
    return [value for value in getattr(field.annotation, "__args__", ()) if isinstance(value, str)]


def _check_conditions(found: Mapping[str, Dimension], model: type[Hyperparameters]) -> None:
    default = defaults(model)
    for name, dimension in found.items():
        for other, values in dimension.when.items():
            if other not in model.model_fields:
                raise unknown(f"parameter in the condition of {name}:", other, model.model_fields)
            for value in values:
                _check_value(f"[parameters] {name}: when {other}", value, model.model_fields[other])
            searched = found.get(other, Fixed(value=default[other]))
            # If its own condition does not hold, the other parameter keeps the family's default.
            idle = searched.when and default[other] in values
            if not idle and not any(searched.contains(value) for value in values):
                wanted = " or ".join(map(repr, values)) or "one of an empty list"
                raise UsageError(
                    f"[parameters] {name} is never used: {other} ({searched}) cannot be {wanted}; change the "
                    f"condition or the values of {other}"
                )


def _in_order(found: Mapping[str, Dimension]) -> dict[str, Dimension]:
    """Sorts parameters so that conditions come before what depends on them, and otherwise keeps the file's order."""
    ordered: dict[str, Dimension] = {}
    while len(ordered) < len(found):
        ready = [
            name for name, dim in found.items()
            if name not in ordered and all(other in ordered or other not in found for other in dim.when)
        ]  # fmt: skip
        if not ready:
            circle = ", ".join(name for name in found if name not in ordered)
            raise UsageError(f"[parameters] the conditions of {circle} go round in a circle; remove one")
        ordered |= {name: found[name] for name in ready}
    return ordered


def read_enqueued(raw: Any, parameters: Mapping[str, Dimension], model: type[Hyperparameters]) -> tuple[Enqueued, ...]:
    """Reads the `[[enqueue]]` tables. A missing value is the space's fixed value, or else the family's default.

    Raises:
        UsageError: a name is unknown or used twice, or the family refuses a value.
    """
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise UsageError("'enqueue' must be a list of tables; write [[enqueue]]")
    found: list[Enqueued] = []
    for number, item in enumerate(raw, start=1):
        known_keys(item, "[[enqueue]]", ("name", "finalist", "parameters", "reported", "chosen_on"))
        name = item.get("name", f"enqueued-{number}")
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"[[enqueue]] number {number}: name = {name!r} must be a string that is not empty")
        finalist = item.get("finalist", False)
        if not isinstance(finalist, bool):
            raise UsageError(f"enqueued '{name}': finalist = {finalist!r} must be true or false")
        given = item.get("parameters", {})
        if not isinstance(given, dict):
            raise UsageError(f"enqueued '{name}': 'parameters' must be a table; write [enqueue.parameters]")
        if any(name == other.name for other in found):
            raise UsageError(f"two enqueued configurations are named '{name}'; names must differ")
        config = _completed(name, given, parameters, model)
        reported, chosen_on = _reported(name, item.get("reported")), _chosen_on(name, item.get("chosen_on", []))
        found.append(Enqueued(name, config, finalist, reported, chosen_on))
    return tuple(found)


def _reported(name: str, raw: Any) -> ReportedScores | None:
    """Reads `[enqueue.reported]`."""
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise UsageError(f"enqueued '{name}': 'reported' must be a table; write [enqueue.reported]")
    known_keys(raw, f"enqueued '{name}' [enqueue.reported]", tuple(ReportedScores.model_fields))
    try:
        return ReportedScores.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"enqueued '{name}': [enqueue.reported] {explain(error)} (percent, 0 to 100)") from None


def _chosen_on(name: str, raw: Any) -> tuple[ChosenOn, ...]:
    """Reads `chosen_on`: a list of 'corpus/speaker', of tables with a corpus and speakers, or with a protocol."""
    where = f"enqueued '{name}': chosen_on"
    if not isinstance(raw, list):
        raise UsageError(f'{where} must be a list, for example ["crema-d/1001", "crema-d/1002"]')
    found = []
    for item in raw:
        if isinstance(item, str):
            corpus, _, speaker = item.partition("/")
            item = {"corpus": corpus, "speakers": [speaker] if speaker else []}  # noqa: PLW2901
        if not isinstance(item, dict):
            raise UsageError(f"{where} holds {item!r}; write 'corpus/speaker', or a table with corpus and speakers")
        known_keys(item, where, tuple(ChosenOn.model_fields))
        try:
            one = ChosenOn.model_validate(item)
        except ValidationError as error:
            raise UsageError(f"{where}: {explain(error)}") from None
        if one.protocol is not None:
            SplitProtocol(one.protocol, one.test_core, one.validation_core, one.split_seed)
        found.append(one)
    return tuple(found)


def _completed(
    name: str, given: Mapping[str, Any], parameters: Mapping[str, Dimension], model: type[Hyperparameters]
) -> dict[str, Any]:
    for key, value in given.items():
        if key not in model.model_fields:
            raise unknown(f"parameter of enqueued '{name}':", key, model.model_fields)
        _check_value(f"enqueued '{name}': {key}", value, model.model_fields[key])
    config = defaults(model) | dict(given)
    for key, dimension in parameters.items():
        if isinstance(dimension, Fixed) and key not in given and dimension.active(config):
            config[key] = dimension.value
    try:
        return model.model_validate(config).model_dump(mode="json")
    except ValidationError as error:
        raise UsageError(f"enqueued '{name}': {explain(error)}") from None
