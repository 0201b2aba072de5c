"""Marks that several tests use."""

from __future__ import annotations

import os

import pytest

needs_own_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
