"""Corpora without a module of their own: a folder, a table, several corpora as one, and other names for labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.corpora.user.choice import choose_corpus, corpus_places, recorded_corpus
    from serbench.corpora.user.choice_options import CorpusOptions, corpus_options
    from serbench.corpora.user.kinds import KINDS, lasting_place
    from serbench.corpora.user.label_map import PRESETS, LabelMap, parse_label_map
    from serbench.corpora.user.name_pattern import NamePattern
    from serbench.corpora.user.registered import (
        RegisteredCorpus,
        register_corpus,
        registered_corpora,
        registered_corpus,
        unregister_corpus,
    )
    from serbench.corpora.user.table_file import read_columns, table_header
    from serbench.corpora.user.user_corpus import UserCorpus
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "choice": ("choose_corpus", "corpus_places", "recorded_corpus"),
            "choice_options": ("CorpusOptions", "corpus_options"),
            "kinds": ("KINDS", "lasting_place"),
            "label_map": ("PRESETS", "LabelMap", "parse_label_map"),
            "name_pattern": ("NamePattern",),
            "registered": (
                "RegisteredCorpus",
                "register_corpus",
                "registered_corpora",
                "registered_corpus",
                "unregister_corpus",
            ),
            "table_file": ("read_columns", "table_header"),
            "user_corpus": ("UserCorpus",),
        },
    )

__all__ = [
    "KINDS",
    "PRESETS",
    "CorpusOptions",
    "LabelMap",
    "NamePattern",
    "RegisteredCorpus",
    "UserCorpus",
    "choose_corpus",
    "corpus_options",
    "corpus_places",
    "lasting_place",
    "parse_label_map",
    "read_columns",
    "recorded_corpus",
    "register_corpus",
    "registered_corpora",
    "registered_corpus",
    "table_header",
    "unregister_corpus",
]
