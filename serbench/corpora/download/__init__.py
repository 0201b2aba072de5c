"""Fetches corpora from their published addresses: resumed after a break, checked, unpacked safely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.corpora.download.addresses import RemoteFile, Source, source_names, source_of
    from serbench.corpora.download.download import Download
    from serbench.corpora.download.settings import FetchSettings
    from serbench.corpora.download.transfer import Transfer, fetch_file
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "addresses": ("RemoteFile", "Source", "source_names", "source_of"),
            "download": ("Download",),
            "settings": ("FetchSettings",),
            "transfer": ("Transfer", "fetch_file"),
        },
    )

__all__ = [
    "Download",
    "FetchSettings",
    "RemoteFile",
    "Source",
    "Transfer",
    "fetch_file",
    "source_names",
    "source_of",
]
