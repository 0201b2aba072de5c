"""Reads a `SearchSpace` from TOML. The file is data: nothing in it is executed, and every name in it is checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

import serbench
from serbench.errors import SerbenchError, UsageError, unknown
from serbench.families import Family, built_in_names, family_names, get_family
from serbench.features import FeatureSpec
from serbench.features.frontends import get_front_end
from serbench.protocols import Ratio, SplitProtocol, get_kind, parse_percent
from serbench.records import read_text
from serbench.spaces.parameters import known_keys, read_enqueued, read_parameters
from serbench.spaces.space import Budget, SearchSpace, explain
from serbench.training import FitSettings

__all__ = [
    "broken_default_spaces",
    "default_spaces",
    "find_space",
    "load_space",
    "read_space",
    "space_for_size",
    "space_names",
]

M = TypeVar("M", bound=BaseModel)

_TABLES = ("space", "protocol", "features", "training", "budget", "parameters", "enqueue")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,60}")
_SMALL_SPACE, _SMALL_CORPUS = "small", 1000
_DEFAULT_CORES = {"test_core": "20", "validation_core": "10"}


def _folders() -> list[Path]:
    """Folders in which spaces are found by name: the working folder, the installed package, the checkout."""
    return [
        Path("search_spaces"),
        Path(str(resources.files(serbench) / "search_spaces")),
        Path(serbench.__file__).parents[1] / "search_spaces",
    ]


def space_names() -> dict[str, Path]:
    """Returns all spaces that have a name, with their files: those of `_folders`, then each family's default space."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
            found.setdefault(path.stem, path)
    for path in _family_files():
        found.setdefault(path.stem, path)
    return found


def _family_files() -> list[Path]:
    """Space files that families ship in their own packages. Plug-ins that cannot be loaded are skipped."""
    paths = [Path(space) for name in family_names() if (space := _default_space(name))]
    return [path for path in paths if path.suffix == ".toml" and path.is_file()]


def _default_space(family: str) -> str:
    """The default space of a family; '' if it has none, or if its plug-in fails, so that the others can be used."""
    try:
        space: object = get_family(family).default_space()
    except Exception:  # a plug-in may fail in any way; `serbench doctor` names it
        return ""
    return str(space) if isinstance(space, str | Path) else ""


def broken_default_spaces() -> list[str]:
    """A sentence for each installed family whose default space cannot be used.

    Searches leave out the families of plug-ins, and end at serbench's own.
    """
    return [fault for name in family_names() if (fault := _fault(name))]


def _fault(family: str) -> str:
    """Why the default space of a family cannot be used; '' if it can, or if the family has none or is broken itself."""
    try:
        found = get_family(family)
    except SerbenchError:
        return ""
    try:
        space: object = found.default_space()
    except Exception as error:  # a plug-in may fail in any way
        return f"family '{family}' has no default space ({type(error).__name__}: {error}); repair its package"
    if not isinstance(space, str | Path) or not str(space):
        return ""
    try:
        load_space(family if family in space_names() else space)
    except Exception as error:  # what reads a space asks the plug-in for its hyperparameters and features
        reason = str(error) if isinstance(error, SerbenchError) else f"{type(error).__name__}: {error}"
        return f"the default space of family '{family}' cannot be used: {reason}"
    return ""


def default_spaces(corpus: str, note: Callable[[str], None] = lambda _: None) -> list[str]:
    """Returns the names of the spaces that a search uses by default.

    Args:
        corpus: name of the corpus. The demo corpus has small spaces of its own, `demo_<family>`.
        note: callback that receives a sentence about each family of a plug-in whose space cannot be used.

    Returns:
        The default space of each installed family that has one. Plug-ins that cannot be loaded, or whose space cannot
        be used, are skipped.
    """
    known = space_names()
    demo = [name for family in family_names() if (name := f"demo_{family}") in known]
    if corpus == "demo" and demo:
        return demo
    found = []
    for family in family_names():
        if family not in built_in_names() and (fault := _fault(family)):
            note(fault)
        elif space := _default_space(family):
            found.append(family if family in known else space)
    return found


def space_for_size(names: Collection[str], clips: int) -> str:
    """Returns the name of a space that is made for corpora of this size, if all given ones are made for larger ones.

    Args:
        names: names of the spaces that a search is about to use.
        clips: number of clips.

    Returns:
        The name; empty if there is none, or if a space other than the families' default ones was asked for.

    >>> space_for_size(["cnn1d"], 535), space_for_size(["cnn1d"], 7442)
    ('small', '')
    """
    few = clips < _SMALL_CORPUS and _SMALL_SPACE in space_names()
    return _SMALL_SPACE if few and set(names) <= set(default_spaces("")) else ""


