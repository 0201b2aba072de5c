"""Marks that several tests use, and a copy of the results that they share."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

needs_own_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips tests where a package is not installed, and does not import it while tests are collected."""
    lacking = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"{', '.join(lacking)} not installed")


def copy_of_one_family(searched: Path, to: Path) -> Path:
    """Copies the results of the fixture `searched` without the study of its 2-D family; returns the copy."""
    return shutil.copytree(
        searched, to, ignore=lambda _, names: [name for name in names if name.endswith("tiny_cnn2d")]
    )
