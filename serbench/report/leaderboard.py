"""`Leaderboard`: every tested entry of a results folder, grouped by what may be compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from serbench.errors import unknown
from serbench.evaluation import tie_groups
from serbench.records.results import ResultsFolder, StudyFolder
from serbench.records.schemas import EntryRecord, StudyRecord
from serbench.report.comparison import Group, choose, group_of, why_unranked
from serbench.report.document import Document
from serbench.report.formats import render
from serbench.report.leaderboard_document import leaderboard_document
from serbench.report.refits import TestedEntry, load_entry
from serbench.report.row import GroupRows, Row, make_row

__all__ = ["Leaderboard"]

SPENT_STATES = ("completed", "pruned")


@dataclass(frozen=True)
class Leaderboard:
    """All groups, by corpus and protocol. Empty where nothing was tested yet."""

    groups: tuple[GroupRows, ...]

    @classmethod
    def from_results(
        cls, results: ResultsFolder, *, corpus: str | None = None, protocol: str | None = None
    ) -> Leaderboard:
        """Makes the leaderboard from records and predictions alone.

        Args:
            results: the folder.
            corpus: only entries of the corpus of this name.
            protocol: only entries under the protocol of this name.

        Raises:
            UsageError: there are entries, but none of that corpus or protocol.
            SerbenchError: a record or predictions are damaged.
        """
        studies = [
            (folder, study, entries) for folder, study in results.studies() if (entries := tuple(folder.entries()))
        ]
        _check_filter("corpus", corpus, [study.corpus.name for _, study, _ in studies])
        _check_filter("protocol", protocol, [study.protocol.name for _, study, _ in studies])
        members: dict[Group, list[_Member]] = defaultdict(list)
        for folder, study, entries in studies:
            if corpus in (None, study.corpus.name) and protocol in (None, study.protocol.name):
                members[group_of(study)] += _study_rows(folder, study, entries)
        titles = {group: _title(group, rows[0].tested.study) for group, rows in members.items()}
        repeated = Counter(titles.values())
        return cls(
            tuple(
                _group_rows(
                    group,
                    titles[group] if repeated[titles[group]] == 1 else _exact_title(titles[group], group),
                    members[group],
                )
                for group in sorted(members)
            )
        )

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows: by group, then the highest UAR first."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know, each with the group that it is about."""
        return tuple(f"{group.title}: {note}" for group in self.groups for note in group.notes)

    def document(self) -> Document:
        """The leaderboard as something that any format can be made of."""
        return leaderboard_document(self.groups, self.notes)

    def render(self, form: str = "table", *, width: int = 80) -> str:
        """The leaderboard as text: `table`, `csv`, `json`, `markdown` or `latex`.

        Raises:
            UsageError: another format was asked for.
        """
        return render(self.document(), form, width=width)


def _check_filter(kind: str, wanted: str | None, known: Sequence[str]) -> None:
    if wanted is not None and known and wanted not in known:
        raise unknown(kind, wanted, set(known), hint="Only those with entries in these results are listed.")


class _Member(NamedTuple):
    """An entry of a group: what was tested, its row, and why it has no interval ('' where it has one)."""

    tested: TestedEntry
    row: Row
    why: str


def _study_rows(folder: StudyFolder, study: StudyRecord, entries: Sequence[EntryRecord]) -> Iterator[_Member]:
    """The study's rows, without ranks."""
    tested = [load_entry(folder, study, entry) for entry in entries]
    chosen = choose(tested)
    trials = sum(record.state in SPENT_STATES for record in folder.jobs("search"))
    ranked = not why_unranked(study.protocol)
    for one in tested:
        interval, why = one.interval() if ranked else (None, "")
        row = make_row(one, selected=one.entry.entry_id == chosen, trials=trials, interval=interval)
        yield _Member(one, row, why)


def _group_rows(group: Group, title: str, members: Sequence[_Member]) -> GroupRows:
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
    if any(row.seeds == 1 and row.uar_low is not None for row in rows):
        notes.append("an interval of one refit holds the spread over speakers alone; entries of one refit are tied")
    if sum(row.tie_group is not None for row in rows) > 1:
        notes.append("rows of one tie group are not separable from its leader by these test speakers (5 %, Holm)")
    return GroupRows(group, title, tuple(rows), tuple(notes))


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
    parts = [group.corpus, f"protocol {group.protocol}", f"{len(group.labels)} labels"]
    if study.protocol.folds > 1:
        parts.append(f"fold {group.fold + 1} of {study.protocol.folds}")
    if study.corpus.synthetic:
        parts.append("synthetic")
    if study.protocol.shares_speakers:
        parts.append("speakers shared")
    return ", ".join(parts)


def _exact_title(title: str, group: Group) -> str:
    """Two groups of one title differ in clips or in cores; their hashes tell them apart."""
    return f"{title} (clips {group.corpus_digest[:8]}, split {group.protocol_hash[:8]})"
