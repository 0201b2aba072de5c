"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.declared import declared_option, expanded_path
from serbench.search import DEFAULT_RESULTS

__all__ = [
    "DEFAULT_RESULTS",
    "BoardOutput",
    "BriefFormat",
    "BriefOutput",
    "DataFolder",
    "FileNames",
    "LabelDrops",
    "LabelMaps",
    "ResultsPath",
    "StudyArgument",
    "StudyData",
    "TableFormat",
    "TableOutput",
]


class TableFormat(StrEnum):
    """Output formats of results."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    latex = "latex"


class BriefFormat(StrEnum):
    """Output formats of lists."""

    table = "table"
    json = "json"


ResultsPath = Annotated[Path, declared_option("results")]
DataFolder = Annotated[Path | None, declared_option("data")]
StudyData = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of the corpus.  [default: the one that the search used]",
        callback=expanded_path,
    ),
]
LabelMaps = Annotated[list[str] | None, declared_option("label_map")]
LabelDrops = Annotated[list[str] | None, declared_option("drop")]
FileNames = Annotated[str | None, declared_option("file_names")]
StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study by name; see `serbench study list`.")]
TableOutput = Annotated[TableFormat, typer.Option("--format", help="Output format.")]
BriefOutput = Annotated[BriefFormat, typer.Option("--format", help="Output format.")]
BoardOutput = Annotated[TableFormat, typer.Option("--format", help="Output format of the leaderboard.")]
