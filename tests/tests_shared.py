"""Marks that several tests use."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

needs_own_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips tests where a package is not installed, and does not import it while tests are collected."""
    lacking = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"{', '.join(lacking)} not installed")
