"""What happens to speech on its way: noise, rooms, telephones, codecs, and recordings at another level or speed.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.features.distortions.codecs import CODECS, ENCODERS, Codec, encoder_of, through_codec
    from serbench.features.distortions.noise import add_noise, babble, speech_shaped, stream_of, white_noise
    from serbench.features.distortions.recording import (
        TELEPHONE_HZ,
        at_pitch,
        at_speed,
        band_limited,
        clipped,
        cut_end,
        cut_start,
        scaled,
    )
    from serbench.features.distortions.rooms import Room, in_room, reverberation_s, room_responses
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "codecs": ("CODECS", "ENCODERS", "Codec", "encoder_of", "through_codec"),
            "noise": ("add_noise", "babble", "speech_shaped", "stream_of", "white_noise"),
            "recording": (
                "TELEPHONE_HZ",
                "at_pitch",
                "at_speed",
                "band_limited",
                "clipped",
                "cut_end",
                "cut_start",
                "scaled",
            ),
            "rooms": ("Room", "in_room", "reverberation_s", "room_responses"),
        },
    )

__all__ = [
    "CODECS",
    "ENCODERS",
    "TELEPHONE_HZ",
    "Codec",
    "Room",
    "add_noise",
    "at_pitch",
    "at_speed",
    "babble",
    "band_limited",
    "clipped",
    "cut_end",
    "cut_start",
    "encoder_of",
    "in_room",
    "reverberation_s",
    "room_responses",
    "scaled",
    "speech_shaped",
    "stream_of",
    "through_codec",
    "white_noise",
]
