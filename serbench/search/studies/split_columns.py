"""Columns of the clip table that decide a split without being part of the clips' digest: sex and sentence.

A person fills them in, or mends them, in a table of their own. The test set then moves under the same digest and
protocol hash, so studies from before and after would be ranked and counted together.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import get_kind
from serbench.records import ResultsFolder, StudyFolder, StudyRecord, file_sha256

__all__ = ["as_stored", "check_split_columns"]

_SPLITTING = ("sex", "sentence")


def check_split_columns(results: ResultsFolder, records: Sequence[StudyRecord], clips: pd.DataFrame) -> None:
    """Checks that the clips are split as the studies of the same test set have split them.

    A study that goes on is compared with what it stored itself, a new one with all studies of its test set. Studies
    that cannot be read, and columns that were not stored, are passed over.

    Args:
        results: the results folder.
        records: the studies to be opened, new or begun.
        clips: their clip table as the corpus has it now.

    Raises:
        UsageError: a column that decides the split has other values. The message names it and the study.
    """
    names = results.study_names()
    begun = {record.name: _test_set(record) for record in records if record.name in names}
    new = {_test_set(record) for record in records if record.name not in begun}
    today, like = _Columns(clips), set[tuple[str, str]]()
    for name in names if new else begun:
        folder = results.study(name)
        try:
            record = folder.record()
            if _test_set(record) not in {*new, begun.get(name)}:
                continue
            table = file_sha256(folder.clips_path), record.protocol.name
            found = None if table in like else _unlike(record, today, _Columns(folder.clips()))
        except (SerbenchError, OSError):  # commands that read results tell of it
            continue
        if found is not None:
            raise UsageError(found)
        like.add(table)  # folds and copies of one table are compared once


def as_stored(folder: StudyFolder, clips: pd.DataFrame) -> pd.DataFrame:
    """Returns the clips, in the order of a study, with the columns that decide its split as the study stored them."""
    stored = folder.clips()
    columns = [name for name in _SPLITTING if name in stored and name in clips]
    return clips.assign(**{name: stored[name].astype(clips[name].dtype).set_axis(clips.index) for name in columns})


def _test_set(record: StudyRecord) -> tuple[object, ...]:
    """What studies of one test set have in common. The hash is not: it changes where an edit makes another order."""
    corpus, protocol = record.corpus, record.protocol
    cores = (protocol.test_core, protocol.validation_core)
    return corpus.digest, corpus.label_source, protocol.name, cores, protocol.split_seed, protocol.speaker_normalisation


def _unlike(record: StudyRecord, today: _Columns, stored: _Columns) -> str | None:
    """Says how today's clips differ from those that a study stored; None if they do not."""
    protocol = record.protocol.name
    for column in get_kind(protocol).decided_by:
        now = today[column]
        before = stored[column].reindex(now.index)
        changed = now.index[before.notna() & (before != now)]
        if len(changed):
            first = changed[0]
            return (
                f"the table's column '{column}' is not as study '{record.name}' has stored it ({len(changed):,} clips, "
                f"among them {first}: {before[first] or 'none'} -> {now[first] or 'none'}), and protocol '{protocol}' "
                "splits clips by it; undo the change, or search in a results folder of its own (--results DIR)"
            )
    return None


class _Columns:
    """Columns of a clip table by clip id, '' where a clip has no value; empty where the table lacks the column."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table.drop_duplicates("clip_id")
        self._found: dict[str, pd.Series[str]] = {}

    def __getitem__(self, column: str) -> pd.Series[str]:
        if column not in self._found:
            table = self._table if column in self._table else self._table.iloc[:0].assign(**{column: ""})
            values = table[column].astype(object).where(table[column].notna(), "").astype(str)
            self._found[column] = values.astype(object).set_axis(table["clip_id"].astype(str))
        return self._found[column]
