"""Reads `SearchSpace` from TOML. The file is data: nothing in it is run, every name in it is checked."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

import serbench
from serbench.errors import SerbenchError, UsageError, nearest, unknown
from serbench.families import get_family
from serbench.families.hyperparameters import Hyperparameters
from serbench.features.spec import FeatureSpec
from serbench.protocols import Ratio
from serbench.protocols.ratio import parse_percent
from serbench.records.files import read_text
from serbench.search.dimensions import Choice, Dimension, Fixed, FloatRange, IntRange
from serbench.search.space import Budget, Enqueued, SearchSpace, defaults, explain
from serbench.training.job import FitSettings

__all__ = ["find_space", "load_space", "space_names"]

M = TypeVar("M", bound=BaseModel)

_TABLES = ("space", "protocol", "features", "training", "budget", "parameters", "enqueue")
_DEFAULT_CORES = {"test_core": "20", "validation_core": "10"}


def _folders() -> list[Path]:
    """Where a space is looked for by name: here, in the installed package, in the checkout."""
    return [
        Path("search_spaces"),
        Path(str(resources.files(serbench) / "search_spaces")),
        Path(serbench.__file__).parents[1] / "search_spaces",
    ]


def space_names() -> dict[str, Path]:
    """All spaces that can be named, with their files."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
            found.setdefault(path.stem, path)
    return found