def find_space(name: str) -> Path:
    """Finds the file of a space: by path, then by the name of the space, then by the name of a family that ships one.

    Raises:
        UsageError: there is no such space. The message suggests the nearest name.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = space_names()
    if (stem := name.removesuffix(".toml")) in known:
        return known[stem]
    if path.is_dir():
        raise UsageError(f"space '{name}' is a folder; name a .toml file in it")
    if path.parent != Path():
        raise UsageError(f"space file {name} does not exist; correct the path, or name one of: {', '.join(known)}")
    if name in family_names():
        default = get_family(name).default_space()
        if default not in {"", name}:
            return find_space(default)
        raise UsageError(f"family '{name}' has no default space; write a space file and name it")
    raise unknown("space", name, known)


def load_space(name: str | Path) -> SearchSpace:
    """Reads and checks a space.

    Raises:
        UsageError: something in the file is wrong. The message says where, and how to fix it.
    """
    path = find_space(str(name))
    try:
        text = read_text(path)
    except SerbenchError as error:
        raise UsageError(f"{error}") from None
    return read_space(text, path.stem, str(path))


def read_space(text: str, name: str, where: str, *, recorded: bool = False) -> SearchSpace:
    """Reads and checks the text of a space.

    Args:
        text: TOML; it is neither executed nor trusted.
        name: name of the space if the text has none.
        where: origin of the text, with which error messages begin.
        recorded: whether a study of the space exists. Then checks that came later are left out, so that it can still
            be read.

    Raises:
        UsageError: something in the text is wrong.
    """
    try:
        raw = tomllib.loads(text.removeprefix("\ufeff"))  # editors on Windows begin files with a byte order mark
    except (ValueError, RecursionError) as error:  # ValueError: also a number of 5,000 digits
        raise UsageError(f"{where} is not valid TOML: {error}") from None
    try:
        space = _build(raw, name, text)
        _check_front_end(space, enqueued=not recorded)
        if not recorded:
            _check_feature_axis(space)
            _check_chosen_on(space)
        return space
    except SerbenchError as error:
        raise UsageError(f"{where}: {error}") from None


def _build(raw: dict[str, Any], stem: str, text: str) -> SearchSpace:
    for table in raw:
        if table not in _TABLES:
            raise unknown("table", f"[{table}]", [f"[{known}]" for known in _TABLES])
    head = _table(raw, "space")
    known_keys(head, "[space]", ("name", "title", "family"))
    if "family" not in head:
        usual = [name for name in built_in_names() if get_family(name).default_space()]
        raise UsageError(f'[space] must name a family, for example family = "{usual[-1]}"')
    family = get_family(_text(head, "family"))
    cores = _cores(_table(raw, "protocol"))
    parameters = read_parameters(_table(raw, "parameters"), family.hyperparameters)
    space = SearchSpace(
        name=_name(head.get("name", stem)),
        title=_text(head, "title"),
        family=family,
        protocol=_protocol(_table(raw, "protocol")),
        **cores,
        speaker_normalisation=_speaker_normalisation(_table(raw, "protocol")),
        features=_features(family, _table(raw, "features")),
        training=_model(FitSettings, "training", _table(raw, "training")),
        parameters=parameters,
        enqueued=read_enqueued(raw.get("enqueue", []), parameters, family.hyperparameters),
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


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"[space] {key} = {value!r} must be a string; put it in quotes")
    return value


def _name(value: Any) -> str:
    """Checks the name of a space, which becomes part of a folder name."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UsageError(
            f"the space's name {value!r} must be letters, digits, '.', '_', '+' and '-'; rename the file or give "
            "a name in [space]"
        )
    return value


def _model(model: type[M], where: str, values: dict[str, Any]) -> M:
    known_keys(values, f"[{where}]", tuple(model.model_fields))
    try:
        return model.model_validate(values, strict=True)
    except ValidationError as error:
        raise UsageError(f"[{where}] {explain(error)}") from None


