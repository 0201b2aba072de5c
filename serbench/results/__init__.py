"""Reads a results folder: scored entries, leaderboards and reports. Trains nothing and prints nothing.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.results.attributes import OF_PEOPLE, clip_attributes, clips_in_no_slice, slice_notes
    from serbench.results.choice import validated_on_heard_clips
    from serbench.results.clip_rows import clips_by_id
    from serbench.results.columns import Cell, Form
    from serbench.results.damaged import DamagedRecord, damage_notes
    from serbench.results.entry import ClassRow, EntryReport, RefitReport
    from serbench.results.grouping import why_unranked
    from serbench.results.leaderboard import Leaderboard, make_leaderboard
    from serbench.results.leaderboard_row import COLUMNS, GroupRows, Row, warnings_of
    from serbench.results.loaded_study import LoadedStudy
    from serbench.results.pairwise import EntryComparison, EntryPair
    from serbench.results.publish import publish_studies
    from serbench.results.reference_report import ReferenceReport, SliceTable
    from serbench.results.reference_rows import ReferenceRow
    from serbench.results.results import Results
    from serbench.results.scored_entry import Refit, ScoredEntry, best_refit, load_entry, speakers_of
    from serbench.results.study import StudyReport
    from serbench.results.study_rows import FailureRow, FitRow, ShortlistRow, StudyRow, best_score, study_row
    from serbench.results.verify import StudyCheck, Verification, require_sound, verify_results
    from serbench.results.votes import VoteRow
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "attributes": ("OF_PEOPLE", "clip_attributes", "clips_in_no_slice", "slice_notes"),
            "choice": ("validated_on_heard_clips",),
            "clip_rows": ("clips_by_id",),
            "columns": (
                "Cell",
                "Form",
            ),
            "damaged": (
                "DamagedRecord",
                "damage_notes",
            ),
            "entry": (
                "ClassRow",
                "EntryReport",
                "RefitReport",
            ),
            "grouping": ("why_unranked",),
            "leaderboard": (
                "Leaderboard",
                "make_leaderboard",
            ),
            "leaderboard_row": (
                "COLUMNS",
                "GroupRows",
                "Row",
                "warnings_of",
            ),
            "loaded_study": ("LoadedStudy",),
            "pairwise": (
                "EntryComparison",
                "EntryPair",
            ),
            "publish": ("publish_studies",),
            "reference_report": (
                "ReferenceReport",
                "SliceTable",
            ),
            "reference_rows": ("ReferenceRow",),
            "results": ("Results",),
            "scored_entry": (
                "Refit",
                "ScoredEntry",
                "best_refit",
                "load_entry",
                "speakers_of",
            ),
            "study": ("StudyReport",),
            "study_rows": (
                "FailureRow",
                "FitRow",
                "ShortlistRow",
                "StudyRow",
                "best_score",
                "study_row",
            ),
            "verify": (
                "StudyCheck",
                "Verification",
                "require_sound",
                "verify_results",
            ),
            "votes": ("VoteRow",),
        },
    )

__all__ = [
    "COLUMNS",
    "OF_PEOPLE",
    "Cell",
    "ClassRow",
    "DamagedRecord",
    "EntryComparison",
    "EntryPair",
    "EntryReport",
    "FailureRow",
    "FitRow",
    "Form",
    "GroupRows",
    "Leaderboard",
    "LoadedStudy",
    "ReferenceReport",
    "ReferenceRow",
    "Refit",
    "RefitReport",
    "Results",
    "Row",
    "ScoredEntry",
    "ShortlistRow",
    "SliceTable",
    "StudyCheck",
    "StudyReport",
    "StudyRow",
    "Verification",
    "VoteRow",
    "best_refit",
    "best_score",
    "clip_attributes",
    "clips_by_id",
    "clips_in_no_slice",
    "damage_notes",
    "load_entry",
    "make_leaderboard",
    "publish_studies",
    "require_sound",
    "slice_notes",
    "speakers_of",
    "study_row",
    "validated_on_heard_clips",
    "verify_results",
    "warnings_of",
    "why_unranked",
]
