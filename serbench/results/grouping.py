"""Which rows may be compared with which, what keeps a row from a rank, and which entry validation chooses."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from serbench.evaluation import MIN_SPEAKERS
from serbench.records import EntryRecord, ProtocolFacts, StudyRecord

__all__ = ["Candidate", "Group", "choose", "group_of", "why_unranked"]


class Group(NamedTuple):
    """Rows are ranked against each other only where all of this is equal: they then test the same clips."""

    corpus: str
    protocol: str
    label_source: str
    labels: tuple[str, ...]
    fold: int
    corpus_digest: str
    protocol_hash: str


def group_of(study: StudyRecord) -> Group:
    """The comparison group of a study's entries; all folds of a run are in one, since they are pooled."""
    corpus, protocol = study.corpus, study.protocol
    return Group(
        corpus.name,
        protocol.name,
        corpus.label_source,
        corpus.labels,
        0 if protocol.folds > 1 else protocol.fold,
        corpus.digest,
        protocol.hash,
    )


def why_unranked(protocol: ProtocolFacts) -> str:
    """Why rows under this protocol get neither rank nor interval, in one sentence; '' where they get both.

    Over fewer than `MIN_SPEAKERS` speakers no interval covers what it says, so an order of scores means little.
    The validation core counts too, since the entry was chosen on it; not so where speakers are shared, since
    validation there stands for the same speakers as training does, nor over pooled folds, which chose for
    themselves. What was normalised by the test speakers' own clips is no score of a clip.
    """
    if protocol.speaker_normalisation:
        return (
            "no rank and no interval: normalised by the test speakers' own clips (transductive), so no score of a clip"
        )
    cores = {"test": protocol.test_speakers}
    if not protocol.shares_speakers and protocol.folds == 1:
        cores["validation"] = protocol.validation_speakers
    small = [f"{count} {core}" for core, count in cores.items() if count < MIN_SPEAKERS]
    if not small:
        return ""
    return (
        f"no rank and no interval: {' and '.join(small)} speaker{'' if small[-1].startswith('1 ') else 's'}, "
        f"and fewer than {MIN_SPEAKERS} do not tell how a score varies with the speaker"
    )


class Candidate(Protocol):
    """What validation chooses among: an entry with the mean validation score of its refits."""

    @property
    def entry(self) -> EntryRecord:
        """The entry's record."""

    @property
    def validation_score(self) -> float | None:
        """The mean over refits of the study's objective on the validation core; None where one is missing."""


def choose(entries: Iterable[Candidate]) -> str | None:
    """The id of the entry of one study that validation chooses; None where no entry has a validation score.

    An ensemble is no single model and is never chosen.

    The highest mean validation score of the refits wins; of equals the higher search value, then the first id.
    The test set has no say.
    """
    candidates = [one for one in entries if one.validation_score is not None and not one.entry.members]
    if not candidates:
        return None
    return min(candidates, key=_preference).entry.entry_id


def _preference(tested: Candidate) -> tuple[float, float, str]:
    score, searched = tested.validation_score, tested.entry.search_value
    return (
        math.inf if score is None else -score,
        math.inf if searched is None else -searched,
        tested.entry.entry_id,
    )
