"""The page of a corpus: classes by speaker, durations, loudness, one spectrogram for each class, and findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from serbench.corpora import UNKNOWN_SPEAKER, StudyClips, corpus_summary
from serbench.features import LogMelSettings
from serbench.records import write_text_atomic
from serbench.render import plural
from serbench.site.charts.corpus import corpus_charts
from serbench.site.clips.media import Inline
from serbench.site.clips.sounds import Sounds
from serbench.site.pages import Pages

__all__ = ["corpus_page", "write_corpus_page"]


def write_corpus_page(clips: StudyClips, path: Path) -> None:
    """Writes the page as a single self-contained file.

    Raises:
        SerbenchError: the file cannot be written.
    """
    write_text_atomic(path, corpus_page(clips))


def corpus_page(clips: StudyClips) -> str:
    """Renders the page as HTML. All names are escaped."""
    summary = corpus_summary(clips)
    return Pages(embedded=True).render(
        "corpus.html",
        plotly=True,
        summary=summary,
        speakers="speakers not named" if _is_nameless(summary) else plural(summary["speakers"], "speaker"),
        facts=_facts(summary),
        charts=corpus_charts(clips.table),
        pictures=_pictures(clips),
        here="corpus",
    )


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    duration = summary["duration_s"]
    found = [
        ("clips", f"{summary['clips']:,} usable, {len(summary['excluded']):,} left out, {summary['hours']:.2f} h"),
        ("speakers", "none named" if _is_nameless(summary) else f"{summary['speakers']:,}"),
        ("durations", f"{duration['min']:.2f} s to {duration['max']:.2f} s, median {duration['median']:.2f} s"),
        ("rates", ", ".join(f"{int(rate):,} Hz ({count:,})" for rate, count in summary["sample_rates"].items())),
        ("channels", ", ".join(f"{number} ({count:,})" for number, count in summary["channels"].items())),
        ("licence", f"{summary['licence']} {summary['licence_url']}".strip()),
        ("citation", summary["citation"]),
    ]
    return [(name, text) for name, text in found if text]


def _is_nameless(summary: dict[str, Any]) -> bool:
    """Whether no clip names its speaker. They then count as one, and may be many."""
    return set(summary["clips_per_speaker"]) == {UNKNOWN_SPEAKER}


def _pictures(clips: StudyClips) -> list[tuple[str, str, str]]:
    """Label, clip id and picture of the clip with the median level of each class."""
    sounds = Sounds(Inline())
    table = clips.table
    rate = int(min(16_000, table["sample_rate"].min()))
    longest = float(min(6.0, table["duration_s"].median() * 1.5))
    spec = LogMelSettings(sample_rate=max(rate, 4_000), duration_s=max(longest, 0.2), top_db=70.0)
    found = []
    for label in clips.labels:
        own = table[table["label"] == label]
        place = int(np.argsort(own["rms"].to_numpy(), kind="stable")[len(own) // 2])
        clip = own.iloc[place]
        url = sounds.picture(f"{clips.digest}/{clip['clip_id']}", Path(str(clip["path"])), spec)
        if url is not None:
            found.append((label, str(clip["clip_id"]), url))
    return found
