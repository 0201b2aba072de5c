"""`Exporter`: one format in which a trained model leaves serbench."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from serbench.errors import SerbenchError, with_extra
from serbench.export.bundle import BundleRecord
from serbench.records import EntryRecord, StudyFolder, StudyRecord, TrialRecord
from serbench.results import EntryReport

__all__ = ["Exporter", "TrainedEntry", "require"]


@dataclass(frozen=True)
class TrainedEntry:
    """The trained model that an exporter writes, with everything known about it.

    Attributes:
        report: the entry's report.
        folder: the study's folder.
        study: the study's record.
        entry: the entry's record.
        refit: the run whose model is exported: the best one on validation.
        model: path of its Keras model.
        data: the corpus's folder; None if unknown.
        say: receives a sentence before anything that takes long.
    """

    report: EntryReport
    folder: StudyFolder
    study: StudyRecord
    entry: EntryRecord
    refit: TrialRecord
    model: Path
    data: Path | None
    say: Callable[[str], None]


@runtime_checkable
class Exporter(Protocol):
    """A format of export. A plug-in offers one object of this shape through the entry-point group `serbench.exporters`.

    Its module imports no heavy library before `write` is called.

    Attributes:
        name: as in `serbench export --format NAME`; equal to the name of the entry point.
        description: what is written, as one sentence.
        extra: the optional dependency of serbench's that it needs, as in `pip install 'serbench[NAME]'`; None for none.
        modules: modules that must be installed, such as those that the extra brings.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see above

    @property
    def description(self) -> str: ...  # noqa: D102 - see above

    @property
    def extra(self) -> str | None: ...  # noqa: D102 - see above

    @property
    def modules(self) -> tuple[str, ...]: ...  # noqa: D102 - see above

    def write(self, trained: TrainedEntry, folder: Path) -> BundleRecord:
        """Writes the model into an empty folder and proves that it repeats the recorded predictions.

        The folder is put in its place once this method has returned, and is removed if it raises.

        Returns:
            The record of what was written, which is also the folder's `bundle.json`.

        Raises:
            SerbenchError: the model cannot be written in this format, or does not repeat its predictions.
        """
        ...


def require(exporter: Exporter) -> None:
    """Checks that the modules an exporter needs are installed.

    Raises:
        SerbenchError: one is missing; the message names it and how to install it.
    """
    missing = [module for module in exporter.modules if importlib.util.find_spec(module) is None]
    if missing:
        how = with_extra(exporter.extra) if exporter.extra else f"run `pip install {' '.join(missing)}`"
        raise SerbenchError(f"export to '{exporter.name}' needs {' and '.join(missing)}; {how}")
