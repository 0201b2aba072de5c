"""Clip tables to split: any that hypothesis can think of, and one with CREMA-D's counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from serbench.protocols import Ratio

SINGLE = ("speaker", "random", "sentence")
"""Protocols of one fold and one order, for which everything that holds for a split can be asked."""

LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")


@st.composite
def clip_tables(draw: st.DrawFn, min_speakers: int = 4) -> pd.DataFrame:
    """Speakers with unequal numbers of clips, some without a sex; some clips byte-identical, some never hashed."""
    labels = LABELS[: draw(st.integers(2, 4))]
    sizes = draw(st.lists(st.integers(1, 12), min_size=min_speakers, max_size=14))
    sexes = draw(st.lists(st.sampled_from(["female", "male", None]), min_size=len(sizes), max_size=len(sizes)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    speakers = np.repeat(np.arange(len(sizes)), sizes)
    table = pd.DataFrame(
        {
            "clip_id": [f"clip{i:03}" for i in range(len(speakers))],
            "label": rng.permutation(np.resize(labels, len(speakers))),
            "speaker": [f"speaker{s}" for s in speakers],
            "sex": [sexes[s] for s in speakers],
            "sentence": [f"sentence{i}" for i in rng.integers(0, 6, len(speakers))],
        }
    )
    if draw(st.booleans()):
        digests = np.array([f"audio{i}" for i in range(len(table))], dtype=object)
        twins = rng.integers(0, len(table), draw(st.integers(0, 4)))
        digests[twins] = digests[rng.permutation(twins)] if draw(st.booleans()) else digests[twins[:1]]
        if draw(st.booleans()):
            digests[rng.random(len(table)) < 0.2] = None
        table["digest"] = digests
    return table


@st.composite
def ratios(draw: st.DrawFn) -> Ratio:
    """Ratios that contain cores of 20 % test and 10 % validation."""
    test = draw(st.integers(40, 120))  # in halves of a percent
    validation = draw(st.integers(20, 190 - test))
    return Ratio.parse(f"{(200 - test - validation) / 2}/{validation / 2}/{test / 2}")


def crema_like() -> pd.DataFrame:
    """7,442 clips of 91 speakers (43 female, 48 male): CREMA-D's counts, spread evenly over the speakers."""
    counts = dict.fromkeys(LABELS, 1271) | {"neutral": 1087}
    labels = [label for label, count in counts.items() for _ in range(count)]
    speakers = [f"{1001 + i % 91}" for i in range(len(labels))]
    return pd.DataFrame(
        {
            "clip_id": [f"{speaker}_{i:05}" for i, speaker in enumerate(speakers)],
            "label": labels,
            "speaker": speakers,
            "sex": ["female" if int(speaker) < 1044 else "male" for speaker in speakers],
            "sentence": [f"sentence{i * 7919 % 12:02}" for i in range(len(labels))],
        }
    )
