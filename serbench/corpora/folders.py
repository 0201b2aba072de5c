"""The cache folder, for everything that can be made again, and the corpora in it."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from serbench.home import expanded

__all__ = ["cache_root", "corpus_home", "health_cache"]


def cache_root() -> Path:
    """Returns the cache folder: the environment variable SERBENCH_CACHE, else the platform's cache folder."""
    named = os.environ.get("SERBENCH_CACHE", "").strip()
    if named:
        return expanded(named).absolute()
    return platformdirs.user_cache_path("serbench")


def corpus_home(name: str) -> Path:
    """Returns a corpus's folder in the cache, whether it exists or not."""
    return cache_root() / "corpora" / name


def health_cache() -> Path:
    """Returns the folder that caches the results of audio inspections."""
    return cache_root() / "health"
