"""`SiteFolder`: the folder of a site. It holds nothing else, and no file name can lead out of it."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from serbench.errors import UsageError
from serbench.records import digest_of, writing

__all__ = ["SiteFolder", "page_name"]

_MARK = "serbench-site.txt"
_SAFE = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,100}")


def page_name(name: str) -> str:
    """File name of a page. A name that is not safe as a file name is replaced by its digest.

    >>> page_name("cnn2d-1a2b3c"), page_name("../../etc") == page_name("../../etc"), "/" in page_name("../../etc")
    ('cnn2d-1a2b3c.html', True, False)
    """
    return f"{name if _SAFE.fullmatch(name) else digest_of(name)}.html"


class SiteFolder:
    """Writes the files of a site atomically. `finish` removes files of an earlier site that are no longer needed.

    Args:
        path: a new or empty folder, or one with an earlier site.

    Raises:
        UsageError: the folder holds other files.
        SerbenchError: the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: dict[str, int] = {}
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()) and not (path / _MARK).is_file():
                raise UsageError(f"{path} holds files that are not a serbench site; name a new or empty folder")
        self._earlier = self._listed()
        self._mark({*self._earlier})

    @property
    def total_bytes(self) -> int:
        """Total size of the written files in bytes."""
        return sum(self._written.values())

    @property
    def pages(self) -> int:
        """Number of written pages."""
        return sum(name.endswith(".html") for name in self._written)

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a file, unless it exists with the same content. `name` is relative to the folder, with '/'."""
        data = content.encode("utf-8") if isinstance(content, str) else content
        self._written[name] = len(data)
        target = self.path / name
        with writing(target):
            with contextlib.suppress(OSError):
                if target.stat().st_size == len(data) and target.read_bytes() == data:
                    return
            if (
                name not in self._earlier
            ):  # listed before it is written, so that a later site can remove it even after a kill
                self._earlier.add(name)
                with (self.path / _MARK).open("a", encoding="utf-8") as mark:
                    mark.write(f"{name}\n")
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".site.", suffix=".tmp", dir=target.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).chmod(0o644)
                Path(temporary).replace(target)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def keep(self, name: str) -> bool:
        """Keeps a file of an earlier site. Returns whether there is such a file."""
        path = self.path / name
        if name in self._earlier and path.is_file():
            self._written[name] = path.stat().st_size
            return True
        return False

    def finish(self) -> None:
        """Removes what is no longer part of the site."""
        for name in self._listed() - self._written.keys():
            if (self.path / name).is_file():
                with writing(self.path / name):
                    (self.path / name).unlink(missing_ok=True)
        for left in self.path.rglob(".site.*.tmp"):
            left.unlink(missing_ok=True)
        self._mark({*self._written})

    def _listed(self) -> set[str]:
        """Files listed in the site's mark file. Names that lead out of the folder are ignored."""
        try:
            names = (self.path / _MARK).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return set()
        inside = self.path.resolve()
        plain = (name for name in names if name.isprintable() and name not in {"", _MARK})
        return {name for name in plain if (inside / name).resolve().is_relative_to(inside)}

    def _mark(self, names: set[str]) -> None:
        target = self.path / _MARK
        with writing(target):
            temporary = target.with_name(".site.mark.tmp")
            temporary.write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")
            temporary.replace(target)
