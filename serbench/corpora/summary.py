"""Statistics of a corpus, as plain data for tables and JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pandas as pd

from serbench.corpora.study_clips import StudyClips

__all__ = ["corpus_summary"]

_SEXES: Final = ("female", "male", "unknown")


def corpus_summary(clips: StudyClips) -> dict[str, Any]:
    """Computes statistics of a corpus: clips, classes, speakers, hours.

    Args:
        clips: the usable and the excluded clips of a corpus.

    Returns:
        A JSON-able dict with the stable keys `corpus, title, synthetic, licence, licence_url, citation, homepage,
        digest, labels, clips, speakers, clips_per_label, clips_per_speaker, clips_per_label_and_sex,
        speakers_per_sex, duration_s` (min, median, max), `hours, sample_rates` (Hz as text -> clips),
        `channels, health` (state -> clips, `ok` among them), `excluded` and `findings` (kind, severity, message,
        clips).
    """
    table = clips.table
    corpus = clips.corpus
    sexes = table["sex"].fillna("unknown")
    shown = [sex for sex in _SEXES if (sexes == sex).any()]
    durations = table["duration_s"]
    return {
        "corpus": corpus.name,
        "title": corpus.title,
        "synthetic": corpus.synthetic,
        "licence": corpus.licence,
        "licence_url": corpus.licence_url,
        "citation": corpus.citation,
        "homepage": corpus.homepage,
        "digest": clips.digest,
        "labels": list(clips.labels),
        "clips": len(table),
        "speakers": int(table["speaker"].nunique()),
        "clips_per_label": {label: int((table["label"] == label).sum()) for label in clips.labels},
        "clips_per_speaker": _counts(table["speaker"]),
        "clips_per_label_and_sex": {
            label: {sex: int(((table["label"] == label) & (sexes == sex)).sum()) for sex in shown}
            for label in clips.labels
        },
        "speakers_per_sex": {sex: int(table.loc[sexes == sex, "speaker"].nunique()) for sex in shown},
        "duration_s": {
            "min": round(float(durations.min()), 3),
            "median": round(float(durations.median()), 3),
            "max": round(float(durations.max()), 3),
        },
        "hours": round(float(durations.sum()) / 3600, 3),
        "sample_rates": _counts(table["sample_rate"]),
        "channels": _counts(table["channels"]),
        "health": {"ok": len(table), **Counter(reason for _, reason in clips.excluded)},
        "excluded": [{"clip_id": clip, "reason": reason} for clip, reason in clips.excluded],
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "message": finding.message,
                "clips": list(finding.clips),
            }
            for finding in clips.findings
        ],
    }


def _counts(column: pd.Series[Any]) -> dict[str, int]:
    return {str(value): int(count) for value, count in column.value_counts().sort_index().items()}
