"""Options that several commands share."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["BriefFormat", "CorpusName", "DataFolder", "ResultsPath", "TableFormat", "default_results"]


class TableFormat(StrEnum):
    """How results are printed."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    latex = "latex"


class BriefFormat(StrEnum):
    """How lists are printed."""

    table = "table"
    json = "json"


def default_results() -> Path:
    """`SERBENCH_RESULTS`, else `./results`."""
    return Path(os.environ.get("SERBENCH_RESULTS", "results"))


ResultsPath = Annotated[
    Path, typer.Option("--results", help="Folder of results (or SERBENCH_RESULTS).", default_factory=default_results)
]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder where the corpus lies; the demo corpus makes itself.")
]
CorpusName = Annotated[str, typer.Option("--corpus", help="Corpus by name; see `serbench corpus list`.")]
