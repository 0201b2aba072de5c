"""`CorpusView`: the clips of a corpus that a search would use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from serbench.corpora import Corpus, StudyClips, corpus_summary
from serbench.records import LabelSource
from serbench.render import table_of
from serbench.views.markup import notebook_html

__all__ = ["CorpusView"]


class CorpusView:
    """A corpus as it is on disk: usable clips, excluded clips, and problems of the audio."""

    def __init__(self, clips: StudyClips, data: Path | None = None) -> None:
        self._clips = clips
        self._data = data

    @property
    def source(self) -> tuple[Corpus, Path | None, LabelSource]:
        """What a search needs to read the same clips: the corpus, its folder (None for the default), whose labels."""
        return self._clips.corpus, self._data, self._clips.label_source

    @property
    def name(self) -> str:
        """Name of the corpus."""
        return self._clips.corpus.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotion classes."""
        return tuple(self._clips.labels)

    @property
    def clips(self) -> pd.DataFrame:
        """One row per usable clip, indexed by its id: label, speaker, path, duration and other facts of the corpus."""
        table = self._clips.table
        texts = table.select_dtypes(["object", "string"]).columns
        return table.astype(dict.fromkeys(texts, "string")).set_index("clip_id")

    @property
    def excluded(self) -> pd.DataFrame:
        """Excluded clips, indexed by id, each with the reason."""
        table = pd.DataFrame(list(self._clips.excluded), columns=["clip_id", "reason"], dtype="string")
        return table.set_index("clip_id")

    @property
    def findings(self) -> tuple[str, ...]:
        """Problems of the audio to know before training, one sentence each."""
        return tuple(finding.message for finding in self._clips.findings)

    @property
    def summary(self) -> dict[str, Any]:
        """Counts of clips, classes, speakers and hours, with licence and citation, as `serbench corpus show` prints."""
        return corpus_summary(self._clips)

    def __repr__(self) -> str:
        table = self._clips.table
        speakers = table["speaker"].nunique()
        return f"CorpusView('{self.name}', {len(table):,} clips, {speakers:,} speakers, {len(self.labels)} labels)"

    def _repr_html_(self) -> str:
        summary = self.summary
        rows = [(label, f"{count:,}") for label, count in summary["clips_per_label"].items()]
        counts = f"{summary['clips']:,} clips, {summary['speakers']:,} speakers, {summary['hours']:g} h"
        licence = f"Licence: {summary['licence']}" if summary["licence"] else ""
        return notebook_html([table_of(f"{summary['title']}: {counts}", ("label", "clips"), rows)], licence)
