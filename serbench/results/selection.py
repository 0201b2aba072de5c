"""Which entry stands for a whole set of results: the one validation chooses, never the best on the test."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from serbench.errors import SerbenchError, UsageError
from serbench.results.leaderboard import Leaderboard
from serbench.results.leaderboard_row import GroupRows, Row
from serbench.results.pooled import run_name

__all__ = ["best_selected", "select_entry"]


def best_selected(board: Leaderboard, studies: Collection[str] | None = None) -> Row | None:
    """Of the selected entries (one a study), the one with the highest mean validation score, if there is any.

    Transductive entries are passed over: they answer for no single clip and cannot be exported.

    Args:
        board: the leaderboard.
        studies: only entries of these studies.
    """
    names = None if studies is None else {run_name(study) for study in studies}
    rows = [row for row in board.rows if _may_stand(row) and (names is None or row.study in names)]
    return max(rows, key=lambda row: (row.validation_score or 0.0, row.entry), default=None)


def select_entry(board: Leaderboard, root: Path) -> Row:
    """The entry that is meant when none is named.

    Args:
        board: the leaderboard.
        root: of the results, to name it.

    Raises:
        SerbenchError: there are no entries, or one that may be the selected one cannot be read.
        UsageError: they belong to several groups that cannot be compared; they are listed.
    """
    best = best_selected(board)
    if best is not None and best.folds > 1:
        raise UsageError(
            f"entry '{best.entry}' pools {best.folds} folds and is no single model; name an entry, or search with "
            "--protocol speaker"
        )
    groups = [group for group in board.groups if any(map(_may_stand, group.rows))]
    if len(groups) > 1:
        heads = "; ".join(
            f"{group.title}: {next((row.entry for row in group.rows if row.selected), group.rows[0].entry)}"
            for group in groups
        )
        raise UsageError(
            f"{root} holds entries that cannot be compared with each other; name one ({heads}), or narrow "
            "with --corpus and --protocol"
        )
    _check_whole(board, groups)
    if best is None and board.rows:
        raise UsageError(
            f"all entries in {root} normalise by speaker (transductive) and stand for nothing else; name one"
        )
    if best is None:
        raise SerbenchError(f"no entries in {root} yet; run `serbench search`, or name a folder with --results")
    return best


def _check_whole(board: Leaderboard, groups: Sequence[GroupRows]) -> None:
    """Refuses to choose among the rest where an entry of the same group, or of no known one, cannot be read."""
    elsewhere = {group.group for group in board.groups} - {group.group for group in groups}
    for lost in board.damaged:
        if lost.kind != "fit" and lost.group not in elsewhere:
            raise SerbenchError(
                f"which entry validation selects cannot be told, since {lost.name} cannot be read: {lost.sentence}; "
                "or name an entry"
            )


def _may_stand(row: Row) -> bool:
    return row.selected and not row.speaker_normalisation
