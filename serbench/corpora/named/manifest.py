"""Manifests (package data): the published files of a corpus, with checksums and sizes."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources

__all__ = ["PublishedFile", "manifest"]


@dataclass(frozen=True)
class PublishedFile:
    """A published file of a corpus."""

    name: str
    sha256: str
    size: int
    """Bytes."""


@functools.cache
def manifest(corpus: str) -> tuple[PublishedFile, ...]:
    """Returns the published files of a corpus; empty if there is no manifest for it.

    The manifest of CREMA-D lists the 7,442 WAV files of the official repository
    (github.com/CheyneyComputerScience/CREMA-D).
    """
    table = resources.files("serbench.corpora.named").joinpath("manifests", f"{corpus}.tsv")
    if not table.is_file():
        return ()
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t")
    return tuple(PublishedFile(row["name"], row["sha256"], int(row["size"])) for row in rows)
