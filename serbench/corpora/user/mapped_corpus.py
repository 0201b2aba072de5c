"""`MappedCorpus`: a corpus under other names for its labels."""

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
    """Another corpus, whose clips are relabelled or left out after they were listed."""

    inner: Corpus
    map: LabelMap

    def parse(self, path: Path) -> NameFacts | None:
        """As the corpus itself reads it, under its own label."""
        return self.inner.parse(path)

    def speaker_facts(self, folder: Path) -> Mapping[str, SpeakerFacts]:
        """As the corpus itself knows them."""
        return self.inner.speaker_facts(folder)

    def default_folder(self) -> Path:
        """That of the corpus itself."""
        return self.inner.default_folder()

    def prepare(self, folder: Path | None = None, progress: Progress | None = None) -> Path:
        """As the corpus itself is prepared."""
        return self.inner.prepare(folder, progress)

    def read(self, folder: Path) -> Listing:
        """The clips under their new labels."""
        return self.map.apply(self.inner.read(folder))


def mapped(inner: Corpus, labels: LabelMap, **changes: Any) -> MappedCorpus:
    """A corpus under a label map.

    Args:
        inner: the corpus.
        labels: the map.
        changes: fields that differ from the corpus's own, e.g. `name`.
    """
    own = {field.name: getattr(inner, field.name) for field in fields(Corpus)}
    return MappedCorpus(**(own | {"labels": (), "expected_clips": None} | changes), inner=inner, map=labels)
