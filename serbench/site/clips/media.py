"""`Media`: storage of pictures and sounds, as files of the site or embedded in a page."""

from __future__ import annotations

import base64
from typing import Protocol

__all__ = ["Inline", "Media"]


class Media(Protocol):
    """Stores pictures and sounds for pages."""

    def add(self, name: str, data: bytes) -> str:
        """Stores a file and returns its URL.

        Args:
            name: letters and digits with the suffix `.png` or `.wav`; unique for this content.
            data: content of the file.
        """
        ...

    def find(self, name: str) -> str | None:
        """URL of a file with this name from an earlier site, which is then kept; None if there is none."""
        ...


class Inline:
    """Embeds files as data URIs, for self-contained pages."""

    _TYPES = {"png": "image/png", "wav": "audio/wav"}  # noqa: RUF012

    def find(self, name: str) -> None:
        """Always None: there is no earlier site."""

    def add(self, name: str, data: bytes) -> str:
        """Returns the file as a data URI."""
        return f"data:{self._TYPES[name.rsplit('.', 1)[-1]]};base64,{base64.b64encode(data).decode('ascii')}"
