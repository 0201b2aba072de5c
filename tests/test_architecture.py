"""The rooms of the house and the arrows between them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import serbench

PACKAGE = Path(serbench.__file__).parent
ORDER = [
    {"errors"}, {"child_processes"}, {"plugins"}, {"records"}, {"evaluation"}, {"corpora"}, {"protocols"}, {"features"},
    {"families"}, {"training"}, {"spaces"}, {"references"}, {"results"}, {"render"}, {"search"}, {"audit"}, {"export"},
    {"site"}, {"doctor"}, {"testing"}, {"views"}, {"api"}, {"cli"},
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


def test_the_command_line_starts_light() -> None:
    """What makes `serbench --help` answer at once: nothing heavy is imported before a command runs."""
    heavy = {"keras", "tensorflow", "optuna", "pandas", "librosa", "sklearn", "plotly", "scipy", "pydantic"}
    assert not loaded_by("import serbench.cli.main") & heavy


@pytest.mark.parametrize(
    "room", ["corpora", "features", "families", "protocols", "spaces", "results", "render", "search", "site", "export"]
)
def test_the_parent_never_imports_a_backend(room: str) -> None:
    """Children are forked from a warm server; the coordinator itself holds no backend."""
    assert not loaded_by(f"import serbench.{room}") & {"keras", "tensorflow", "jax", "torch"}
