"""`ReferenceReport`: all numbers of one reference, or of brought predictions, on a test set."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field

from serbench.corpora import vote_shares
from serbench.errors import SerbenchError
from serbench.evaluation import AttributeSlices, judge_slices, vote_scores
from serbench.records import FrozenModel
from serbench.results.attributes import clip_attributes, slice_notes
from serbench.results.clip_rows import clips_by_id
from serbench.results.entry import ClassRow
from serbench.results.reference_rows import GroupReferences, PooledAnswers, ReferenceRow
from serbench.results.scored_entry import ScoredEntry
from serbench.results.votes import VoteRow, entry_votes, vote_row

__all__ = ["ReferenceReport", "SliceRow", "SliceTable"]

_PERMUTATIONS = 0x511CE  # the stream that an audit permutes slices with


class SliceRow(FrozenModel):
    """Scores on the clips with one value of an attribute, as fractions. `recall` is over classes in every slice."""

    value: str
    clips: int
    speakers: int
    accuracy: float
    recall: float | None
    low: float | None = Field(description="lower end of the 95 % interval of the recall over speakers")
    high: float | None


class SliceTable(FrozenModel):
    """The slices of one attribute."""

    attribute: str
    gap: float | None = Field(description="largest minus smallest recall")
    by_chance: float | None = Field(description="95th percentile of the gap if the attribute had nothing to do with it")
    p_value: float | None = Field(
        description="of a permutation test, Holm-corrected for all attributes; None where speakers are too few to test"
    )
    slices: tuple[SliceRow, ...]

    @classmethod
    def of(cls, found: AttributeSlices) -> SliceTable:
        """Makes the table of the slices of one attribute."""
        rows = tuple(
            SliceRow(
                value=one.value,
                clips=one.clips,
                speakers=one.speakers,
                accuracy=one.accuracy,
                recall=one.recall,
                low=one.interval.low if one.interval else None,
                high=one.interval.high if one.interval else None,
            )
            for one in found.slices
        )
        tested = found.corrected is not None
        return cls(
            attribute=found.attribute,
            gap=found.gap,
            by_chance=found.by_chance if tested else None,
            p_value=found.corrected if tested else None,
            slices=rows,
        )


class ReferenceReport(FrozenModel):
    """One reference in full."""

    row: ReferenceRow
    selected: str | None = Field(description="the entry that it is compared with")
    per_class: tuple[ClassRow, ...]
    confusion: tuple[tuple[float, ...], ...] = Field(description="clips; rows true, columns predicted")
    slices: tuple[SliceTable, ...]
    slice_notes: tuple[str, ...] = Field((), description="why clips are in no slice by an attribute")
    votes: tuple[VoteRow, ...] = Field(description="empty where the corpus has no votes")

    @classmethod
    def of(
        cls, references: GroupReferences, name: str, clips: pd.DataFrame, seed: int, selected: ScoredEntry | None
    ) -> ReferenceReport:
        """Makes the report of a reference.

        Args:
            references: the references of the test set.
            name: that of the reference.
            clips: clip table of a study with this test set.
            seed: seed of the study, for the permutations of slices.
            selected: the selected entry of the group; None if there is none.

        Raises:
            UsageError: there is no reference of that name.
            SerbenchError: it is damaged, or tests clips that the table lacks.
        """
        answers = references.answers(name)
        listed = clips_by_id(clips)
        if lacking := [clip for clip in answers.clips if clip not in listed.index]:
            raise SerbenchError(f"clips.parquet lacks clip '{lacking[0]}' of reference '{name}'; restore it")
        rows = listed.loc[list(answers.clips)]
        return cls(
            row=references.row(name, selected),
            selected=selected.entry.entry_id if selected else None,
            per_class=tuple(
                ClassRow(
                    label=one.label,
                    precision=one.precision,
                    recall=one.recall,
                    f1=one.f1,
                    support=one.support,
                    correct=one.correct,
                )
                for one in answers.scores.per_class
            ),
            confusion=tuple(tuple(float(cell) for cell in line) for line in answers.scores.confusion),
            slices=_slices(answers, rows, seed, tested=references.has_intervals(answers)),
            slice_notes=slice_notes(rows) if _decides(answers) else (),
            votes=_votes(answers, rows, selected),
        )


def _decides(answers: PooledAnswers) -> bool:
    """Whether each clip has one label; chance and listeners divide a clip between labels."""
    return bool(np.allclose(answers.shares.max(axis=1), 1))


def _slices(answers: PooledAnswers, rows: pd.DataFrame, seed: int, *, tested: bool) -> tuple[SliceTable, ...]:
    if not _decides(answers):
        return ()
    found = judge_slices(
        answers.true,
        [answers.shares.argmax(axis=1)],
        answers.speakers,
        answers.record.labels,
        clip_attributes(rows),
        np.random.default_rng([_PERMUTATIONS, seed]),
    )
    return tuple(SliceTable.of(one if tested else one.without_tests()) for one in found)


def _votes(answers: PooledAnswers, rows: pd.DataFrame, selected: ScoredEntry | None) -> tuple[VoteRow, ...]:
    if "votes" not in rows or answers.record.name == "listeners":
        return ()
    given = answers.shares if answers.given is None else answers.given
    votes = vote_shares(rows["votes"], answers.record.labels)
    found = [vote_row(answers.record.title, [vote_scores(given, votes)])]
    if selected is not None and selected.refits and set(selected.refits[0].test_clips) == set(answers.clips):
        found.append(entry_votes(selected, rows, f"{selected.entry.entry_id} (selected)"))
    return tuple(row for row in found if row is not None)
