"""`Exporter`: writes a trained model in one format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from serbench.export.bundle import BundleRecord, JoinedNetwork
from serbench.records import EntryRecord, StudyFolder, StudyRecord, TrialRecord
from serbench.results import EntryReport

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Exporter", "TrainedEntry"]


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
        say: callback that receives a sentence before each long step.
        runtime: folder with the runtime of a browser, for the format `web`; None to download it.
        quantise: `int8` for files with quantised networks besides; None for none.
        joined: the final networks of a folded protocol, whose mean answer is exported; empty for a single network.
        answers: what the bundle must answer to the test clips, with the columns `clip_id` and `p_<label>`; None for the
            recorded predictions of `refit`.
    """

    report: EntryReport
    folder: StudyFolder
    study: StudyRecord
    entry: EntryRecord
    refit: TrialRecord
    model: Path
    data: Path | None
    say: Callable[[str], None]
    runtime: Path | None = None
    quantise: str | None = None
    joined: tuple[JoinedNetwork, ...] = ()
    answers: pd.DataFrame | None = None


@runtime_checkable
class Exporter(Protocol):
    """An export format. A plug-in registers an object of this type in the entry-point group `serbench.exporters`.

    Its module must not import heavy libraries before `write` is called. It may also have a method `prepare(trained)`:
    it is called before anything is written, for what could fail, such as a download. A property `quantises` lists what
    `--quantise` may ask of it, such as `int8`; without it, that option refuses the format. `reads_runtime = True` says
    that it uses the folder of `--runtime`, which is refused where no format does.

    Attributes:
        name: name of the format, as in `serbench export --format NAME`. It equals the name of the entry point.
        description: what the format contains, in one sentence.
        extra: extra of serbench that the format needs, as in `pip install 'serbench[NAME]'`; None for none.
        modules: modules that must be installed, such as those of the extra.
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
        """Writes the model into a folder and checks that it repeats the recorded predictions.

        The folder is temporary: it is moved to its place when this method returns, and removed if it raises.

        Args:
            trained: the model and everything known about it.
            folder: the folder. It is empty if this is the only format; else it holds what the formats before wrote.

        Returns:
            The record of the bundle, equal to the content of `bundle.json`.

        Raises:
            SerbenchError: the model cannot be written in this format, or does not repeat its predictions.
        """
        ...
