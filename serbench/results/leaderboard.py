"""`Leaderboard`: all tested entries of a results folder, in groups that may be compared."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from serbench.evaluation import MIN_SPEAKERS, detectable_difference, paired_spread, tie_groups
from serbench.records import Counted, StudyRecord
from serbench.references import Reported, reported
from serbench.results.choice import choose, validated_on_heard_clips
from serbench.results.damaged import DamagedRecord, damage_notes
from serbench.results.group_entries import GroupEntries
from serbench.results.grouping import Group, why_unranked
from serbench.results.leaderboard_row import DetectableDifference, GroupRows, Row, make_row
from serbench.results.reference_rows import GroupReferences, ReferenceRow
from serbench.results.scored_entry import ScoredEntry

__all__ = ["Leaderboard", "LoadedGroup", "make_group", "make_leaderboard"]


@dataclass(frozen=True)
class Leaderboard:
    """All groups, sorted by corpus and protocol. Empty if nothing was tested yet.

    Attributes:
        groups: rows that may be compared, group by group.
        tested: the scored entries behind the rows; of a folded protocol the pooled folds.
        incomplete: messages about runs that have no row yet, because folds are missing.
        reported: published scores for the corpora of the groups, as their authors reported them.
        damaged: records that could not be read; the notes name them.
        general_notes: notes that belong to no group, `incomplete` among them.
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
        """All rows, group by group, each with the highest UAR first."""
        return tuple(row for group in self.groups for row in group.rows)

    def chosen(self, studies: Collection[str]) -> Row | None:
        """The row that validation chooses among those of some studies, whether or not it is that of its group.

        Entries that fail their checks are not chosen, nor transductive ones, which cannot predict a single clip.

        Args:
            studies: names of studies; folded runs by their name without the fold.
        """
        rows = {row.entry: row for row in self.rows if not row.problems and not row.speaker_normalisation}
        return rows.get(
            choose(one for one in self.tested if one.study.name in studies and one.entry.entry_id in rows) or ""
        )

    @property
    def references(self) -> tuple[ReferenceRow, ...]:
        """All reference rows, group by group."""
        return tuple(row for group in self.groups for row in group.references)

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes; those of a group begin with its title."""
        return (*(f"{group.title}: {note}" for group in self.groups for note in group.notes), *self.general_notes)


@dataclass(frozen=True)
class LoadedGroup:
    """A group with everything that was read for it. Leaderboards are put together from these.

    Attributes:
        rows: the group's rows. The title may change if another group has the same one.
        entries: the scored entries behind the rows, and what is missing.
    """

    rows: GroupRows
    entries: GroupEntries


def make_leaderboard(groups: Iterable[LoadedGroup], damaged: Sequence[DamagedRecord], root: Path) -> Leaderboard:
    """Makes a leaderboard of groups.

    Args:
        groups: the groups to show. A group without rows appears in the notes only.
        damaged: studies whose own records cannot be read.
        root: path of the results folder.
    """
    given = list(groups)
    shown = [one for one in given if one.rows.rows]
    repeated = Counter(one.rows.title for one in shown)
    # Scores on unknown speakers come first: they are what a new user can expect.
    shown.sort(key=lambda one: (one.rows.group.corpus, one.rows.rows[0].shares_speakers, one.rows.group))
    incomplete = tuple(message for _, message in sorted(pair for one in given for pair in one.entries.incomplete))
    without_group = [*damaged, *(lost for one in given if not one.rows.rows for lost in one.entries.damaged)]
    tested = [entry for one in shown for entry in one.entries.scored]
    tested.sort(key=lambda one: (one.study.protocol.folds > 1, one.study.name))
    corpora = sorted({(one.rows.group.corpus, one.rows.group.label_source) for one in shown})
    return Leaderboard(
        groups=tuple(
            one.rows if repeated[one.rows.title] == 1 else replace(one.rows, title=_exact_title(one.rows))
            for one in shown
        ),
        tested=tuple(tested),
        incomplete=incomplete,
        reported=tuple(figure for about in corpora for figure in reported(*about)),
        damaged=(*damaged, *(lost for one in given for lost in one.entries.damaged)),
        general_notes=(*incomplete, *damage_notes(without_group, root)),
    )


def make_group(
    group: Group, entries: GroupEntries, references: GroupReferences | None, root: Path, counted: Counted
) -> GroupRows:
    """Ranks the rows of a group and writes its notes.

    Args:
        group: key of the group.
        entries: the scored entries of the group.
        references: references on the same test set; None if there are no entries.
        root: path of the results folder.
        counted: how often the test set was evaluated.
    """
    members = list(_members(entries))
    if not members or references is None:
        return GroupRows(group, "", (), ())
    study = _representative(one.tested for one in members).study
    ordered = sorted(members, key=lambda one: (bool(one.row.problems), -_sort_key(one.row.uar), one.row.entry))
    rows = [member.row for member in ordered] if why_unranked(study.protocol) else _ranked(ordered)
    unread = [f"reference left out: {message}".replace(f"{root}/", "") for message in references.damaged]
    selected = next((one.tested for one in members if one.row.selected), None)
    power = _power(selected, members, references)
    notes = (
        *_notes(study, members, rows),
        *([power.sentence] if power else []),
        *damage_notes(entries.damaged, root),
        *unread,
    )
    return GroupRows(group, _title(group, study), tuple(rows), notes, references.rows(selected), counted, power)


def _power(
    selected: ScoredEntry | None, members: Sequence[_Member], references: GroupReferences
) -> DetectableDifference | None:
    """The difference that the test set can show, from paired comparisons with the selected entry; None without any."""
    if selected is None or not selected.refits or why_unranked(selected.study.protocol):
        return None
    recalls = selected.recalls
    if recalls.refits < 2 or recalls.speakers < MIN_SPEAKERS or recalls.rare_classes:
        return None
    single = [one.tested for one in members if not one.row.ensemble_of]  # so that ensembles change no table's number
    others = [one for one in single if one is not selected and len(one.refits) > 1 and not one.problems]
    spreads = [paired_spread(recalls, one.recalls) for one in others if selected.comparison(one) is not None]
    found = sorted(detectable_difference(one) for one in [*spreads, *references.spreads(selected)] if one.error > 0)
    return DetectableDifference(statistics.median(found), len(found), recalls.speakers) if found else None


def _representative(entries: Iterable[ScoredEntry]) -> ScoredEntry:
    """The entry whose record says what holds for its group: the first that passes its checks and has a run.

    Without a run, nothing of an entry's record was checked.
    """
    return min(entries, key=lambda one: (bool(one.problems), not one.refits))


class _Member(NamedTuple):
    """An entry of a group: the scored entry, its row, and why it has no interval ('' if it has one)."""

    tested: ScoredEntry
    row: Row
    why: str


def _members(entries: GroupEntries) -> Iterator[_Member]:
    """The rows of a group, without ranks."""
    for tested in entries.scored:
        interval, why = (None, "") if why_unranked(tested.study.protocol) else tested.interval()
        row = make_row(tested, selected=tested.entry.entry_id == entries.chosen, interval=interval)
        yield _Member(tested, row, why)


def _taken_over(study: StudyRecord) -> str:
    """What training took over from other networks; '' if it began with random weights and labels alone."""
    found = []
    if study.init is not None:
        corpora = ", ".join(dict.fromkeys(one.corpus for one in study.init.heard))
        found.append(f"training started from the weights of {study.init.entry} (trained on {corpora})")
    if study.teacher is not None:
        found.append(f"distilled from the out-of-fold answers of {study.teacher.entry}")
    if validated_on_heard_clips(study):
        found.append("what it builds on had heard its validation clips, so its validation score is too high")
    return "; ".join(found)


def _dense(tested: ScoredEntry) -> str:
    """The entry's id if its networks have no convolutions, with their number if only some have none; '' if all do."""
    kinds = [config.get("functionals") == "alone" for config in tested.configs()]
    if not any(kinds):
        return ""
    return tested.entry.entry_id + ("" if all(kinds) else f" ({sum(kinds)} of its {len(kinds)} networks)")


