"""Where clips come from: one module a corpus, the health check, and the validated clip table.

Names are loaded when first used, so that a process which only decodes audio need not import pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serbench.corpora.base import Corpus, Listing, SpeakerFacts
    from serbench.corpora.folders import cache_root, corpus_home
    from serbench.corpora.inspection.findings import CorpusFinding, findings
    from serbench.corpora.inspection.inspect import inspect_clips
    from serbench.corpora.named.votes import vote_shares, votes_digest
    from serbench.corpora.registry import corpus_names, get_corpus
    from serbench.corpora.study_clips import StudyClips, load_clips
    from serbench.corpora.summary import corpus_summary
    from serbench.corpora.table import CLIP_COLUMNS, clip_set_digest, clip_table
    from serbench.corpora.user.choice import choose_corpus, recorded_corpus
    from serbench.corpora.user.choice_options import CorpusOptions, corpus_options

__all__ = [
    "CLIP_COLUMNS",
    "Corpus",
    "CorpusFinding",
    "CorpusOptions",
    "Listing",
    "SpeakerFacts",
    "StudyClips",
    "cache_root",
    "choose_corpus",
    "clip_set_digest",
    "clip_table",
    "corpus_home",
    "corpus_names",
    "corpus_options",
    "corpus_summary",
    "findings",
    "get_corpus",
    "inspect_clips",
    "load_clips",
    "recorded_corpus",
    "vote_shares",
    "votes_digest",
]

_HOMES = {
    "CLIP_COLUMNS": "table",
    "Corpus": "base",
    "CorpusFinding": "inspection.findings",
    "CorpusOptions": "user.choice_options",
    "Listing": "base",
    "SpeakerFacts": "base",
    "StudyClips": "study_clips",
    "cache_root": "folders",
    "choose_corpus": "user.choice",
    "clip_set_digest": "table",
    "clip_table": "table",
    "corpus_home": "folders",
    "corpus_names": "registry",
    "corpus_options": "user.choice_options",
    "corpus_summary": "summary",
    "findings": "inspection.findings",
    "get_corpus": "registry",
    "inspect_clips": "inspection.inspect",
    "load_clips": "study_clips",
    "recorded_corpus": "user.choice",
    "vote_shares": "named.votes",
    "votes_digest": "named.votes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
