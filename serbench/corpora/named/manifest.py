"""Manifests: the files of a corpus as it was published, each with checksum and size; package data."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources

__all__ = ["PublishedFile", "manifest"]


@dataclass(frozen=True)
class PublishedFile:
    """A file as it was published."""

    name: str
    sha256: str
    size: int
    """Bytes."""


@functools.cache
def manifest(corpus: str) -> tuple[PublishedFile, ...]:
    """The files of a corpus, by name; none where no manifest is known.

    That of CREMA-D holds the 7,442 WAV files of the official repository (github.com/CheyneyComputerScience/CREMA-D).
    """
    table = resources.files("serbench.corpora.named").joinpath("manifests", f"{corpus}.tsv")
    if not table.is_file():
        return ()
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t")
    return tuple(PublishedFile(row["name"], row["sha256"], int(row["size"])) for row in rows)
