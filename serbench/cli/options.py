"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "DEFAULT_RESULTS",
    "BriefFormat",
    "CorpusName",
    "CorpusOption",
    "DataFolder",
    "FileNames",
    "LabelDrops",
    "LabelMaps",
    "ResultsPath",
    "TableFormat",
]


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
CorpusOption = Annotated[
    str,
    typer.Option(
        "--corpus",
        help="A name (see `serbench corpus list`), several as a+b, a folder with a folder per class, or a table.",
    ),
]
LabelMaps = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW|SET", help="Other names for labels, e.g. joy=happiness; or big6, four."),
]
LabelDrops = Annotated[
    list[str] | None, typer.Option("--drop", metavar="LABEL", help="Labels to leave out, e.g. calm,surprise.")
]
FileNames = Annotated[
    str | None,
    typer.Option(
        "--names", metavar="PATTERN", help="What file names of a folder or table say: '{speaker}_{sentence}_*'."
    ),
]
CorpusName = Annotated[str, typer.Option("--corpus", help="Corpus by name; see `serbench corpus list`.")]
