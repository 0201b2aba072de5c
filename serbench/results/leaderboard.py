"""`Leaderboard`: every tested entry of a results folder, grouped by what may be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from serbench.evaluation import tie_groups
from serbench.records import StudyRecord
from serbench.references import Reported, reported
from serbench.results.damaged import DamagedRecord, damage_notes
from serbench.results.group_entries import GroupEntries, StudyEntries
from serbench.results.grouping import Group, why_unranked
from serbench.results.leaderboard_row import GroupRows, Row, make_row
from serbench.results.reference_rows import GroupReferences, ReferenceRow
from serbench.results.scored_entry import ScoredEntry

__all__ = ["Leaderboard", "LoadedGroup", "make_group", "make_leaderboard"]


@dataclass(frozen=True)
class Leaderboard:
    """All groups, by corpus and protocol. Empty where nothing was tested yet.

    Attributes:
        groups: of rows.
        tested: what the rows were made of; under a folded protocol the pooled folds.
        incomplete: runs that make no row yet, since folds of them are missing.
        damaged: what could not be read; the notes tell of it.
        reported: figures from the literature for the corpora of the groups, as their authors reported them.
        general_notes: what a reader must know and stands in the notes of no group, `incomplete` included.
    """

    groups: tuple[GroupRows, ...]
    tested: tuple[ScoredEntry, ...] = field(default=(), repr=False)
    incomplete: tuple[str, ...] = ()
    reported: tuple[Reported, ...] = ()
    damaged: tuple[DamagedRecord, ...] = ()
    general_notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Leaderboard({len(self.rows)} rows in {len(self.groups)} groups)"

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows: by group, then the highest UAR first."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def references(self) -> tuple[ReferenceRow, ...]:
        """What the rows are compared with, by group."""
        return tuple(row for group in self.groups for row in group.references)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, each with the group that it is about."""
        return (*(f"{group.title}: {note}" for group in self.groups for note in group.notes), *self.general_notes)


@dataclass(frozen=True)
class LoadedGroup:
    """A group with all that was read of it, of which leaderboards are put together.

    Attributes:
        rows: the group's rows, as long as no other group has the same title.
        entries: what the rows were made of, and what is missing.
    """

    rows: GroupRows
    entries: GroupEntries


def make_leaderboard(groups: Iterable[LoadedGroup], damaged: Sequence[DamagedRecord], root: Path) -> Leaderboard:
    """Puts groups together.

    Args:
        groups: all that may be shown; one without rows is only told of.
        damaged: studies whose own records cannot be read.
        root: of the results.
    """
    given = list(groups)
    shown = [one for one in given if one.rows.rows]
    repeated = Counter(one.rows.title for one in shown)
    # What holds for unknown speakers comes first.
    shown.sort(key=lambda one: (one.rows.group.corpus, one.rows.rows[0].shares_speakers, one.rows.group))
    incomplete = tuple(said for _, said in sorted(pair for one in given for pair in one.entries.incomplete))
    homeless = [*damaged, *(lost for one in given if not one.rows.rows for lost in one.entries.damaged)]
    studies = [study for one in shown for study in one.entries.studies]
    studies.sort(key=lambda study: (study.entries[0].study.protocol.folds > 1, study.entries[0].study.name))
    corpora = sorted({(one.rows.group.corpus, one.rows.group.label_source) for one in shown})
    return Leaderboard(
        groups=tuple(
            one.rows if repeated[one.rows.title] == 1 else replace(one.rows, title=_exact_title(one.rows))
            for one in shown
        ),
        tested=tuple(entry for study in studies for entry in study.entries),
        incomplete=incomplete,
        reported=tuple(figure for about in corpora for figure in reported(*about)),
        damaged=(*damaged, *(lost for one in given for lost in one.entries.damaged)),
        general_notes=(*incomplete, *damage_notes(homeless, root)),
    )


