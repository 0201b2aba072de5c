"""Codecs: a voice as it comes out of a telephone call, a voice message or a compressed file.

libsndfile writes all of them. Where it was built without one, the program ffmpeg does, if it is installed.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from serbench.errors import SerbenchError
from serbench.features.audio import Waveform

__all__ = ["CODECS", "ENCODERS", "Codec", "encoder_of", "through_codec"]

_TIME_LIMIT_S: Final = 60
_MOST_DELAY_S: Final = 0.2
_HEAD_S: Final = 2.0

Program = Literal["libsndfile", "ffmpeg", ""]


@dataclass(frozen=True)
class Codec:
    """A codec with its settings.

    Attributes:
        name: what people call it.
        sample_rate: rate in Hz at which it is fed.
        container: format and subtype by libsndfile's names.
        settings: further settings of libsndfile.
        ffmpeg: the same for ffmpeg: options of the output, the last one its format; empty where libsndfile always can.
    """

    name: str
    sample_rate: int
    container: tuple[str, str]
    settings: tuple[tuple[str, Any], ...]
    ffmpeg: tuple[str, ...]


CODECS: Final = {
    # libsndfile counts from 1 (6 kbit/s) to 0 (256 kbit/s) for Opus, and from 1 (8) to 0 (160) for MP3 at 16 kHz.
    "gsm": Codec("GSM 06.10", 8_000, ("WAV", "GSM610"), (), ()),
    "opus": Codec(
        "Opus at 12 kbit/s", 16_000, ("OGG", "OPUS"), (("compression_level", 1 - (12 - 6) / (256 - 6)),),
        ("-c:a", "libopus", "-b:a", "12k", "-f", "ogg"),
    ),
    "mp3": Codec(
        "MP3 at 32 kbit/s", 16_000, ("MP3", "MPEG_LAYER_III"),
        (("compression_level", 0.85), ("bitrate_mode", "CONSTANT")),
        ("-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"),
    ),
}  # fmt: skip


def encoder_of(codec: Codec) -> Program:
    """Returns what encodes this codec here: libsndfile, else ffmpeg; '' if neither can."""
    tone = (np.sin(np.arange(codec.sample_rate) / 10) / 2).astype(np.float32)
    for program in ("libsndfile", "ffmpeg"):
        try:
            ENCODERS[program](codec, tone)
        except SerbenchError:
            continue
        return program
    return ""


def through_codec(waveform: Waveform, sample_rate: int, codec: Codec, program: Program = "libsndfile") -> Waveform:
    """Encodes and decodes a waveform. The delay of the codec is taken out.

    Args:
        waveform: (samples,), full scale at 1.0. What lies above is clipped, as every codec does.
        sample_rate: in Hz, of argument and result.
        codec: the codec. The waveform is resampled to its rate and back.
        program: what encodes it.

    Returns:
        float32 (samples,).

    Raises:
        SerbenchError: the codec cannot be encoded here.
    """
    import soundfile
    import soxr

    fed = np.clip(soxr.resample(waveform, sample_rate, codec.sample_rate, quality="HQ"), -1.0, 1.0)
    data = ENCODERS[program](codec, np.asarray(fed, dtype=np.float32))
    decoded, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    aligned = _without_delay(np.asarray(decoded, dtype=np.float32), fed, codec.sample_rate)
    back = np.asarray(soxr.resample(aligned, rate, sample_rate, quality="HQ"), dtype=np.float32)
    return np.pad(back, (0, max(0, len(waveform) - len(back))))[: len(waveform)]


def _with_libsndfile(codec: Codec, waveform: Waveform) -> bytes:
    import soundfile

    memory = io.BytesIO()
    container, subtype = codec.container
    try:
        with soundfile.SoundFile(
            memory, "w", codec.sample_rate, 1, subtype=subtype, format=container, **dict(codec.settings)
        ) as file:
            file.write(waveform)
    except (soundfile.LibsndfileError, ValueError) as error:
        raise SerbenchError(f"libsndfile cannot write {codec.name}: {error}") from None
    return memory.getvalue()


def _with_ffmpeg(codec: Codec, waveform: Waveform) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None or not codec.ffmpeg:
        raise SerbenchError(f"{codec.name} needs the program ffmpeg, which is not installed")
    command = [
        program, "-v", "error", "-protocol_whitelist", "pipe", "-f", "f32le", "-ar", str(codec.sample_rate), "-ac", "1",
        "-i", "pipe:0", *codec.ffmpeg, "pipe:1",
    ]  # fmt: skip
    try:
        ran = subprocess.run(
            command, input=waveform.astype("<f4").tobytes(), capture_output=True, timeout=_TIME_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SerbenchError(f"ffmpeg cannot write {codec.name}: {error}") from None
    if ran.returncode or not ran.stdout:
        reason = (ran.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise SerbenchError(f"ffmpeg cannot write {codec.name}: {reason[:120]}")
    return ran.stdout


ENCODERS: Final = {"libsndfile": _with_libsndfile, "ffmpeg": _with_ffmpeg}
"""By program, what encodes a waveform at the rate of a codec: the bytes of a file."""


def _without_delay(decoded: Waveform, original: Waveform, sample_rate: int) -> Waveform:
    """Moves a decoded waveform to where it correlates best with the original, by at most `_MOST_DELAY_S`."""
    from scipy import signal

    head, most = original[: int(_HEAD_S * sample_rate)], int(_MOST_DELAY_S * sample_rate)
    window = decoded[: len(head) + most]
    if not len(head) or len(window) < len(head):
        return decoded
    likeness = signal.correlate(window, head, mode="valid", method="fft")
    return decoded[int(np.argmax(likeness)) :]
