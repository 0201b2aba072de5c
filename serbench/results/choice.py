"""`choose`: the choice of an entry among those of a study or of a group, by validation score."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

from serbench.corpora import starts_from_its_corpus
from serbench.records import EntryRecord, StudyRecord

__all__ = ["Candidate", "choose", "validated_on_heard_clips"]


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