def make_group(group: Group, entries: GroupEntries, references: GroupReferences | None, root: Path) -> GroupRows:
    """The rows of a group, ranked, with its notes.

    Args:
        group: which it is.
        entries: of the group.
        references: on the same test core; None where there are no entries.
        root: of the results.
    """
    members = [member for study in entries.studies for member in _members(study)]
    if not members or references is None:
        return GroupRows(group, "", (), ())
    study = members[0].tested.study
    ordered = sorted(members, key=lambda member: (-_or_nothing(member.row.uar), member.row.entry))
    rows = [member.row for member in ordered] if why_unranked(study.protocol) else _ranked(ordered)
    unread = [f"a reference is left out: {said}".replace(f"{root}/", "") for said in references.damaged]
    notes = (*_notes(study, members, rows), *damage_notes(entries.damaged, root), *unread)
    return GroupRows(group, _title(group, study), tuple(rows), notes, references.rows)


class _Member(NamedTuple):
    """An entry of a group: what was tested, its row, and why it has no interval ('' where it has one)."""

    tested: ScoredEntry
    row: Row
    why: str


def _members(study: StudyEntries) -> Iterator[_Member]:
    """The rows of one study, without ranks."""
    ranked = not why_unranked(study.entries[0].study.protocol)
    for tested in study.entries:
        interval, why = tested.interval() if ranked else (None, "")
        row = make_row(tested, selected=tested.entry.entry_id == study.chosen, interval=interval)
        yield _Member(tested, row, why)


def _notes(study: StudyRecord, members: Sequence[_Member], rows: Sequence[Row]) -> list[str]:
    """What a reader of these rows must know."""
    notes = []
    if study.corpus.synthetic:
        notes.append("a synthetic corpus: these scores say nothing of human speech")
    if study.protocol.shares_speakers:
        notes.append("test speakers were also trained on: scores are higher than on unknown speakers")
    if reason := why_unranked(study.protocol):
        notes.append(reason)
    if any(row.uar is None and row.seeds for row in rows):
        notes.append("UAR is not shown ('-') where a class has no clip in the test core")
    notes += sorted({f"{member.row.entry}: {member.why}" for member in members if member.why})
    once = any(row.seeds == 1 and row.uar_low is not None for row in rows)
    if once:
        notes.append(
            "an interval of one refit holds the spread over speakers alone; an entry of one refit is compared with no "
            "other, and stays in the tie group above it whatever its score"
        )
    if any(row.ensemble_of for row in rows):
        notes.append("an ensemble averages the answers of a study's finalists; it is no single model")
    if sum(row.tie_group is not None for row in rows) > 1:
        which = "the other rows" if once else "rows"
        notes.append(f"{which} of one tie group are not separable from its leader by these test speakers (5 %, Holm)")
    return notes


def _ranked(members: Sequence[_Member]) -> list[Row]:
    """Rows, best UAR first, with their rank and tie group. One without a UAR has neither."""
    scored = [member for member in members if member.row.uar is not None]
    rows = [member.row for member in members]
    groups = tie_groups(len(scored), lambda leader, other: scored[leader].tested.comparison(scored[other].tested))
    for place, tie_group in enumerate(groups):
        row = rows[place]
        rows[place] = row.model_copy(update={"rank": _rank(row.uar or 0.0, rows), "tie_group": tie_group})
    return rows


def _rank(uar: float, rows: Sequence[Row]) -> int:
    """Equal scores share a rank; the next rank counts them all (1, 1, 3)."""
    return 1 + sum(_or_nothing(row.uar) > uar for row in rows)


def _or_nothing(uar: float | None) -> float:
    return -1.0 if uar is None else uar


def _title(group: Group, study: StudyRecord) -> str:
    parts = [group.corpus, f"protocol {group.protocol}", f"{len(group.labels)} {group.label_source} labels"]
    if study.protocol.folds > 1:
        parts.append(f"{study.protocol.folds} folds pooled")
    if study.corpus.synthetic:
        parts.append("synthetic")
    if study.protocol.shares_speakers:
        parts.append("speakers shared")
    if study.protocol.speaker_normalisation:
        parts.append("transductive")
    return ", ".join(parts)


def _exact_title(rows: GroupRows) -> str:
    """Two groups of one title differ in clips or in cores; their hashes tell them apart."""
    group = rows.group
    return f"{rows.title} (clips {group.corpus_digest[:8]}, split {group.protocol_hash[:8]})"
