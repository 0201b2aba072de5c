"""Archives for the tests: of sound, and of what nobody should unpack."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import soundfile
from corpora_files import noise


def wav() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, noise(), 16000, format="WAV")
    return out.getvalue()


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return path
