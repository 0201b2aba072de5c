"""Functionals: a clip of any number of frames as one vector, by statistics over time.

B. Schuller et al., The INTERSPEECH 2009 Emotion Challenge, 2009, describe the usual ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FUNCTIONALS", "functionals", "sounding_frames"]

FUNCTIONALS = ("mean", "deviation", "p05", "p25", "median", "p75", "p95", "slope", "change")
"""Statistics of one feature over time, in the order of the vector's blocks."""

_PERCENTILES = (5, 25, 50, 75, 95)
_LEAST_FRAMES = 3


def functionals(frames: npt.NDArray[np.floating], sounding: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Returns statistics of each feature over the frames that hold sound.

    These are mean, standard deviation, five percentiles, the slope of a straight line over the whole time, and the
    mean absolute change from frame to frame.

    Args:
        frames: (time, features).
        sounding: (time,) which frames count. If they are fewer than three, all count.

    Returns:
        (9 * features,): one block of features for each of `FUNCTIONALS`.
    """
    chosen = np.asarray(frames if sounding.sum() < _LEAST_FRAMES else frames[sounding], dtype=np.float64)
    mean = chosen.mean(axis=0)
    time = np.linspace(-1.0, 1.0, len(chosen))
    slope = time @ (chosen - mean) / max(float(time @ time), np.finfo(float).tiny)
    change = np.abs(np.diff(chosen, axis=0)).mean(axis=0) if len(chosen) > 1 else np.zeros_like(mean)
    return np.concatenate([mean, chosen.std(axis=0), *np.percentile(chosen, _PERCENTILES, axis=0), slope, change])


def sounding_frames(energy_db: npt.NDArray[np.floating], top_db: float = 60.0) -> npt.NDArray[np.bool_]:
    """Tells which frames hold sound: those less than `top_db` below the loudest.

    Args:
        energy_db: (time,) energy of each frame in dB.
        top_db: range in dB. In features that were cut off at this level, frames at the cut count as silent.
    """
    found: npt.NDArray[np.bool_] = energy_db > energy_db.max() - top_db + 0.1
    return found
