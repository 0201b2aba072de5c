"""Misclassified clips, the most confident mistake of each class first."""

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
    """One misclassified clip.

    Attributes:
        clip_id: id of the clip.
        speaker: its speaker.
        true: the true label.
        predicted: the predicted label.
        chances: all labels with their predicted probabilities, the highest first.
        picture: URL of its spectrogram; None if the audio is not on this machine.
        sound: URL of its audio; None if the audio is not on this machine, or the site has no audio.
    """

    clip_id: str
    speaker: str
    true: str
    predicted: str
    chances: tuple[tuple[str, float], ...]
    picture: str | None = None
    sound: str | None = None


def find_misses(tested: ScoredEntry, sources: Sources, sounds: Sounds, count: int | None = None) -> tuple[Miss, ...]:
    """Finds mistakes of the refit with the best validation score.

    The most confident mistake of each class comes first, then the most confident of all others.

    Args:
        tested: the scored entry, with refits.
        sources: the studies that it comes from.
        sounds: finds the audio of clips.
        count: maximum number of mistakes; None for one for each class, but at least six.
    """
    refit, labels = tested.kept_refit, tested.study.corpus.labels
    return tuple(_miss(tested, refit, row, labels, sources, sounds) for row in _rows(refit, count or _shown(tested)))


def wanted_pictures(
    tested: ScoredEntry, sources: Sources, sounds: Sounds
) -> Iterator[tuple[str, Path, FeatureSpec | None]]:
    """Key, audio file and settings of the pictures that `find_misses` needs."""
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
    """Rows of the mistakes to show."""
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
