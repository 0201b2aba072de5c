"""The rooms of the house and the arrows between them."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import serbench

PACKAGE = Path(serbench.__file__).parent
ORDER = [
    {"home"}, {"printable"}, {"errors"}, {"faces"}, {"child_processes"}, {"plugins"}, {"records"}, {"evaluation"},
    {"temporary"}, {"audio"}, {"corpora"}, {"protocols"}, {"features"}, {"families"}, {"training"}, {"spaces"},
    {"references"}, {"results"}, {"render"}, {"search"}, {"audit"}, {"export"}, {"listening"}, {"site"}, {"trackers"},
    {"doctor"}, {"testing"}, {"views"}, {"api"}, {"cli"},
]  # fmt: skip
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


def imports(path: Path) -> set[str]:
    """Rooms that a module imports, anywhere in it."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
            if node.module == "serbench":
                names += [f"serbench.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("serbench.")}
    return rooms & LEVEL.keys()


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imports(path):
        assert other == room or LEVEL[other] < LEVEL[room], (
            f"{path.relative_to(PACKAGE)} ({room}) must not import {other}"
        )


def test_every_room_has_its_level() -> None:
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} <= LEVEL.keys()


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


ALL = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
FACES = {name for name, path in ALL.items() if path.name == "__init__.py"}


def imported_names(path: Path) -> list[tuple[str, str]]:
    """Every (module, name) that a module imports from serbench, in functions and for type checkers too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "serbench":
            found += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names if alias.name in ALL]
    return found


@cache
def imported() -> dict[str, list[tuple[str, str]]]:
    """What each module imports, by its name."""
    return {name: imported_names(path) for name, path in ALL.items()}


def home(module: str, name: str) -> str:
    """The module that an imported name comes from, through any number of faces."""
    if f"{module}.{name}" in ALL:
        return f"{module}.{name}"
    if module in FACES:
        for source, offered in imported()[module]:
            if offered == name and source != module:
                return home(source, name)
    return module


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others."""
    left = dict(arrows)
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    while free := set(left) - {target for targets in left.values() for target in targets}:
        for name in free:
            del left[name]
    return [sorted(left)] if left else []


MOST_PAST_FACES = 2
"""Imports of a module of another room in place of the room's `__init__`. Lower it with every import that is mended."""


def past_faces() -> list[str]:
    """Imports from another room that name a module and not a face."""
    found = []
    for importer, names in imported().items():
        room = importer.split(".")[1:2]
        statements = {module for module, _ in names if module.count(".") > 1 and module not in FACES}
        found += [f"{importer} imports {module}" for module in sorted(statements) if module.split(".")[1:2] != room]
    return found


def test_rooms_are_entered_through_their_faces() -> None:
    """A room's `__init__` offers what others need, so that its modules can change without a change elsewhere."""
    found = past_faces()
    assert len(found) <= MOST_PAST_FACES, "\n".join(
        [f"{len(found)} imports past a face, at most {MOST_PAST_FACES}; import from the room instead:", *found]
    )


def test_no_module_imports_itself_through_others() -> None:
    arrows = {
        name: {home(module, imported) for module, imported in names} - {name}
        for name, names in imported().items()
        if name not in FACES
    }
    assert circles(arrows) == []


@pytest.mark.parametrize("face", sorted(FACES))
def test_a_face_has_what_it_offers(face: str) -> None:
    """Its lazy table, its `__all__` and what type checkers see are one list."""
    module = importlib.import_module(face)
    offered = set(getattr(module, "__all__", ()))
    assert {name for name in offered if not hasattr(module, name)} == set()
    if "lazy_face(" in ALL[face].read_text(encoding="utf-8"):
        typed = {name for source, name in imported()[face] if source != "serbench.faces"}
        assert typed == offered
        modules = {name for name in offered if inspect.ismodule(getattr(module, name))}
        assert not modules, "a module of the same name hides it"


def functions(path: Path) -> list[tuple[str, int]]:
    """Each function of a module with the number of lines of its body, signature and docstring not counted."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            found.append((node.name, lines))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_functions_stay_short(path: Path) -> None:
    """A module is as long as its subject; a function that needs scrolling has more than one."""
    for name, lines in functions(path):
        assert lines <= 50, f"{path.relative_to(PACKAGE)}: {name} has {lines} lines"


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.children
def test_the_command_line_starts_light() -> None:
    """What makes `serbench --help` answer at once: nothing heavy is imported before a command runs."""
    heavy = {"keras", "tensorflow", "optuna", "pandas", "librosa", "sklearn", "plotly", "scipy", "pydantic"}
    assert not loaded_by("import serbench.cli.main") & heavy


@pytest.mark.children
def test_the_parent_never_imports_a_backend() -> None:
    """Children are forked from a warm server; the coordinator itself holds no backend."""
    rooms = ["corpora", "features", "families", "protocols", "spaces", "results", "render", "search", "site", "export"]
    every_name = "".join(
        f"import serbench.{room}; [getattr(serbench.{room}, n) for n in serbench.{room}.__all__]; " for room in rooms
    )
    loaded = loaded_by(every_name.removesuffix("; "))
    assert "serbench.search.engines.local" in loaded, "faces are lazy: each name has to be asked for"
    assert not loaded & {"keras", "tensorflow", "jax", "torch"}
