"""`Comparison`: pairwise comparison of entries with the same test set."""

from __future__ import annotations

import pandas as pd

from serbench.render import comparison_document
from serbench.results import EntryComparison, EntryPair
from serbench.views.frames import frame_of
from serbench.views.markup import notebook_html

__all__ = ["Comparison"]


class Comparison:
    """Pairwise comparison of entries: paired over the test speakers, Holm-corrected for the tested pairs."""

    def __init__(self, found: EntryComparison) -> None:
        self._found = found

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of the compared entries."""
        return tuple(one.entry.entry_id for one in self._found.entries)

    @property
    def pairs(self) -> pd.DataFrame:
        """One row per pair.

        `difference` is the mean test UAR of `first` minus that of `second`, with its 95 % interval (`low`, `high`)
        and p-values. `separable` is true if the difference is significant at 5 % after the correction,
        and missing where nothing could be tested.
        """
        return frame_of(EntryPair, self._found.pairs)

    def __repr__(self) -> str:
        separable = sum(bool(pair.separable) for pair in self._found.pairs)
        return f"Comparison({len(self.entries)} entries, {separable} of {len(self._found.pairs)} pairs separable)"

    def _repr_html_(self) -> str:
        return notebook_html(comparison_document(self._found).sheets)
