"""What decoding every audio file of a corpus says about it: damaged, silent, duplicated or cut-off clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.corpora.inspection.findings import CorpusFinding, listing_findings
    from serbench.corpora.inspection.inspect import INSPECTION_COLUMNS, inspect_clips
    from serbench.corpora.inspection.processes import map_in_processes
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "findings": ("CorpusFinding", "listing_findings"),
            "inspect": ("INSPECTION_COLUMNS", "inspect_clips"),
            "processes": ("map_in_processes",),
        },
    )

__all__ = ["INSPECTION_COLUMNS", "CorpusFinding", "inspect_clips", "listing_findings", "map_in_processes"]
