"""Comparison groups, the reasons why a row has no rank, and the choice of an entry by validation score."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from serbench.corpora import starts_from_its_corpus
from serbench.evaluation import MIN_SPEAKERS
from serbench.records import EntryRecord, ProtocolFacts, StudyRecord

__all__ = ["Candidate", "Group", "choose", "group_of", "validated_on_heard_clips", "why_unranked"]


class Group(NamedTuple):
    """Key of a comparison group. Rows with equal keys have the same test clips and are ranked together."""

    corpus: str
    protocol: str
    label_source: str
    labels: tuple[str, ...]
    fold: int
    corpus_digest: str
    protocol_hash: str


def group_of(study: StudyRecord) -> Group:
    """The comparison group of a study's entries. All folds of a run share one group, because they are pooled."""
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
    """Why rows under this protocol get neither rank nor interval, in one sentence; '' if they get both.

    With fewer than `MIN_SPEAKERS` test speakers, an interval does not have its nominal coverage, so a ranking means
    little. The validation core needs as many speakers, because the entry was chosen on it. Two cases are exempt: shared
    speakers, because validation then has the same speakers as training; and pooled folds, because each fold chose its
    own entry. A score after normalisation with the test speakers' own clips is not the score of a single clip.
    """
    if protocol.speaker_normalisation:
        return (
            "no rank and no interval: features are normalised with the test speakers' own clips (transductive), "
            "so this is not the score of a single clip"
        )
    cores = {"test": protocol.test_speakers}
    if not protocol.shares_speakers and protocol.folds == 1:
        cores["validation"] = protocol.validation_speakers
    unknown = [core for core in cores if _of_unknown_speakers(protocol, core)]
    if unknown:
        return (
            f"no rank and no interval: the speakers of {' and '.join(unknown)} clips are unknown, so how a score "
            "varies between speakers cannot be estimated"
        )
    small = [f"{count} {core}" for core, count in cores.items() if count < MIN_SPEAKERS]
    if not small:
        return ""
    return (
        f"no rank and no interval: only {' and '.join(small)} speaker{'' if small[-1].startswith('1 ') else 's'}; "
        f"at least {MIN_SPEAKERS} are needed to estimate how a score varies between speakers"
    )


def _of_unknown_speakers(protocol: ProtocolFacts, core: str) -> bool:
    """Whether some clips of a core have no speaker. Records of before do not say; they count one speaker then."""
    return any(one.part == core and one.speakers is None for one in protocol.subsets)


class Candidate(Protocol):
    """An entry with the mean validation score of its refits, as `choose` needs it."""

    @property
    def entry(self) -> EntryRecord:
        """The entry's record."""

    @property
    def validation_score(self) -> float | None:
        """The score out of fold, else the mean of the refits on the validation core; None if one is missing."""

    @property
    def study(self) -> StudyRecord:
        """The record of its study."""


def choose(entries: Iterable[Candidate]) -> str | None:
    """Chooses an entry by validation score, among those of one study or of one group. Test scores play no part.

    The highest validation score wins: out of fold where cross-validation compared the configurations, else the mean of
    the refits on the validation core. Ties are broken in favour of a single network (a bag has the out-of-fold score of
    its members and costs several times as much), then by the higher search value, then by the first id. Ensembles are
    never chosen, because they are not single models.

    An entry that was not compared is not chosen beside others that were: their scores are on different clips. Nor is a
    student, or a network that started from one of the same corpus, beside others: what it builds on knew the labels
    of its validation clips, so its score is too high.

    Returns:
        The entry's id; None if no entry has a validation score.
    """
    # An entry without runs is none that serbench wrote; it may name a score all the same.
    tested = [one for one in entries if one.entry.refits and not one.entry.members]
    candidates = [one for one in tested if one.validation_score is not None]
    candidates = [one for one in candidates if not validated_on_heard_clips(one.study)] or candidates
    candidates = [one for one in candidates if one.entry.out_of_fold is not None] or candidates
    if not candidates:
        return None
    return min(candidates, key=_preference).entry.entry_id


def validated_on_heard_clips(study: StudyRecord) -> bool:
    """Whether networks that a study's fits build on were trained on the clips that validate these fits.

    A teacher's answers to training clips come from networks that know the labels of the other folds, and a network to
    start from may have heard the same corpus. Then validation and out-of-fold scores are too high.
    """
    return study.teacher is not None or starts_from_its_corpus(study)


def _preference(tested: Candidate) -> tuple[float, int, float, str]:
    score, searched = tested.validation_score, tested.entry.search_value
    return (
        math.inf if score is None else -score,
        tested.entry.bag,
        math.inf if searched is None else -searched,
        tested.entry.entry_id,
    )
