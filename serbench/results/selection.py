"""Which entry stands for a whole set of results: the one validation chooses, never the best on the test."""

from __future__ import annotations

from collections.abc import Collection

from serbench.errors import SerbenchError, UsageError
from serbench.records.results import ResultsFolder
from serbench.results.leaderboard import Leaderboard
from serbench.results.leaderboard_row import Row
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


def select_entry(results: ResultsFolder, *, corpus: str | None = None, protocol: str | None = None) -> Row:
    """The entry that is meant when none is named.

    Raises:
        SerbenchError: there are no entries.
        UsageError: they belong to several groups that cannot be compared; they are listed.
    """
    board = Leaderboard.from_results(results, corpus=corpus, protocol=protocol)
    best = best_selected(board)
    if best is not None and best.folds > 1:
        raise UsageError(
            f"entry '{best.entry}' pools {best.folds} folds and is no single model; name an entry, or search with "
            "--protocol speaker"
        )
    if best is None and board.rows:
        raise UsageError(
            f"all entries in {results.root} normalise by speaker (transductive) and stand for nothing else; name one"
        )
    if best is None:
        raise SerbenchError(f"no entries in {results.root} yet; run `serbench search`, or name a folder with --results")
    groups = [group for group in board.groups if any(map(_may_stand, group.rows))]
    if len(groups) > 1:
        heads = "; ".join(
            f"{group.title}: {next((row.entry for row in group.rows if row.selected), group.rows[0].entry)}"
            for group in groups
        )
        raise UsageError(
            f"{results.root} holds entries that cannot be compared with each other; name one ({heads}), or narrow "
            "with --corpus and --protocol"
        )
    return best


def _may_stand(row: Row) -> bool:
    return row.selected and not row.speaker_normalisation