def _notes(study: StudyRecord, members: Sequence[_Member], rows: Sequence[Row]) -> list[str]:
    notes = []
    if study.corpus.synthetic:
        notes.append("synthetic corpus: these scores say nothing about human speech")
    if study.protocol.shares_speakers:
        notes.append("the same people are in training and test: do not expect these scores for a new person")
    if reason := why_unranked(study.protocol):
        notes.append(reason)
    if any(row.uar is None and row.seeds for row in rows):
        notes.append("UAR is not shown ('-') if a class has no clip in the test set")
    notes += _choice_notes(study, rows)
    notes += _check_notes(members)
    notes += sorted({f"{member.row.entry}: {member.why}" for member in members if member.why})
    notes += sorted(
        {
            f"{one.row.entry}: {text}"
            for one in members
            for study in one.tested.together or (one.tested.study,)
            if (text := _taken_over(study))
        }
    )
    dense = [text for one in members if (text := _dense(one.tested))]
    if dense:
        notes.append(f"no convolutions, a dense network on functionals: {', '.join(sorted(dense))}")
    once = any(row.seeds == 1 and row.uar_low is not None for row in rows)
    if once:
        notes.append(
            "trained with one seed only: the interval covers speakers but not seeds. Such an entry is not tested "
            "against others, so it has no tie group"
        )
    bags = [f"{row.entry} ({row.bag})" for row in rows if row.bag]
    if bags:
        notes.append(
            f"a bag averages the networks of a cross-validation in one model, which costs as many times as much: "
            f"{', '.join(bags)}"
        )
    if any(row.ensemble_of for row in rows):
        notes.append(
            "an ensemble averages the predictions of a study's finalists, or of the best entry of each family; it is "
            "not a single model"
        )
    if sum(row.tie_group is not None for row in rows) > 1:
        notes.append(
            "rows with the same tie group are a statistical tie with the best of them "
            "(paired test over these test speakers, 5 % level, Holm-corrected); '-': not compared"
        )
    return notes


