"""Makes audio readable for libsndfile. MPEG-4 and similar audio is converted by ffmpeg, if that is installed."""

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
"""Suffixes of formats that ffmpeg reads and libsndfile does not."""

_MOST_SECONDS: Final = 2 * 3600
_MOST_BYTES: Final = 4 << 30
_TIME_LIMIT_S: Final = 300


class UnreadableError(Exception):
    """The file cannot be made readable. The message gives the reason."""


@contextlib.contextmanager
def readable_file(path: str) -> Iterator[str]:
    """Context manager that yields a path libsndfile can open: the file itself, or a temporary WAV copy.

    ffmpeg gets the expected container, because a text file with an audio suffix could otherwise make it read other
    files. It may use no protocol except local files, reads no standard input, and has limits on time and size.

    Args:
        path: of a regular file.

    Raises:
        UnreadableError: ffmpeg is not installed, or cannot decode the file.
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
            messages = ran.stderr.decode(errors="replace").strip().splitlines()
            raise UnreadableError(
                f"ffmpeg cannot decode it: {messages[-1].replace(path, '')[:120] if messages else 'no sound'}"
            )
        yield str(sound)