def find_space(name: str) -> Path:
    """The file of a space: as a path, then by name.

    Raises:
        UsageError: neither is there; the nearest name is told.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix == ".toml" and path.parent != Path():
        raise UsageError(f"space file {name} does not exist")
    known = space_names()
    if path.stem not in known:
        raise unknown("space", name, known)
    return known[path.stem]


def load_space(name: str | Path) -> SearchSpace:
    """Reads and checks a space.

    Raises:
        UsageError: the file or anything in it is wrong; the sentence says where and how to mend it.
    """
    path = find_space(str(name))
    text = read_text(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    try:
        return _build(raw, path.stem, text)
    except SerbenchError as error:
        raise UsageError(f"{path}: {error}") from None


def _build(raw: dict[str, Any], stem: str, text: str) -> SearchSpace:
    for table in raw:
        if table not in _TABLES:
            raise unknown("table", f"[{table}]", [f"[{known}]" for known in _TABLES])
    head = _table(raw, "space")
    _known_keys(head, "space", ("name", "title", "family"))
    if "family" not in head:
        raise UsageError('[space] must name a family, for example family = "cnn2d"')
    family = get_family(str(head["family"]))
    cores = _cores(_table(raw, "protocol"))
    parameters = _parameters(_table(raw, "parameters"), family.hyperparameters)
    space = SearchSpace(
        name=str(head.get("name", stem)),
        title=str(head.get("title", "")),
        family=family,
        **cores,
        features=_model(FeatureSpec, "features", family.default_features() | _table(raw, "features")),
        training=_model(FitSettings, "training", _table(raw, "training")),
        parameters=parameters,
        enqueued=_enqueued(raw.get("enqueue", []), parameters, family.hyperparameters),
        budget=_model(Budget, "budget", _table(raw, "budget")),
        text=text,
    )
    _check_ratios(space)
    return space


def _table(raw: dict[str, Any], name: str) -> dict[str, Any]:
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"'{name}' must be a table; write [{name}]")
    return table


def _known_keys(table: dict[str, Any], where: str, known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise unknown(f"key in [{where}]", key, known)


def _model(model: type[M], where: str, values: dict[str, Any]) -> M:
    _known_keys(values, where, tuple(model.model_fields))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"[{where}] {explain(error)}") from None


def _cores(table: dict[str, Any]) -> dict[str, Decimal]:
    _known_keys(table, "protocol", tuple(_DEFAULT_CORES))
    return {
        key: parse_percent(table.get(key, default), f"[protocol] {key}")
        for key, default in _DEFAULT_CORES.items()
    }


def _parameters(table: dict[str, Any], model: type[Hyperparameters]) -> dict[str, Dimension]:
    found: dict[str, Dimension] = {}
    for name, raw in table.items():
        if name not in model.model_fields:
            raise unknown("parameter", name, model.model_fields)
        field = model.model_fields[name]
        try:
            dimension = _dimension(raw, field)
        except ValidationError as error:
            raise UsageError(f"[parameters] {name}: {_reason(error)}") from None
        for probe in dimension.probes():
            _check_value(name, probe, field)
        found[name] = dimension
    return _in_order(found, model)


def _dimension(raw: Any, field: FieldInfo) -> Dimension:
    if isinstance(raw, list):
        return Choice(choices=tuple(raw))
    if not isinstance(raw, dict):
        return Fixed(value=raw)
    when = {
        key: tuple(value) if isinstance(value, list) else (value,) for key, value in raw.get("when", {}).items()
    }
    rest = {key: value for key, value in raw.items() if key != "when"}
    keys = ("value", "choices", "low", "high", "log", "step", "when")
    for key in rest:
        if key not in keys:
            raise unknown("key", key, keys)
    if "value" in rest:
        return Fixed(when=when, **rest)
    if "choices" in rest:
        return Choice(when=when, **rest)
    whole = field.annotation is int
    return IntRange(when=when, **rest) if whole else FloatRange(when=when, **rest)


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "missing":
        return f"'{first['loc'][0]}' is missing; a range has low and high, a choice is a list of values"
    return explain(error)


def _check_value(name: str, value: Any, field: FieldInfo) -> None:
    annotated: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        TypeAdapter(annotated).validate_python(value)
    except ValidationError as error:
        guess = ""
        if isinstance(value, str) and (near := nearest(value, _literals(field))):
            guess = f"; did you mean '{near}'?"
        message = error.errors()[0]["msg"]
        raise UsageError(
            f"[parameters] {name} = {value!r}: {message[0].lower()}{message[1:]}{guess}"
        ) from None


def _literals(field: FieldInfo) -> list[str]:
    return [value for value in getattr(field.annotation, "__args__", ()) if isinstance(value, str)]


def _in_order(found: dict[str, Dimension], model: type[Hyperparameters]) -> dict[str, Dimension]:
    """Sorts so that a condition's parameter comes before what depends on it; the file's order else."""
    for name, dimension in found.items():
        for other, values in dimension.when.items():
            if other not in model.model_fields:
                raise unknown(f"parameter in the condition of {name}", other, model.model_fields)
            for value in values:
                _check_value(other, value, model.model_fields[other])
            if other in found and not any(found[other].contains(value) for value in values):
                raise UsageError(
                    f"[parameters] {name} is never used: {other} ({found[other]}) cannot be {list(values)}"
                )
    ordered: dict[str, Dimension] = {}
    while len(ordered) < len(found):
        ready = [
            name for name, dim in found.items()
            if name not in ordered and all(other in ordered or other not in found for other in dim.when)
        ]
        if not ready:
            circle = ", ".join(name for name in found if name not in ordered)
            raise UsageError(f"[parameters] the conditions of {circle} go round in a circle")
        ordered |= {name: found[name] for name in ready}
    return ordered


def _enqueued(
    raw: Any, parameters: dict[str, Dimension], model: type[Hyperparameters]
) -> tuple[Enqueued, ...]:
    if not isinstance(raw, list):
        raise UsageError("'enqueue' must be a list of tables; write [[enqueue]]")
    fixed = {name: dim.value for name, dim in parameters.items() if isinstance(dim, Fixed) and not dim.when}
    found: list[Enqueued] = []
    for number, item in enumerate(raw, start=1):
        _known_keys(item, "[enqueue]", ("name", "finalist", "parameters"))
        name = str(item.get("name", f"enqueued-{number}"))
        given = item.get("parameters", {})
        for key in given:
            if key not in model.model_fields:
                raise unknown(f"parameter of enqueued '{name}':", key, model.model_fields)
        try:
            config = model.model_validate(defaults(model) | fixed | given).model_dump(mode="json")
        except ValidationError as error:
            raise UsageError(f"enqueued '{name}': {explain(error)}") from None
        if any(name == other.name for other in found):
            raise UsageError(f"two enqueued configurations are named '{name}'; names must differ")
        found.append(Enqueued(name, config, bool(item.get("finalist", False))))
    return tuple(found)


def _check_ratios(space: SearchSpace) -> None:
    """Every ratio a trial could draw must contain the cores; found here, not in trial 17."""
    field = defaults(space.family.hyperparameters)["split_ratio"]
    dimension = space.parameters.get("split_ratio", Fixed(value=field))
    drawn = [*dimension.probes(), *(known.config["split_ratio"] for known in space.enqueued)]
    for text in drawn:
        ratio = Ratio.parse(str(text))
        if ratio.test < space.test_core or ratio.validation < space.validation_core:
            raise UsageError(
                f"split_ratio {text} does not contain the cores (test {space.test_core:f} %, validation "
                f"{space.validation_core:f} %); enlarge its shares or declare smaller cores in [protocol]"
            )
