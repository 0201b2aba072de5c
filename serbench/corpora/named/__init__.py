"""Named corpora: one module each, with their manifests, listeners' votes and perceived labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.corpora.named.crema_d import CREMA_D, CremaD
    from serbench.corpora.named.emo_db import EMO_DB, EmoDb
    from serbench.corpora.named.manifest import PublishedFile
    from serbench.corpora.named.perceived import Undecided, perceived_labels
    from serbench.corpora.named.ravdess import RAVDESS, Ravdess
    from serbench.corpora.named.savee import SAVEE, Savee
    from serbench.corpora.named.tess import TESS, Tess
    from serbench.corpora.named.votes import vote_shares, votes_digest
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "crema_d": ("CREMA_D", "CremaD"),
            "emo_db": ("EMO_DB", "EmoDb"),
            "manifest": ("PublishedFile",),
            "perceived": ("Undecided", "perceived_labels"),
            "ravdess": ("RAVDESS", "Ravdess"),
            "savee": ("SAVEE", "Savee"),
            "tess": ("TESS", "Tess"),
            "votes": ("vote_shares", "votes_digest"),
        },
    )

__all__ = [
    "CREMA_D",
    "EMO_DB",
    "RAVDESS",
    "SAVEE",
    "TESS",
    "CremaD",
    "EmoDb",
    "PublishedFile",
    "Ravdess",
    "Savee",
    "Tess",
    "Undecided",
    "perceived_labels",
    "vote_shares",
    "votes_digest",
]
