"""Who speaks, as (corpus, speaker): alike for a corpus alone and as a part of several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from serbench.records import CorpusFacts, StudyRecord

__all__ = ["parts_of", "people_of", "starts_from_its_corpus"]

_ONE_CORPUS = {"folder", "table", "audformat"}


def parts_of(corpus: CorpusFacts) -> tuple[str, ...]:
    """Returns the names of the corpora that a corpus consists of; one of a person's own has one part, itself."""
    choice = corpus.choice
    return (corpus.name,) if choice is None or set(choice.parts) & _ONE_CORPUS else choice.parts


def people_of(clips: pd.DataFrame, corpus: CorpusFacts) -> Iterator[tuple[str, str]]:
    """Yields the speaker of each clip as (corpus, speaker).

    Args:
        clips: a clip table.
        corpus: facts about the corpus.
    """
    speakers = clips["speaker"].astype(str)
    parts = clips["corpus"].astype(str) if "corpus" in clips else [parts_of(corpus)[0]] * len(clips)
    return ((part, speaker.removeprefix(f"{part}/")) for part, speaker in zip(parts, speakers, strict=True))


def starts_from_its_corpus(record: StudyRecord) -> bool:
    """Whether the fits of a study start from a network that has heard clips of the study's corpus, or of a part."""
    own = record.corpus
    return record.init is not None and any(
        one.digest == own.digest or bool(set(one.parts) & set(parts_of(own))) for one in record.init.heard
    )
