"""Who speaks, as (corpus, speaker): alike for a corpus alone and as a part of several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

    from serbench.records import CorpusFacts, StudyRecord

__all__ = ["is_acted", "parts_of", "people_of", "recorded_names", "starts_from_its_corpus"]

_ONE_CORPUS: Final = {"folder", "table", "audformat"}
_ACTED: Final = frozenset({"crema-d", "emo-db", "ravdess", "savee", "tess"})
"""serbench's own corpora of human speech: actors spoke given sentences in given emotions."""
_MAPPED: Final = re.compile(r"^([^/]+)-(?:four|big6|map[0-9a-f]{6})(?=/|$)")
"""What `name_suffix` appends to the name of a corpus under a label map."""


def parts_of(corpus: CorpusFacts) -> tuple[str, ...]:
    """Returns the names of the corpora that a corpus consists of.

    A user's own corpus is its only part. Under a label map it keeps the name that it has without one: the people are
    the same.
    """
    choice = corpus.choice
    if choice is None:
        return (corpus.name,)
    if not set(choice.parts) & _ONE_CORPUS:
        return choice.parts
    renamed = choice.map or choice.keep or choice.drop
    return (_MAPPED.sub(r"\1", corpus.name) if renamed else corpus.name,)


def is_acted(corpus: CorpusFacts) -> bool:
    """Whether all that is trained on is known to be acted: speech of serbench's own named corpora alone."""
    choice = corpus.choice
    if choice is None:
        return corpus.name in _ACTED
    return set(choice.parts) <= _ACTED.difference(choice.own)


def recorded_names(names: Iterable[str]) -> set[str]:
    """Returns names of parts or people from a record or a space, in all forms in which `people_of` may name them.

    Earlier versions recorded a user's own corpus under a label map with the suffix of the map.

    >>> sorted(recorded_names(["recordings-four/anna", "crema-d/1001"]))
    ['crema-d/1001', 'recordings-four/anna', 'recordings/anna']

    Args:
        names: each 'corpus' or 'corpus/speaker'.
    """
    return {form for name in names for form in (name, _MAPPED.sub(r"\1", name))}


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
        one.digest == own.digest or bool(recorded_names(one.parts) & set(parts_of(own))) for one in record.init.heard
    )
