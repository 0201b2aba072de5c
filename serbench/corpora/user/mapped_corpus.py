"""`MappedCorpus`: a corpus with renamed or dropped labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from serbench.corpora.base import Corpus, Listing, NameFacts, SpeakerFacts
from serbench.corpora.user.label_map import LabelMap
from serbench.records import Progress

__all__ = ["MappedCorpus", "mapped"]


@dataclass(frozen=True, kw_only=True)
class MappedCorpus(Corpus):
    """Another corpus, whose clips are relabelled or dropped after listing."""

    inner: Corpus
    map: LabelMap

    def parse(self, path: Path) -> NameFacts | None:
        """Reads a file name as the inner corpus does, with the original label."""
        return self.inner.parse(path)

    def speaker_facts(self, folder: Path) -> Mapping[str, SpeakerFacts]:
        """Returns the facts of the inner corpus."""
        return self.inner.speaker_facts(folder)

    def default_folder(self) -> Path:
        """Returns the default folder of the inner corpus."""
        return self.inner.default_folder()

    def prepare(self, folder: Path | None = None, progress: Progress | None = None) -> Path:
        """Prepares the inner corpus."""
        return self.inner.prepare(folder, progress)

    def read(self, folder: Path) -> Listing:
        """Lists the clips with their new labels."""
        return self.map.apply(self.inner.read(folder))


def mapped(inner: Corpus, labels: LabelMap, **changes: Any) -> MappedCorpus:
    """Applies a label map to a corpus.

    Args:
        inner: the corpus.
        labels: the label map.
        changes: fields that differ from those of the corpus, e.g. `name`.
    """
    own = {field.name: getattr(inner, field.name) for field in fields(Corpus)}
    return MappedCorpus(**(own | {"labels": (), "expected_clips": None} | changes), inner=inner, map=labels)
