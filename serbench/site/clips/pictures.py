"""Mel spectrograms as small PNG files."""

from __future__ import annotations

import functools
import io

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["mel_png"]

_RANGE_DB = 70.0


def mel_png(mel: ArrayLike, top: float | None = None) -> bytes:
    """Draws a spectrogram: time to the right, high bands at the top, bright is loud.

    Args:
        mel: (n_mels, frames) in dB.
        top: level in dB of the brightest colour; None for the loudest cell.

    Returns:
        A PNG file with one pixel a cell, in 256 colours.

    Raises:
        ValueError: `mel` is empty or does not have two dimensions.
    """
    from PIL import Image

    cells = np.asarray(mel, dtype=np.float64)
    if cells.ndim != 2 or cells.size == 0:
        raise ValueError(f"a spectrogram has bands and frames, not the shape {cells.shape}")
    highest = float(cells.max()) if top is None else top
    shares = np.clip((cells - (highest - _RANGE_DB)) / _RANGE_DB, 0, 1)
    image = Image.fromarray(np.flipud((255 * shares).astype(np.uint8)))
    image.putpalette(_palette())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


@functools.cache
def _palette() -> bytes:
    """Cividis: brightness rises evenly, for colour-blind readers, too (Nunez et al., PLoS ONE 13, 2018)."""
    import plotly.colors

    scale = plotly.colors.get_colorscale("Cividis")
    colours = plotly.colors.sample_colorscale(scale, 256, colortype="tuple")
    return bytes(round(255 * part) for colour in colours for part in colour)
