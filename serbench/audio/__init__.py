"""Audio files: which ones a folder holds, how they are opened, and whether what they hold is usable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.audio.formats import SUFFIXES
    from serbench.audio.opening import machine_lacks
    from serbench.audio.scan import Scan, is_utf8, scan_audio
    from serbench.audio.sound import (
        MAX_SECONDS,
        SILENCE_PEAK,
        AudioHealth,
        ClipState,
        Sound,
        examine_files,
        read_sound,
        sound_of_array,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "formats": ("SUFFIXES",),
            "opening": ("machine_lacks",),
            "scan": ("Scan", "is_utf8", "scan_audio"),
            "sound": (
                "MAX_SECONDS",
                "SILENCE_PEAK",
                "AudioHealth",
                "ClipState",
                "Sound",
                "examine_files",
                "read_sound",
                "sound_of_array",
            ),
        },
    )

__all__ = [
    "MAX_SECONDS",
    "SILENCE_PEAK",
    "SUFFIXES",
    "AudioHealth",
    "ClipState",
    "Scan",
    "Sound",
    "examine_files",
    "is_utf8",
    "machine_lacks",
    "read_sound",
    "scan_audio",
    "sound_of_array",
]
