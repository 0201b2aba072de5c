"""`Leaderboard`: every tested entry of a results folder, grouped by what may be compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from serbench.errors import SerbenchError
from serbench.evaluation import tie_groups
from serbench.records.results import ResultsFolder
from serbench.records.schemas import StudyRecord
from serbench.references.literature import Reported, reported
from serbench.results.grouping import Group, choose, group_of, why_unranked
from serbench.results.leaderboard_row import GroupRows, Row, make_row
from serbench.results.load_entries import load_entries
from serbench.results.reference_rows import ReferenceRow, reference_rows
from serbench.results.scored_entry import ScoredEntry

__all__ = ["Leaderboard"]


@dataclass(frozen=True)
class Leaderboard:
    """All groups, by corpus and protocol. Empty where nothing was tested yet.

    Attributes:
        groups: of rows.
        tested: what the rows were made of; under a folded protocol the pooled folds.
        incomplete: runs that make no row yet, since folds of them are missing.
        reported: figures from the literature for the corpora of the groups, as their authors reported them.
    """

    groups: tuple[GroupRows, ...]
    tested: tuple[ScoredEntry, ...] = field(default=(), repr=False)
    incomplete: tuple[str, ...] = ()
    reported: tuple[Reported, ...] = ()

    @classmethod
    def from_results(
        cls,
        results: ResultsFolder,
        *,
        corpus: str | None = None,
        protocol: str | None = None,
        ensembles: bool = False,
    ) -> Leaderboard:
        """Makes the leaderboard from records and predictions alone.

        Args:
            results: the folder.
            corpus: only entries of the corpus of this name.
            protocol: only entries under the protocol of this name.
            ensembles: whether the finalists of each study also make an ensemble, a row of its own.

        Raises:
            UsageError: there are entries, but none of that corpus or protocol.
            SerbenchError: a record or predictions are damaged.
        """
        found = load_entries(results, corpus, protocol, ensembles=ensembles)
        members: dict[Group, list[_Member]] = defaultdict(list)
        for tested in found.studies:
            members[group_of(tested[0].study)] += _members(tested)
        titles = {group: _title(group, rows[0].tested.study) for group, rows in members.items()}
        repeated = Counter(titles.values())
        corpora = sorted({(group.corpus, group.label_source) for group in members})
        return cls(
            tuple(
                _group_rows(
                    group,
                    titles[group] if repeated[titles[group]] == 1 else _exact_title(titles[group], group),
                    members[group],
                    results,
                )
                # What holds for unknown speakers comes first.
                for group in sorted(members, key=lambda one: (one.corpus, members[one][0].row.shares_speakers, one))
            ),
            tuple(one for tested in found.studies for one in tested),
            found.notes,
            tuple(figure for about in corpora for figure in reported(*about)),
        )

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
        return (*(f"{group.title}: {note}" for group in self.groups for note in group.notes), *self.incomplete)


class _Member(NamedTuple):
    """An entry of a group: what was tested, its row, and why it has no interval ('' where it has one)."""

    tested: ScoredEntry
    row: Row
    why: str


def _members(entries: Sequence[ScoredEntry]) -> Iterator[_Member]:
    """The rows of one study, without ranks."""
    chosen = choose(entries)
    ranked = not why_unranked(entries[0].study.protocol)
    for tested in entries:
        interval, why = tested.interval() if ranked else (None, "")
        yield _Member(tested, make_row(tested, selected=tested.entry.entry_id == chosen, interval=interval), why)


def _group_rows(group: Group, title: str, members: Sequence[_Member], results: ResultsFolder) -> GroupRows:
    study = members[0].tested.study
    reason = why_unranked(study.protocol)
    ordered = sorted(members, key=lambda member: (-_or_nothing(member.row.uar), member.row.entry))
    rows = [member.row for member in ordered]
    if not reason:
        rows = _ranked(ordered)
    notes = []
    if study.corpus.synthetic:
        notes.append("a synthetic corpus: these scores say nothing of human speech")
    if study.protocol.shares_speakers:
        notes.append("test speakers were also trained on: scores are higher than on unknown speakers")
    if reason:
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

    def damaged(error: SerbenchError) -> None:
        notes.append(f"a reference is left out: {error}".replace(f"{results.root}/", ""))  # the site is sent to others

    references = reference_rows(results, study, damaged)
    return GroupRows(group, title, tuple(rows), tuple(notes), references)


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


def _exact_title(title: str, group: Group) -> str:
    """Two groups of one title differ in clips or in cores; their hashes tell them apart."""
    return f"{title} (clips {group.corpus_digest[:8]}, split {group.protocol_hash[:8]})"
