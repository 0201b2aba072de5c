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

    def find(self, name: str) -> str | None:
        """The way to a file that an earlier site kept under this name, which this one then keeps, too."""
        ...


class Inline:
    """As data URIs: for a page that stands alone."""

    _TYPES = {"png": "image/png", "wav": "audio/wav"}  # noqa: RUF012

    def find(self, name: str) -> None:
        """There was no earlier site."""

    def add(self, name: str, data: bytes) -> str:
        """The file as a URI."""
        return f"data:{self._TYPES[name.rsplit('.', 1)[-1]]};base64,{base64.b64encode(data).decode('ascii')}"