def _choice_notes(study: StudyRecord, rows: Sequence[Row]) -> list[str]:
    """What choosing between pooled folds cannot help: the speakers that one fold holds back are tested by another."""
    others = [row for row in rows if not row.ensemble_of and not row.bag and not row.problems]
    if study.protocol.folds == 1 or len(others) < 2 or not any(row.selected for row in others):
        return []
    return [
        f"the selected row was chosen among {len(others)} by answers to speakers whom other folds test, so its score "
        "is slightly too high"
    ]


def _check_notes(members: Sequence[_Member]) -> list[str]:
    """What fails its checks, what could not be checked, and what was chosen on speakers that it is tested on."""
    notes = []
    for row in (member.row for member in members if member.row.problems):
        more = f" (and {len(row.problems) - 1} more)" if len(row.problems) > 1 else ""
        notes.append(f"{row.entry} FAILS CHECKS, so it has no rank and is not selected: {row.problems[0]}{more}")
    unchecked: dict[str, list[str]] = {}
    for one in members:
        for text in one.tested.unchecked:
            unchecked.setdefault(text, []).append(one.row.entry)
    notes += [f"not checked for {', '.join(names)}: {text}" for text, names in unchecked.items()]
    by_choice: dict[int, list[str]] = {}
    for row in (member.row for member in members if member.row.chosen_on_tested):
        by_choice.setdefault(row.chosen_on_tested, []).append(row.entry)
    for count, names in sorted(by_choice.items()):
        notes.append(
            f"configurations that the search of {', '.join(names)} began with were chosen on {count} of these test "
            "speakers, so such scores are too high"
        )
    return notes


def _ranked(members: Sequence[_Member]) -> list[Row]:
    """Rows with rank and tie group, best UAR first. A row without a UAR, or that fails its checks, has neither."""
    scored = [member for member in members if member.row.uar is not None and not member.row.problems]
    rows = [member.row for member in members]
    groups = tie_groups(len(scored), lambda leader, other: scored[leader].tested.comparison(scored[other].tested))
    first: dict[float | None, int] = {}
    for place, member in enumerate(scored):  # equal scores share a rank, and the next rank counts them all (1, 1, 3)
        first.setdefault(member.row.uar, place + 1)
    for place, tie_group in enumerate(groups):
        row = rows[place]
        rows[place] = row.model_copy(update={"rank": first[row.uar], "tie_group": tie_group})
    return rows


def _sort_key(uar: float | None) -> float:
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
    """Title with hashes, for groups of the same title: they differ in clips or in cores."""
    group = rows.group
    return f"{rows.title} (clips {group.corpus_digest[:8]}, split {group.protocol_hash[:8]})"
