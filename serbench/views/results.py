"""`Results`: a results folder as tables, entries and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from serbench.errors import SerbenchError, UsageError
from serbench.home import expanded
from serbench.records import run_name
from serbench.render import leaderboard_document
from serbench.results import DamagedRecord, Row, StudyRow
from serbench.results import Results as ResultsReader
from serbench.views.comparison import Comparison
from serbench.views.entry import Entry
from serbench.views.frames import frame_of
from serbench.views.markup import notebook_html

__all__ = ["Results"]

_MOST_IMPORTANT = 9  # rank of the last column that fits a notebook
_FIRST = ("corpus", "protocol", "rank", "uar", "uar_low", "uar_high", "accuracy", "validation_uar", "seeds")


class Results:
    """The results in a folder.

    Files are read when they are first needed and then kept in memory; open the folder again to see later changes. A
    damaged file only hides the entry that it belongs to, and is listed in `damaged`.

    Args:
        path: the folder. One that does not exist is taken for an empty one, since a search that was stopped early may
            have made none; `serbench.open_results` refuses it.
        searched: studies that `best` selects from when it gets neither corpus nor protocol; None for all.

    Raises:
        SerbenchError: the folder is a file, or was written by a newer serbench.
    """

    def __init__(self, path: str | Path, searched: Sequence[str] | None = None) -> None:
        self.path = expanded(path)
        self.searched = None if searched is None else tuple(searched)
        self._reader = ResultsReader(self.path)

    @property
    def damaged(self) -> tuple[DamagedRecord, ...]:
        """Files that could not be read so far."""
        return self._reader.damaged

    def leaderboard(
        self, corpus: str | None = None, protocol: str | None = None, *, ensembles: bool = False
    ) -> pd.DataFrame:
        """Returns all tested entries, indexed by name, best UAR first within each test set.

        Compare scores only between rows with the same `corpus_digest`, `label_source` and `protocol_hash`. Other rows
        have other test sets. Scores are fractions. The columns that a printed table shows before it elides
        come first: corpus, protocol, rank and scores.

        Args:
            corpus: name of a corpus to show only its entries.
            protocol: name of a protocol to show only its entries.
            ensembles: whether to add the mean answers of finalists and of the best entries of all families, as the
                command does with `--ensembles`.

        Raises:
            UsageError: there are entries, but none with this corpus or protocol.
        """
        board = frame_of(Row, self._reader.board(corpus, protocol, ensembles=ensembles).rows).set_index("entry")
        return board[[*_FIRST, *(column for column in board if column not in _FIRST)]]

    def entry(self, id: str) -> Entry:  # noqa: A002
        """Returns an entry by name.

        Raises:
            UsageError: no entry has this name. The message names the nearest one.
            SerbenchError: its record or predictions are damaged.
        """
        return Entry(self._reader, id)

    def best(self, corpus: str | None = None, protocol: str | None = None) -> Entry:
        """Returns the entry with the best validation score. Test scores are not used.

        The results that `serbench.search` returns select among the studies of that search, unless you name a corpus or
        protocol. Otherwise it is the entry that `serbench export` takes.

        Args:
            corpus: name of a corpus to select among its entries.
            protocol: name of a protocol to select among its entries.

        Raises:
            UsageError: the entries have different test sets and cannot be compared. The message lists them.
            SerbenchError: there is no entry, an unreadable one may be the best, or none of the search can be selected.
        """
        searched = self.searched if corpus is None and protocol is None else None
        if searched is None:
            return self.entry(self._reader.select(corpus, protocol).entry)
        runs = {run_name(study) for study in searched}
        groups = [group for group in self._reader.board().groups if any(row.study in runs for row in group.rows)]
        if not groups:
            raise SerbenchError(f"this search tested no entry; what it has done so far is in {self.path}")
        if len(groups) > 1:
            raise UsageError(
                f"{self.path} holds entries that cannot be compared with each other ("
                + "; ".join(group.title for group in groups)
                + "); narrow with corpus= and protocol=, or name one with entry(id)"
            )
        row = self._reader.best(searched)
        if row is None:
            raise SerbenchError(
                "no entry of this search can be selected: they normalise by speaker (transductive), fail their checks "
                "or have no validation score; leaderboard() shows them, and entry(id) returns one"
            )
        return self.entry(row.entry)

    def studies(self) -> pd.DataFrame:
        """Returns all studies, indexed by name, with their trials, best validation UAR and entries."""
        table = frame_of(StudyRow, self._reader.study_rows()).set_index("name")
        for column in ("created", "last_activity"):
            table[column] = pd.to_datetime(table[column].astype("object"), utc=True, format="ISO8601")
        return table

    def compare(self, *ids: str) -> Comparison:
        """Compares entries pair by pair, paired over the test speakers.

        Args:
            ids: names of two or more entries with the same test set.

        Raises:
            UsageError: fewer than two entries, the same one twice, an unknown one, or different test sets.
            SerbenchError: the predictions of an entry are damaged.
        """
        return Comparison(self._reader.comparison(ids))

    def predictions(self, id: str) -> pd.DataFrame:  # noqa: A002
        """Returns the predictions of all runs of an entry: see `Entry.predictions`."""
        return self.entry(id).predictions()

    def __repr__(self) -> str:
        number = len(self._reader.folder.study_names())
        return f"Results('{self.path}', {number} {'study' if number == 1 else 'studies'})"

    def _repr_html_(self) -> str:
        board = self._reader.board()
        document = leaderboard_document(replace(board, reported=()))
        notes = "" if board.rows else document.notes[0]
        return notebook_html([sheet.up_to(_MOST_IMPORTANT) for sheet in document.sheets], notes)
