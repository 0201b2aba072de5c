"""`entry_of_fold`: finds the entry that `--init` or `--teacher` names, for one study."""

from __future__ import annotations

from serbench.errors import UsageError
from serbench.records import EntryRecord, ResultsFolder
from serbench.results import LoadedStudy, Results

__all__ = ["entry_of_fold"]


def entry_of_fold(results: ResultsFolder, name: str, fold: int, option: str) -> tuple[LoadedStudy, EntryRecord]:
    """Finds an entry; of one that pools several folds, the entry of one fold.

    Args:
        results: results folder of the entry.
        name: the entry.
        fold: number of the fold.
        option: the option that names the entry, for messages.

    Raises:
        UsageError: there is no such entry, or it pools folds and none is this one.
        SerbenchError: its record is damaged.
    """
    try:
        listed = Results(results.root).members(name)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
    fitting = [one for one in listed if one[0].record.protocol.fold == fold] if len(listed) > 1 else listed
    if not fitting:
        raise UsageError(
            f"{option}: entry '{name}' pools {len(listed)} folds, each a network of its own, and this study is none of "
            "them; name the entry of a protocol without folds"
        )
    return fitting[0]
