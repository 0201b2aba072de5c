"""Where clips come from: the contract of a corpus, the validated clip table, and the corpora by name.

The rooms inside: `named` (corpora with a module of their own), `user` (a person's own corpora), `demo` (synthetic
speech), `download` and `inspection` (can every file be decoded?). What other rooms need of them is offered here.

Names are loaded when first used (see `serbench.faces`), so that a process which only decodes audio need not import
pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.corpora.base import Corpus, Listing, NameFacts, SpeakerFacts
    from serbench.corpora.download import Download, FetchSettings, Transfer
    from serbench.corpora.folders import cache_root
    from serbench.corpora.inspection import CorpusFinding, inspect_clips, listing_findings
    from serbench.corpora.named import vote_shares, votes_digest
    from serbench.corpora.people import is_acted, parts_of, people_of, recorded_names, starts_from_its_corpus
    from serbench.corpora.registry import corpus_names, get_corpus, installed_names
    from serbench.corpora.study_clips import StudyClips, load_clips, survey_clips
    from serbench.corpora.summary import corpus_summary
    from serbench.corpora.table import UNKNOWN_SPEAKER, clip_set_digest, clip_table
    from serbench.corpora.user import (
        CorpusOptions,
        RegisteredCorpus,
        UserCorpus,
        choose_corpus,
        corpus_options,
        corpus_places,
        lasting_place,
        read_columns,
        recorded_corpus,
        register_corpus,
        table_header,
        unregister_corpus,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "base": ("Corpus", "Listing", "NameFacts", "SpeakerFacts"),
            "download": ("Download", "FetchSettings", "Transfer"),
            "folders": ("cache_root",),
            "inspection": ("CorpusFinding", "inspect_clips", "listing_findings"),
            "named": ("vote_shares", "votes_digest"),
            "people": (
                "is_acted",
                "parts_of",
                "people_of",
                "recorded_names",
                "starts_from_its_corpus",
            ),
            "registry": ("corpus_names", "get_corpus", "installed_names"),
            "study_clips": ("StudyClips", "load_clips", "survey_clips"),
            "summary": ("corpus_summary",),
            "table": ("UNKNOWN_SPEAKER", "clip_set_digest", "clip_table"),
            "user": (
                "CorpusOptions",
                "RegisteredCorpus",
                "UserCorpus",
                "choose_corpus",
                "corpus_options",
                "corpus_places",
                "lasting_place",
                "read_columns",
                "recorded_corpus",
                "register_corpus",
                "table_header",
                "unregister_corpus",
            ),
        },
    )

__all__ = [
    "UNKNOWN_SPEAKER",
    "Corpus",
    "CorpusFinding",
    "CorpusOptions",
    "Download",
    "FetchSettings",
    "Listing",
    "NameFacts",
    "RegisteredCorpus",
    "SpeakerFacts",
    "StudyClips",
    "Transfer",
    "UserCorpus",
    "cache_root",
    "choose_corpus",
    "clip_set_digest",
    "clip_table",
    "corpus_names",
    "corpus_options",
    "corpus_places",
    "corpus_summary",
    "get_corpus",
    "inspect_clips",
    "installed_names",
    "is_acted",
    "lasting_place",
    "listing_findings",
    "load_clips",
    "parts_of",
    "people_of",
    "read_columns",
    "recorded_corpus",
    "recorded_names",
    "register_corpus",
    "starts_from_its_corpus",
    "survey_clips",
    "table_header",
    "unregister_corpus",
    "vote_shares",
    "votes_digest",
]
