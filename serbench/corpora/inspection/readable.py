"""Makes a file readable for libsndfile: as it is, or, for MPEG-4 audio, through ffmpeg where that is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["FOREIGN_SUFFIXES", "UnreadableError", "readable_file"]

_CONTAINERS: Final = {
    ".m4a": "mov", ".mp4": "mov", ".3gp": "mov", ".aac": "aac", ".wma": "asf", ".amr": "amr", ".webm": "matroska",
}  # fmt: skip

FOREIGN_SUFFIXES: Final = tuple(_CONTAINERS)
"""What libsndfile does not read and ffmpeg does."""

_MOST_SECONDS: Final = 2 * 3600
_MOST_BYTES: Final = 4 << 30
_TIME_LIMIT_S: Final = 300


class UnreadableError(Exception):
    """The file cannot be made readable; the message says why."""


@contextlib.contextmanager
def readable_file(path: str) -> Iterator[str]:
    """The path of what libsndfile can open: the file itself, or a temporary WAV file of its sound.

    ffmpeg is told which container to expect, since a text file of the right name could else make it play other files;
    it is given no protocol beyond files, no input to wait for, and bounds on time and size.

    Args:
        path: of a regular file.

    Raises:
        UnreadableError: there is no ffmpeg, or it cannot decode the file.
    """
    if Path(path).suffix.lower() not in FOREIGN_SUFFIXES:
        yield path
        return
    program = shutil.which("ffmpeg")
    if program is None:
        raise UnreadableError(
            f"{Path(path).suffix.lower()[1:]} is read through the program ffmpeg, which is not installed"
        )
    with tempfile.TemporaryDirectory(prefix="serbench-") as folder:
        sound = Path(folder) / "sound.wav"
        command = [
            program, "-nostdin", "-v", "error", "-protocol_whitelist", "file",
            "-f", _CONTAINERS[Path(path).suffix.lower()], "-i", f"file:{os.fspath(path)}",
            "-map", "0:a:0", "-t", str(_MOST_SECONDS + 1), "-fs", str(_MOST_BYTES), "-c:a", "pcm_f32le", "-f", "wav",
            str(sound),
        ]  # fmt: skip
        try:
            ran = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIME_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise UnreadableError(f"ffmpeg did not decode it within {_TIME_LIMIT_S} s") from None
        except OSError as error:
            raise UnreadableError(f"ffmpeg cannot be run: {error.strerror}") from None
        if ran.returncode or not sound.is_file():
            said = ran.stderr.decode(errors="replace").strip().splitlines()
            raise UnreadableError(
                f"ffmpeg cannot decode it: {said[-1].replace(path, '')[:120] if said else 'no sound'}"
            )
        yield str(sound)
