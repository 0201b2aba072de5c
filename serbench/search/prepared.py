"""`prepared_studies`: the studies that a search will open, each checked before the first of them is searched.

What a study began with is kept: by the study itself, and by folds still to come of a run that has begun.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from serbench.corpora import StudyClips
from serbench.errors import UsageError
from serbench.protocols import Ratio, SplitPlan, SplitProtocol
from serbench.records import ResultsFolder, StudyRecord, WarmStart
from serbench.search.chosen_on import chosen_on
from serbench.search.new_record import new_study_record, space_study
from serbench.search.plan import SearchPlan
from serbench.search.studies.differences import check_unchanged
from serbench.search.studies.split_columns import check_split_columns
from serbench.search.transfer.heard import StudySplit
from serbench.search.transfer.resolve import with_transfer
from serbench.search.warm_start import load_warm_start
from serbench.spaces import SearchSpace
from serbench.training import can_paste

__all__ = ["Prepared", "check_begun", "prepared_studies"]

_AS_BEGUN = ("draws_by_fold", "late_kicks", "precision")
"""Of a record: a fold still to come draws and trains as those before it."""


@dataclass(frozen=True)
class Prepared:
    """A study that was checked and can be opened."""

    space: SearchSpace
    record: StudyRecord
    split_plan: SplitPlan


def prepared_studies(
    plan: SearchPlan, clips: StudyClips, results: ResultsFolder, backend: str, *, provisional: bool = False
) -> list[list[Prepared]]:
    """Returns the studies of each space, one for each fold of its protocol.

    Args:
        plan: the search plan.
        clips: clips of its corpus.
        results: results folder of the studies.
        backend: Keras backend.
        provisional: whether clips may still be left out, as those are that have no features. Then the studies are not
            yet those to open: see `with_transfer`.

    Raises:
        SerbenchError: a space does not fit the corpus, the clips are split in another way than before, or what the
            studies build on is missing or has heard a test speaker.
    """
    preparation = _Preparation(plan, clips, results, backend, provisional)
    prepared = [preparation.studies(space) for space in plan.spaces]
    records = [one.record for studies in prepared for one in studies]
    check_split_columns(results, records, clips.table)
    return prepared


def check_begun(results: ResultsFolder, prepared: Iterable[Iterable[Prepared]]) -> None:
    """Checks that the studies which have begun go on with the settings that they began with.

    Args:
        results: results folder of the studies.
        prepared: the studies of each space, with the clips that they will have.

    Raises:
        UsageError: one was begun with other settings.
        SerbenchError: a record is damaged.
    """
    for one in itertools.chain.from_iterable(prepared):
        folder = results.study(one.record.name)
        if folder.record_path.exists():
            check_unchanged(folder.record(), one.record)


@dataclass(frozen=True)
class _Preparation:
    plan: SearchPlan
    clips: StudyClips
    results: ResultsFolder
    backend: str
    provisional: bool

    def studies(self, space: SearchSpace) -> list[Prepared]:
        """Checks a space, and returns its studies."""
        protocol = SplitProtocol(
            self.plan.protocol_of(space),
            space.test_core,
            space.validation_core,
            self.plan.split_seed,
            space.speaker_normalisation,
        )
        begun = self._begun(space, protocol)
        protocol, reads_votes = _as_begun(begun, space, protocol)
        _check_corpus(space, self.clips, reads_votes=reads_votes, pastes=begun is None and space.uses("copy_paste"))
        plans = protocol.plans(self.clips.table)
        found = []
        for split_plan in plans:
            for text in space.ratios():
                protocol.check(self.clips.table, split_plan, Ratio.parse(text))
            record = new_study_record(
                self.plan,
                space,
                self.clips,
                protocol,
                split_plan,
                folds=len(plans),
                backend=self.backend,
                reads_votes=reads_votes,
            )
            record = self._going_on(record, begun, space, split_plan)
            split = StudySplit(record, self.clips.table, split_plan)
            record = with_transfer(self.results, split, self.plan.init, self.plan.teacher, provisional=self.provisional)
            found.append(Prepared(space, record, split_plan))
        return found

    def _begun(self, space: SearchSpace, protocol: SplitProtocol) -> StudyRecord | None:
        """Returns the record of a study that this search resumes, of any fold; None if it begins anew."""
        name = space_study(self.plan, space, self.clips, protocol)
        if protocol.folded:
            known = self.results.folds(name)
        else:
            known = [one for one in self.results.study_names() if one == name]
        return self.results.study(known[0]).record() if known else None

    def _going_on(
        self, record: StudyRecord, begun: StudyRecord | None, space: SearchSpace, split_plan: SplitPlan
    ) -> StudyRecord:
        """Adds to a new record what the study builds on; if it or its run has begun, as it was begun."""
        folder = self.results.study(record.name)
        known = folder.record() if folder.record_path.exists() else begun
        kept: dict[str, Any] = {} if begun is None else {name: getattr(begun, name) for name in _AS_BEGUN}
        if known is not None and self.plan.sampler is None:
            kept["sampler"] = known.sampler
        kept["warm_start"] = self._warm_start(known, space, split_plan)
        kept["chosen_on"] = chosen_on(space, self.clips.table, record.corpus)
        return record.model_copy(update=kept)

    def _warm_start(self, known: StudyRecord | None, space: SearchSpace, split_plan: SplitPlan) -> WarmStart | None:
        asked = self.plan.warm_start
        if known is not None and (asked is None or (known.warm_start and known.warm_start.study == asked)):
            return known.warm_start
        if asked is None:
            return None
        test = split_plan.core_split.test
        return load_warm_start(self.results, asked, space, set(self.clips.table["digest"].iloc[list(test)]))


def _as_begun(begun: StudyRecord | None, space: SearchSpace, protocol: SplitProtocol) -> tuple[SplitProtocol, bool]:
    """Returns the protocol, and whether fits read the listeners' votes, as recorded where the study has begun.

    Older records hold no digest of the votes if enqueued configurations alone read them; such a study goes on.
    """
    if begun is None:
        return protocol, space.reads_votes
    earlier = begun.protocol
    protocol = replace(
        protocol,
        least_validation=earlier.least_validation,
        every_class=earlier.every_class,
        counts_validation=earlier.counts_validation,
    )
    same = begun.space_hash == space.hash
    return protocol, begun.corpus.votes is not None if same else space.reads_votes


def _check_corpus(space: SearchSpace, clips: StudyClips, *, reads_votes: bool, pastes: bool) -> None:
    """Checks that a corpus has what a space trains on."""
    if reads_votes and clips.table["votes"].isna().all():
        raise UsageError(
            f"space '{space.name}' uses soft_labels, which train on what listeners heard, but corpus "
            f"'{clips.corpus.name}' has no votes; remove soft_labels from the space"
        )
    if pastes and not can_paste(clips.table):
        raise UsageError(
            f"space '{space.name}' uses copy_paste, which puts a neutral clip beside another one of the same speaker, "
            f"but no known speaker of corpus '{clips.corpus.name}' has both; remove copy_paste from the space"
        )
