"""The examples in docstrings are run, so that they stay true."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import serbench

PACKAGE = Path(serbench.__file__).parent
BACKENDS = {"keras", "tensorflow", "jax", "torch"}


def imports_a_backend(path: Path) -> bool:
    """Whether the module imports Keras as soon as it is imported; such a module takes seconds and is left out."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] in BACKENDS for name in names):
            return True
    return False


def modules() -> list[str]:
    """Names of the modules that have an example."""
    return [
        ".".join(("serbench", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(PACKAGE.rglob("*.py"))
        if ">>> " in path.read_text(encoding="utf-8") and not imports_a_backend(path)
    ]


def test_there_are_examples() -> None:
    assert len(modules()) > 10


@pytest.mark.parametrize("name", modules())
def test_the_examples_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.attempted
    assert not results.failed
