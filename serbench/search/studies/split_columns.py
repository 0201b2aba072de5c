"""Columns of the clip table that decide a split without being part of the clips' digest: sex and sentence.

A person fills them in, or mends them, in a table of their own. The test set then moves under the same digest and
protocol hash, so studies from before and after would be ranked and counted together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import get_kind
from serbench.records import ResultsFolder, StudyFolder, StudyRecord

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
    for name in names if new else begun:
        found = _unlike(results.study(name), {*new, begun.get(name)}, clips)
        if found is not None:
            raise UsageError(found)


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


def _unlike(folder: StudyFolder, test_sets: Collection[object], clips: pd.DataFrame) -> str | None:
    """Says how the clips differ from those that a study of one of these test sets stored; None if they do not."""
    try:
        record = folder.record()
        stored = folder.clips() if _test_set(record) in test_sets else None
    except SerbenchError:  # commands that read results tell of it
        return None
    if stored is None:
        return None
    protocol = record.protocol.name
    for column in get_kind(protocol).decided_by:
        before, now = _values(stored, column), _values(clips, column)
        changed = [clip for clip, value in now.items() if before.get(clip, value) != value]
        if changed:
            first = changed[0]
            return (
                f"the table's column '{column}' is not as study '{record.name}' has stored it ({len(changed):,} clips, "
                f"among them {first}: {before[first]} -> {now[first]}), and protocol '{protocol}' splits clips by it; "
                "undo the change, or search in a results folder of its own (--results DIR)"
            )
    return None


def _values(table: pd.DataFrame, column: str) -> dict[str, str]:
    """The value of each clip, by clip id; empty if the table lacks the column."""
    if column not in table:
        return {}
    values = table[column].astype(object).where(table[column].notna(), "none")
    return dict(zip(table["clip_id"].astype(str), values.astype(str), strict=True))