def _features(family: Family, table: dict[str, Any]) -> FeatureSpec:
    """Reads `[features]`: the front end of the family, or another one whose arrays have the same axes."""
    kind = table.get("kind", family.feature_kind)
    if not isinstance(kind, str):
        raise UsageError(f"[features] kind = {kind!r} must be a string; put it in quotes")
    settings: type[FeatureSpec] = get_front_end(kind).settings
    table = {
        name: tuple(value) if isinstance(value, list) and _takes_tuple(settings, name) else value
        for name, value in table.items()
    }
    usual = family.default_features()
    if kind == family.feature_kind:
        return _model(settings, "features", usual | table)
    shared = {name: value for name, value in usual.items() if name in settings.model_fields and name != "kind"}
    spec = _model(settings, "features", shared | table)
    if _layout(spec) != _layout(FeatureSpec(**usual)):
        raise UsageError(
            f"[features] kind = {kind!r}: family {family.name} reads '{family.feature_kind}'; leave kind out"
        )
    return spec


def _takes_tuple(settings: type[FeatureSpec], name: str) -> bool:
    """Whether a setting is a tuple, which TOML writes as a list: settings can be hashed, and lists cannot."""

    def holds(annotation: Any) -> bool:
        return tuple in (annotation, get_origin(annotation)) or any(map(holds, get_args(annotation)))

    return name in settings.model_fields and holds(settings.model_fields[name].annotation)


def _layout(spec: FeatureSpec) -> tuple[int, int, int | None]:
    return len(spec.shape), spec.front_end.feature_axis, spec.front_end.time_axis


def _protocol(table: dict[str, Any]) -> str | None:
    """Returns the protocol that the space names, or None."""
    name = table.get("name")
    if name is not None and not isinstance(name, str):
        raise UsageError(f"[protocol] name = {name!r} must be a string; put it in quotes")
    if name is not None:
        get_kind(name)
    return name


def _speaker_normalisation(table: dict[str, Any]) -> bool:
    asked = table.get("speaker_normalisation", False)
    if not isinstance(asked, bool):
        raise UsageError(f"[protocol] speaker_normalisation = {asked!r} must be true or false")
    return asked


def _cores(table: dict[str, Any]) -> dict[str, Decimal]:
    known_keys(table, "[protocol]", ("name", *_DEFAULT_CORES, "speaker_normalisation"))
    cores = {
        key: parse_percent(table.get(key, default), f"[protocol] {key}") for key, default in _DEFAULT_CORES.items()
    }
    # Raises an error if the cores leave nothing to train on.
    SplitProtocol(test_core=cores["test_core"], validation_core=cores["validation_core"])
    return cores


def _check_ratios(space: SearchSpace) -> None:
    """Checks that every ratio a trial could draw contains the cores, so that it does not fail in trial 17."""
    for where, text in space.values_of("split_ratio"):
        ratio = Ratio.parse(str(text))
        if ratio.test < space.test_core or ratio.validation < space.validation_core:
            raise UsageError(
                f"{where} = {text!r} does not contain the cores (test {space.test_core:f} %, validation "
                f"{space.validation_core:f} %); enlarge its shares, or declare smaller cores in [protocol]"
            )


def _check_chosen_on(space: SearchSpace) -> None:
    """Checks that no statement names speakers both one by one and by a protocol, of which one would be lost."""
    for known in space.enqueued:
        for one in known.chosen_on:
            if one.protocol is not None and one.speakers:
                raise UsageError(
                    f"enqueued '{known.name}': chosen_on names speakers and a protocol of {one.corpus}; "
                    "write two tables"
                )


def _check_feature_axis(space: SearchSpace) -> None:
    """Checks that the family normalises along the axis on which its front end places the features."""
    own, axis = space.family.feature_axis, space.features.front_end.feature_axis
    if own != axis:
        raise UsageError(
            f"family {space.family.name} has feature_axis {own}, and its front end '{space.features.kind}' has {axis}: "
            f"set feature_axis = {axis} in the family"
        )


def _check_front_end(space: SearchSpace, *, enqueued: bool) -> None:
    """Checks that no field which reads the family's own front end leaves its default on another one.

    Args:
        space: the space.
        enqueued: whether to check enqueued configurations, too.
    """
    if space.features.kind == space.family.feature_kind:
        return
    for name, field in space.family.hyperparameters.model_fields.items():
        extra = field.json_schema_extra
        if not (isinstance(extra, dict) and extra.get("own_front_end")):
            continue
        default = field.get_default(call_default_factory=True)
        for where, value in (space if enqueued else replace(space, enqueued=())).values_of(name):
            if value != default:
                raise UsageError(
                    f"{where} = {value!r} needs front end '{space.family.feature_kind}', and [features] kind is "
                    f"'{space.features.kind}'; leave {name} out"
                )
