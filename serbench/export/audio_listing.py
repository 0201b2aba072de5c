"""Lists the audio files that a prediction is asked for, and says what is passed over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from serbench.audio import Scan, scan_audio
from serbench.errors import SerbenchError

__all__ = ["AudioListing", "list_audio"]

_MOST_NAMED = 10
"""Files of one folder that are passed over for the same reason are counted, and not named, if they are more."""


@dataclass(frozen=True)
class AudioListing:
    """What a path holds.

    Attributes:
        files: the file, or the audio files of the folder, sorted.
        passed_over: a sentence about each file of the folder that is not read; one for all of many of a kind.
        failure: why there is no file; '' if there is one.
    """

    files: tuple[Path, ...] = ()
    passed_over: tuple[str, ...] = ()
    failure: str = ""


def list_audio(path: Path) -> AudioListing:
    """Lists a file, or the audio files of a folder. A path that cannot be read becomes a failure."""
    try:
        return _listing(path)
    except SerbenchError as error:
        return AudioListing(failure=str(error))
    except OSError as error:  # nobody may look there, or the name is too long
        return AudioListing(failure=f"cannot read {str(path)[:200]}: {error.strerror}")


def _listing(path: Path) -> AudioListing:
    if not path.is_dir():
        return AudioListing((path,))
    scan = scan_audio(path, any_name=True)
    root = path.resolve()
    links = [link for link in scan.escaping if not link.is_dir()]
    found = tuple(path / file.relative_to(root) for file in sorted([*scan.files, *links]))
    others = _sentences(path, [(path / file.relative_to(root), reason) for file, reason in _not_read(scan)])
    if not found:
        more = f"; {others[0]}" if others else ""
        return AudioListing(failure=f"no audio files in {path}{more}")
    return AudioListing(found, others)


def _not_read(scan: Scan) -> list[tuple[Path, str]]:
    return sorted(
        [(file, reason) for reason, file in scan.passed_over]
        + [(file, f"{file.suffix.lower() or 'it'} is no suffix of audio") for file in scan.documents]
        + [(link, "a link to a folder outside") for link in scan.escaping if link.is_dir()]
    )


def _sentences(folder: Path, others: list[tuple[Path, str]]) -> tuple[str, ...]:
    """One sentence a file, and after them one for all files that have the same reason and are many."""
    count = Counter(reason for _, reason in others)
    named = [f"{file} is not read: {reason}" for file, reason in others if count[reason] <= _MOST_NAMED]
    many = [(reason, number) for reason, number in count.items() if number > _MOST_NAMED]
    return (*named, *(f"{number:,} files in {folder} are not read: {reason}" for reason, number in sorted(many)))
