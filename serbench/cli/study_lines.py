"""Lines of the progress displays: a study, a configuration, a cross-validation to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serbench.records import StudyRecord
from serbench.render import duration, speakers

__all__ = ["differing", "headline", "shortlist_line", "varying_first"]


def differing(config: dict[str, Any], searched: Sequence[str], shown: Mapping[str, str], limit: int = 4) -> str:
    """Summarises the searched hyperparameters of a configuration.

    Args:
        config: hyperparameters by name.
        searched: names of the hyperparameters that vary.
        shown: names of those to show, see `Hyperparameters.live_fields`. 'named' shows name and value, 'value' the
            value only, unless it is 'none', which alone says nothing.
        limit: largest number of hyperparameters shown.

    >>> differing({"optimizer": "adam", "depth": 3}, ["optimizer", "depth"], {"optimizer": "value", "depth": "named"})
    'adam depth 3'
    """
    parts = []
    for name in searched:
        value = config.get(name)
        if name in shown:
            words = f"{value:.2g}" if isinstance(value, float) else f"{value}"
            parts.append(f"{name} {words}" if shown[name] == "named" or value == "none" else words)
    return " ".join(parts[:limit])


def varying_first(searched: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sorts hyperparameters so that those come first in which these configurations differ.

    >>> varying_first(["optimizer", "depth"], [{"optimizer": "adam", "depth": 2}, {"optimizer": "adam", "depth": 3}])
    ['depth', 'optimizer']
    """
    return sorted(searched, key=lambda name: len({str(config.get(name)) for config in configs}) < 2)


def shortlist_line(configurations: int, folds: int, fits: int, seconds: float) -> str:
    """Announces a shortlist's cross-validation.

    >>> shortlist_line(5, 5, 25, 7800.0)
    'comparing the best configurations by cross-validation: 5 x 5 fits, about 2 h 10 min'
    >>> shortlist_line(5, 5, 4, 61.0)
    'comparing the best configurations by cross-validation: 5 x 5 fits, 4 of them to go, about 1 min 1 s'
    """
    rest = "" if fits == configurations * folds else f", {fits} of them to go"
    what = f"{configurations} x {folds} fits{rest}, about {duration(seconds)}"
    return f"comparing the best configurations by cross-validation: {what}"


def headline(record: StudyRecord) -> str:
    """Describes a study in one line: family, corpus, clips, speakers, emotions, protocol and its fold."""
    corpus = f"{record.corpus.title}{' (synthetic)' if record.corpus.synthetic else ''}"
    fold = f", fold {record.protocol.fold} of {record.protocol.folds}" if record.protocol.folds > 1 else ""
    return (
        f"{record.family} on {corpus}: {record.corpus.clips:,} clips, {speakers(record.corpus.speakers)}, "
        f"{len(record.corpus.labels)} emotions, protocol {record.protocol.name}{fold}"
    )
