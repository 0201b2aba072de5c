"""What decoding every audio file of a corpus says about it: damaged, silent, duplicated or cut-off clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.corpora.inspection.findings import CorpusFinding, corpus_findings
    from serbench.corpora.inspection.health import SILENCE_PEAK, AudioHealth, ClipState, examine_file
    from serbench.corpora.inspection.inspect import INSPECTION_COLUMNS, inspect_clips
    from serbench.corpora.inspection.processes import map_in_processes
    from serbench.corpora.inspection.readable import UnreadableError, readable_file
    from serbench.corpora.inspection.scan import Scan, scan_audio
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "findings": ("CorpusFinding", "corpus_findings"),
            "health": ("SILENCE_PEAK", "AudioHealth", "ClipState", "examine_file"),
            "inspect": ("INSPECTION_COLUMNS", "inspect_clips"),
            "processes": ("map_in_processes",),
            "readable": ("UnreadableError", "readable_file"),
            "scan": ("Scan", "scan_audio"),
        },
    )

__all__ = [
    "INSPECTION_COLUMNS",
    "SILENCE_PEAK",
    "AudioHealth",
    "ClipState",
    "CorpusFinding",
    "Scan",
    "UnreadableError",
    "corpus_findings",
    "examine_file",
    "inspect_clips",
    "map_in_processes",
    "readable_file",
    "scan_audio",
]
