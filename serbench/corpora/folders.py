"""Where serbench keeps what can be made again: the cache folder and the corpora in it."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_root", "corpus_home", "health_cache"]


def cache_root() -> Path:
    """The cache folder: the environment variable SERBENCH_CACHE, else the platform's own place."""
    named = os.environ.get("SERBENCH_CACHE", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_cache_path("serbench")


def corpus_home(name: str) -> Path:
    """The folder that a corpus has in the cache, whether or not anything is there."""
    return cache_root() / "corpora" / name


def health_cache() -> Path:
    """The folder that keeps the results of health inspections."""
    return cache_root() / "health"
