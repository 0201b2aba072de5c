"""`EntryDetails`: what an entry's page shows besides its report: calibration, slices, audit, listeners, errors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from serbench.audit import AuditRecord, audit_path
from serbench.errors import SerbenchError
from serbench.evaluation import AttributeSlices, ReliabilityBin, SoftEvaluation, reliability, slice_scores
from serbench.results import Results, ScoredEntry
from serbench.site.clips.mask_example import MaskExample, mask_example
from serbench.site.clips.misses import Miss, find_misses
from serbench.site.clips.sounds import Sounds
from serbench.site.sources import Sources
from serbench.spaces import one_config_space

__all__ = ["EntryDetails", "ScoredSlices"]

_MOST_SLICES = 16


@dataclass(frozen=True)
class ScoredSlices:
    """The slices of one attribute, and where there are too many for a page the two ends only.

    Attributes:
        scores: of all slices.
        left_out: slices that are not shown, between the best and the worst.
    """

    scores: AttributeSlices
    left_out: int = 0


@dataclass(frozen=True)
class EntryDetails:
    """Everything that takes more than the entry's own numbers.

    Attributes:
        bins: of the reliability diagram; all refits together.
        slices: by sex, age band, sentence and intensity, as far as they are known.
        audit: the kept one, None where there is none.
        listeners: the human listeners' answers on the same clips.
        space: the configuration as a space file; '' for pooled folds.
        misses: clips that are wrong.
        mask: a spectrogram with its masks.
    """

    bins: tuple[ReliabilityBin, ...]
    slices: tuple[ScoredSlices, ...]
    audit: AuditRecord | None
    listeners: SoftEvaluation | None
    space: str
    misses: tuple[Miss, ...]
    mask: MaskExample | None

    @classmethod
    def of(cls, results: Results, tested: ScoredEntry, sources: Sources, sounds: Sounds) -> EntryDetails:
        """Gathers the details of an entry.

        Args:
            results: where it lies.
            tested: the entry.
            sources: the studies behind it.
            sounds: finds the audio.

        Raises:
            SerbenchError: a record is damaged.
        """
        study, entry = tested.study, tested.entry
        space = ""
        if study.protocol.folds == 1 and not entry.members:
            space = one_config_space(study, entry.config, f"Entry {entry.entry_id} of study {study.name}")
        if not tested.refits:
            return cls((), (), None, None, space, (), None)
        return cls(
            bins=reliability(
                np.concatenate([refit.test_true for refit in tested.refits]),
                np.concatenate([refit.test_probabilities for refit in tested.refits]),
            ),
            slices=_slices(tested, sources),
            audit=_audit(sources, entry.entry_id),
            listeners=_listeners(results, tested),
            space=space,
            misses=find_misses(tested, sources, sounds),
            mask=mask_example(tested, sources, sounds),
        )


def _slices(tested: ScoredEntry, sources: Sources) -> tuple[ScoredSlices, ...]:
    predictions = [refit.test_predicted for refit in tested.refits]
    found = (
        slice_scores(tested.refits[0].test_true, predictions, tested.speakers, tested.study.corpus.labels, attribute)
        for attribute in sources.attributes(tested.refits[0].test_clips)
    )
    return tuple(_shortened(scores) for scores in found)


def _shortened(scores: AttributeSlices) -> ScoredSlices:
    if len(scores.slices) <= _MOST_SLICES:
        return ScoredSlices(scores)
    ordered = sorted(scores.slices, key=lambda one: -(one.recall if one.recall is not None else one.accuracy))
    ends = {one.value for one in (*ordered[: _MOST_SLICES // 2], *ordered[-_MOST_SLICES // 2 :])}
    kept = tuple(one for one in ordered if one.value in ends)
    return ScoredSlices(replace(scores, slices=kept), len(scores.slices) - len(kept))


def _audit(sources: Sources, entry_id: str) -> AuditRecord | None:
    path = audit_path(sources.folders[0], entry_id)
    if not path.is_file():
        return None
    try:
        return AuditRecord.load(path)
    except SerbenchError:  # the audit can be made again; the entry's page does not need it
        return None


def _listeners(results: Results, tested: ScoredEntry) -> SoftEvaluation | None:
    try:
        return results.references(tested).scores("listeners")
    except SerbenchError:  # told on the leaderboard's page
        return None
