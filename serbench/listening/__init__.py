"""Labels for sound as it comes in: from a microphone, or from a file at its own pace.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.listening.listener import Heard, Listener
    from serbench.listening.sources import file_blocks, microphone_blocks, paced
else:
    __getattr__ = lazy_face(
        __name__,
        {"listener": ("Heard", "Listener"), "sources": ("file_blocks", "microphone_blocks", "paced")},
    )

__all__ = ["Heard", "Listener", "file_blocks", "microphone_blocks", "paced"]
