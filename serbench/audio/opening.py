"""Opens audio for reading by its content. What libsndfile cannot read is converted by ffmpeg, if that is installed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import soundfile

from serbench.audio.formats import HEAD_BYTES, Container, container_of
from serbench.audio.sizes import states_no_size
from serbench.temporary import temporary_folder

__all__ = ["Stream", "UnreadableError", "machine_lacks", "open_sound"]

_LACKING: Final = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
"""What the machine lacks, and not the file: a clip must not be dropped from its corpus for that."""

_MOST_SECONDS: Final = 2 * 3600
_MOST_BYTES: Final = 4 << 30
_TIME_LIMIT_S: Final = 300
_MOST_LOG: Final = 1 << 20
_CUT_OFF: Final = (
    "partial file", "truncat", "prematurely", "end of file", "incomplete", "packet corrupt", "corrupt input packet",
    "packet size too small",
)  # fmt: skip
_LEVEL: Final = re.compile(r"\[(info|warning|error|fatal|panic)\] ")
_DURATION: Final = re.compile(r"^\[info\]   Duration: (\d{2,4}):(\d\d):(\d\d\.\d\d), ", re.MULTILINE)
_DURATION_UNSURE: Final = re.compile(
    r"^(\[info\]   Stream #0:.*: Video: |.*\[warning\] Estimating duration from bitrate)", re.MULTILINE
)


def machine_lacks(error: BaseException) -> bool:
    """Whether an error says what the machine lacks: memory, space or open files. No clip is to blame for that."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _LACKING)


class UnreadableError(Exception):
    """The file cannot be read as audio. The message gives the reason."""


class Stream(soundfile.SoundFile):  # type: ignore[misc]
    """A sound that is only read from its beginning to its end.

    soundfile seeks after each read wherever a file says that it can. Not all can (GSM 6.10, FLAC of unknown length).

    Attributes:
        trouble: what ffmpeg reported although it decoded the file; '' if nothing.
        stated_s: duration in seconds that the container states, as ffmpeg reads it; None if that is not known.
        cut_off: what ffmpeg said of a file that ends too early; '' if nothing.
    """

    trouble: str = ""
    stated_s: float | None = None
    cut_off: str = ""

    def seekable(self) -> bool:
        """Returns False."""
        return False


@contextlib.contextmanager
def open_sound(path: str) -> Iterator[Stream]:
    """Context manager that opens a file for one pass over its samples. Its content decides how, not its name.

    ffmpeg gets the expected container, because a text file with an audio suffix could otherwise make it read other
    files. It may use no protocol except local files, reads no standard input, and has limits on time and size.

    Args:
        path: of a regular file.

    Raises:
        UnreadableError: libsndfile and ffmpeg cannot decode it, or it needs ffmpeg, which is not installed.
        soundfile.LibsndfileError: libsndfile gives up while the file is read.
        OSError: the file cannot be opened.
    """
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - libsndfile shares the position
        container = container_of(os.pread(file.fileno(), HEAD_BYTES, 0), os.path.splitext(path)[1])  # noqa: PTH122
        reason = ""
        unsized = shutil.which("ffmpeg") is not None and states_no_size(file)  # ffmpeg reads on to the end
        if container is None or not (container.foreign or unsized):
            try:
                # Without a name: libsndfile takes files of unknown content for what their suffix says.
                sound = Stream(file.fileno(), closefd=False)
            except soundfile.LibsndfileError as error:
                reason = f"no readable audio: {error.error_string.strip().rstrip('.')}"
            else:
                with sound:
                    yield sound
                return
    if container is None or (reason and shutil.which("ffmpeg") is None):
        raise UnreadableError(reason)
    with _converted(path, container) as (copy, log), Stream(copy) as sound:
        sound.trouble, sound.stated_s, sound.cut_off = _reported(log)
        if unsized:  # it ends wherever the recorder was stopped
            sound.stated_s, sound.cut_off = None, ""
        yield sound


@contextlib.contextmanager
def _converted(path: str, container: Container) -> Iterator[tuple[str, str]]:
    """Yields a temporary WAV copy, and what ffmpeg said, each line behind its level."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise UnreadableError(f"{container.title} is read through the program ffmpeg, which is not installed")
    with temporary_folder() as folder:
        sound = folder / "sound.wav"
        command = [
            program, "-nostdin", "-hide_banner", "-nostats", "-v", "level+info", "-protocol_whitelist", "file",
            "-f", container.demuxer, "-i", f"file:{os.fspath(path)}",
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
            if machine_lacks(error):
                raise
            raise UnreadableError(f"ffmpeg cannot be run: {error.strerror}") from None
        if b"No space left on device" in ran.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        log = ran.stderr[:_MOST_LOG].decode(errors="replace").replace(str(Path(path)), "")
        if ran.returncode or not sound.is_file():
            raise UnreadableError(f"ffmpeg cannot decode it: {_reported(log)[0] or 'no sound'}")
        yield str(sound), log


def _reported(log: str) -> tuple[str, float | None, str]:
    """Returns ffmpeg's last error, the duration that the file states, and what says that the file was cut off.

    A video may be longer than its sound, and ffmpeg guesses the duration of some files: neither is a stated duration.
    """
    lines = [(found[1], line) for line in log.splitlines() if (found := _LEVEL.search(line))]
    errors = [_LEVEL.sub("", line).strip()[:120] for level, line in lines if level not in {"info", "warning"}]
    cut = [
        _LEVEL.sub("", line).strip()[:120]
        for level, line in lines
        if level != "info" and any(word in line.lower() for word in _CUT_OFF)
    ]
    found = None if _DURATION_UNSURE.search(log) else _DURATION.search(log)
    stated = None if found is None else int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
    return errors[-1] if errors else "", stated, cut[-1] if cut else ""
