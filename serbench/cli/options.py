"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from serbench.cli.declared import declared_option
from serbench.search import DEFAULT_RESULTS

__all__ = [
    "DEFAULT_RESULTS",
    "BriefFormat",
    "DataFolder",
    "FileNames",
    "LabelDrops",
    "LabelMaps",
    "ResultsPath",
    "TableFormat",
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
LabelMaps = Annotated[list[str] | None, declared_option("label_map")]
LabelDrops = Annotated[list[str] | None, declared_option("drop")]
FileNames = Annotated[str | None, declared_option("file_names")]
