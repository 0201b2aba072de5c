"""Is a score what it seems? Checks of a study's data and of an entry's scores, each a finding in one sentence."""

from serbench.audit.attributes import clip_attributes
from serbench.audit.duplicates import (
    FINGERPRINT_SPEC,
    THRESHOLD,
    Fingerprints,
    NearDuplicates,
    exact_duplicates,
    near_duplicates,
    parts_of,
)
from serbench.audit.finding import Finding, Level
from serbench.audit.scores import Core, literature_finding, validation_finding
from serbench.audit.speakers import SpeakerTelling, clip_summaries, tell_speakers
from serbench.audit.verdicts import exact_finding, near_finding, slice_finding, speakers_finding

__all__ = [
    "FINGERPRINT_SPEC",
    "THRESHOLD",
    "Core",
    "Finding",
    "Fingerprints",
    "Level",
    "NearDuplicates",
    "SpeakerTelling",
    "clip_attributes",
    "clip_summaries",
    "exact_duplicates",
    "exact_finding",
    "literature_finding",
    "near_duplicates",
    "near_finding",
    "parts_of",
    "slice_finding",
    "speakers_finding",
    "tell_speakers",
    "validation_finding",
]
