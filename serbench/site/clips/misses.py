"""Clips that an entry gets wrong, the surest error of each class first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serbench.features import FeatureSpec
from serbench.results import Refit, ScoredEntry
from serbench.site.clips.sounds import Sounds, clip_key, picture_spec
from serbench.site.sources import Sources

__all__ = ["Miss", "find_misses", "wanted_pictures"]

SHOWN = 6


@dataclass(frozen=True)
class Miss:
    """One clip.

    Attributes:
        clip_id: its name.
        speaker: who said it.
        true: its label.
        predicted: what the model took it for.
        chances: every label with its probability, the likeliest first.
        picture: the way to its spectrogram, None where the audio is not at hand.
        sound: the way to its audio, None unless asked for.
    """

    clip_id: str
    speaker: str
    true: str
    predicted: str
    chances: tuple[tuple[str, float], ...]
    picture: str | None = None
    sound: str | None = None


def find_misses(tested: ScoredEntry, sources: Sources, sounds: Sounds, count: int | None = None) -> tuple[Miss, ...]:
    """Errors of the refit that is best on validation: of each class the surest, then the surest of all others.

    Args:
        tested: the entry, with refits.
        sources: the study's folders.
        sounds: finds the audio.
        count: at the most; None for one a class, and six at least.
    """
    refit, labels = tested.kept_refit, tested.study.corpus.labels
    return tuple(_miss(tested, refit, row, labels, sources, sounds) for row in _rows(refit, count or _shown(tested)))


def wanted_pictures(
    tested: ScoredEntry, sources: Sources, sounds: Sounds
) -> Iterator[tuple[str, Path, FeatureSpec | None]]:
    """The pictures that `find_misses` will ask for."""
    if not tested.refits:
        return
    refit, spec = tested.kept_refit, picture_spec(tested.study.features)
    for row in _rows(refit, _shown(tested)):
        path = sounds.path(sources.folders[0], tested.study.corpus, refit.test_clips[row])
        if path is not None:
            yield clip_key(tested.study, refit.test_clips[row]), path, spec


def _shown(tested: ScoredEntry) -> int:
    return max(SHOWN, len(tested.study.corpus.labels))


def _rows(refit: Refit, count: int) -> list[int]:
    """Rows of the errors that are shown."""
    wrong = np.flatnonzero(refit.test_predicted != refit.test_true)
    surest = wrong[np.argsort(-refit.test_probabilities[wrong].max(axis=1), kind="stable")]
    first_of_class = dict.fromkeys(int(refit.test_true[row]) for row in surest)
    firsts = [next(row for row in surest if refit.test_true[row] == place) for place in first_of_class]
    rest = [row for row in surest if row not in set(firsts)]
    return [int(row) for row in [*firsts, *rest][:count]]


def _miss(
    tested: ScoredEntry, refit: Refit, row: int, labels: tuple[str, ...], sources: Sources, sounds: Sounds
) -> Miss:
    clip = refit.test_clips[row]
    chances = refit.test_probabilities[row]
    path = sounds.path(sources.folders[0], tested.study.corpus, clip)
    return Miss(
        clip,
        tested.speakers[row],
        labels[refit.test_true[row]],
        labels[refit.test_predicted[row]],
        tuple((labels[place], float(chances[place])) for place in np.argsort(-chances, kind="stable")),
        None
        if path is None
        else sounds.picture(clip_key(tested.study, clip), path, picture_spec(tested.study.features)),
        None if path is None else sounds.sound(clip_key(tested.study, clip), path),
    )
