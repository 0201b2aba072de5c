"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["DEFAULT_RESULTS", "BriefFormat", "CorpusName", "DataFolder", "ResultsPath", "TableFormat"]


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


DEFAULT_RESULTS = Path("results")

ResultsPath = Annotated[Path, typer.Option("--results", envvar="SERBENCH_RESULTS", help="Folder of results.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder where the corpus lies; the demo corpus makes itself.")
]
CorpusName = Annotated[str, typer.Option("--corpus", help="Corpus by name; see `serbench corpus list`.")]
