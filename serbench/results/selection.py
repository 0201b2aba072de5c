"""Choice of one entry for a whole set of results, by validation score and never by test score."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from serbench.errors import SerbenchError, UsageError
from serbench.records import none_in, run_name
from serbench.results.leaderboard import Leaderboard
from serbench.results.leaderboard_row import GroupRows, Row

__all__ = ["best_selected", "select_entry"]


def best_selected(board: Leaderboard, studies: Collection[str] | None = None) -> Row | None:
    """The selected entry (there is one a group) with the highest validation score; None if there is none.

    Out-of-fold scores are of more speakers than those of a validation core, and most of these did not choose in the
    search. So an entry without one is not chosen beside entries that have one. Transductive entries are skipped: they
    cannot predict a single clip, so they cannot be exported.

    Args:
        board: the leaderboard.
        studies: choose among all entries of these studies instead.
    """
    if studies is not None:
        return board.chosen({run_name(study) for study in studies})
    rows = [row for row in board.rows if _is_eligible(row)]
    rows = [row for row in rows if row.out_of_fold] or rows
    return max(rows, key=lambda row: (row.validation_score or 0.0, row.entry), default=None)


def select_entry(board: Leaderboard, root: Path) -> Row:
    """The entry to use when none is named: the selected one with the best validation score.

    Args:
        board: the leaderboard.
        root: path of the results folder, for messages.

    Raises:
        SerbenchError: there are no entries, or an unreadable one may be the selected one.
        UsageError: the entries belong to groups that cannot be compared; the message lists them.
    """
    best = best_selected(board)
    groups = [group for group in board.groups if any(map(_may_be_chosen, group.rows))]
    if len(groups) > 1:
        heads = "; ".join(
            f"{group.title}: {next((row.entry for row in group.rows if row.selected), group.rows[0].entry)}"
            for group in groups
        )
        raise UsageError(
            f"{root} holds entries that cannot be compared with each other; name one ({heads}), or narrow "
            "with --corpus and --protocol (in Python corpus= and protocol=)"
        )
    _check_readable(board, groups)
    if best is None and board.rows:
        raise UsageError(
            f"all entries in {root} normalise by speaker (transductive), so none is chosen by default; name one"
        )
    if best is None:
        raise SerbenchError(none_in(root, "entries"))
    return best


def _check_readable(board: Leaderboard, groups: Sequence[GroupRows]) -> None:
    """Raises an error if an entry that is unreadable or fails its checks might be the best one.

    Such an entry is of the same group, or of an unknown one.
    """
    for group in groups:
        for row in group.rows:
            if row.problems:
                raise SerbenchError(
                    f"cannot choose an entry by validation score, because entry {row.entry} fails its checks "
                    f"({row.problems[0]}); mend or remove study '{row.study}', or name an entry"
                )
    elsewhere = {group.group for group in board.groups} - {group.group for group in groups}
    for lost in board.damaged:
        if lost.kind != "fit" and lost.group not in elsewhere:
            raise SerbenchError(
                f"cannot choose an entry by validation score, because {lost.name} cannot be read: {lost.sentence}; "
                "or name an entry"
            )


def _may_be_chosen(row: Row) -> bool:
    return not row.speaker_normalisation and not row.ensemble_of and row.validation_score is not None


def _is_eligible(row: Row) -> bool:
    return row.selected and not row.speaker_normalisation
