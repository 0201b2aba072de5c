"""`Media`: pictures and sounds of a site, as files beside the pages or inside them."""

from __future__ import annotations

import base64
from typing import Protocol

__all__ = ["Inline", "Media"]


class Media(Protocol):
    """Where pages put what is no text."""

    def add(self, name: str, data: bytes) -> str:
        """Keeps a file under a name that tells its content apart from all others, and returns the way to it.

        Args:
            name: with its suffix, `.png` or `.wav`; letters and digits.
            data: the file.
        """
        ...


class Inline:
    """As data URIs: for a page that stands alone."""

    _TYPES = {"png": "image/png", "wav": "audio/wav"}  # noqa: RUF012

    def add(self, name: str, data: bytes) -> str:
        """The file as a URI."""
        return f"data:{self._TYPES[name.rsplit('.', 1)[-1]]};base64,{base64.b64encode(data).decode('ascii')}"
