"""`Results`: a results folder as tables, entries and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from serbench.errors import UsageError
from serbench.render import leaderboard_document
from serbench.results import DamagedRecord, Row, StudyRow
from serbench.results import Results as ResultsReader
from serbench.views.comparison import Comparison
from serbench.views.entry import Entry
from serbench.views.frames import frame_of
from serbench.views.markup import notebook_html

__all__ = ["Results"]

_MOST_IMPORTANT = 9  # columns of a higher rank do not fit beside the others in a notebook


class Results:
    """A results folder as it was when its files were first read; open it again to see what came since.

    Files are read when a question needs them. A damaged file costs the entry that it belongs to and is named by
    `damaged`.

    Args:
        path: the folder.
        searched: studies that `best` chooses from where it is given neither corpus nor protocol; none for all.

    Raises:
        SerbenchError: the folder is a file, or was written by a newer serbench.
    """

    def __init__(self, path: str | Path, searched: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self.searched = tuple(searched)
        self._reader = ResultsReader(self.path)

    @property
    def damaged(self) -> tuple[DamagedRecord, ...]:
        """What could not be read so far."""
        return self._reader.damaged

    def leaderboard(self, corpus: str | None = None, protocol: str | None = None) -> pd.DataFrame:
        """Every tested entry, by its name: best UAR first within what may be compared.

        Compare scores only between rows of one `corpus_digest`, `label_source` and `protocol_hash`: other rows were
        tested on other clips. Scores are fractions.

        Args:
            corpus: only entries of the corpus of this name.
            protocol: only entries under the protocol of this name.

        Raises:
            UsageError: there are entries, but none of that corpus or protocol.
        """
        return frame_of(Row, self._reader.board(corpus, protocol).rows).set_index("entry")

    def entry(self, id: str) -> Entry:  # noqa: A002
        """One entry.

        Raises:
            UsageError: there is none of that name; the nearest is named.
            SerbenchError: its record or predictions are damaged.
        """
        return Entry(self._reader, id)

    def best(self, corpus: str | None = None, protocol: str | None = None) -> Entry:
        """The entry that validation selects; the test has no say.

        What `serbench.search` returned selects among the studies that it searched, unless a corpus or protocol is
        named.

        Raises:
            UsageError: entries belong to groups that cannot be compared; they are listed.
            SerbenchError: there is none.
        """
        searched = self.searched if corpus is None and protocol is None else ()
        groups = self._reader.board(corpus, protocol).groups
        if len(groups) > 1 and not searched:
            raise UsageError(
                f"{self.path} holds entries that cannot be compared with each other ("
                + "; ".join(group.title for group in groups)
                + "); narrow with corpus= and protocol=, or name one with entry(id)"
            )
        row = self._reader.best(searched or None, corpus, protocol)
        return self.entry(row.entry if row is not None else self._reader.select(corpus, protocol).entry)

    def studies(self) -> pd.DataFrame:
        """Every study, by its name, with its trials, best validation UAR and entries."""
        table = frame_of(StudyRow, self._reader.study_rows()).set_index("name")
        for column in ("created", "last_activity"):
            table[column] = pd.to_datetime(table[column].astype("object"), utc=True, format="ISO8601")
        return table

    def compare(self, *ids: str) -> Comparison:
        """Compares entries pair by pair over the test speakers.

        Raises:
            UsageError: fewer than two, one named twice, an unknown one, or entries tested on different clips.
            SerbenchError: predictions of one are damaged.
        """
        return Comparison(self._reader.comparison(ids))

    def predictions(self, id: str) -> pd.DataFrame:  # noqa: A002
        """What the runs of an entry answered on each clip: see `Entry.predictions`."""
        return self.entry(id).predictions()

    def __repr__(self) -> str:
        number = len(self._reader.folder.study_names())
        return f"Results('{self.path}', {number} {'study' if number == 1 else 'studies'})"

    def _repr_html_(self) -> str:
        board = self._reader.board()
        document = leaderboard_document(replace(board, reported=()))
        notes = "" if board.rows else document.notes[0]
        return notebook_html([sheet.up_to(_MOST_IMPORTANT) for sheet in document.sheets], notes)
