"""`EntryDetails`: extra content of an entry's page: calibration, slices, audit, listeners, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from serbench.audit import AuditRecord, audit_path, saved_audit
from serbench.audit.robustness import told_robustness
from serbench.corpora import people_of
from serbench.errors import SerbenchError
from serbench.evaluation import Attribute, AttributeSlices, ReliabilityBin, SoftEvaluation, reliability, slice_scores
from serbench.records import StudyRecord
from serbench.results import Results, ScoredEntry, VoteRow, why_unranked
from serbench.site.clips.mask_example import MaskExample, mask_example
from serbench.site.clips.misses import Miss, find_misses
from serbench.site.clips.sounds import Sounds
from serbench.site.sources import Sources
from serbench.spaces import one_config_space

__all__ = ["EntryDetails", "ScoredSlices"]

_MOST_SLICES = 16


@dataclass(frozen=True)
class ScoredSlices:
    """Scores by the values of one attribute. If there are too many for a page, the best and the worst are kept.

    Attributes:
        scores: scores of the slices that are shown.
        left_out: number of slices between the best and the worst that are not shown.
    """

    scores: AttributeSlices
    left_out: int = 0


@dataclass(frozen=True)
class EntryDetails:
    """Content of an entry's page that needs more data than the entry's report.

    Attributes:
        bins: bins of the reliability diagram, all refits together.
        slices: scores by sex, age band, sentence and intensity, as far as they are known.
        slice_notes: why clips are in no slice by an attribute.
        audit: the stored audit; None if there is none.
        listeners: scores of the human listeners on the same clips; None if unknown.
        votes: how close its probabilities are to the listeners' votes; None if there are none.
        space: the configuration as a space file; '' for pooled folds and ensembles.
        misses: misclassified clips.
        mask: a spectrogram before and after masking; None without masks or audio.
    """

    bins: tuple[ReliabilityBin, ...]
    slices: tuple[ScoredSlices, ...]
    slice_notes: tuple[str, ...]
    audit: AuditRecord | None
    listeners: SoftEvaluation | None
    votes: VoteRow | None
    space: str
    misses: tuple[Miss, ...]
    mask: MaskExample | None

    @classmethod
    def of(cls, results: Results, tested: ScoredEntry, sources: Sources, sounds: Sounds) -> EntryDetails:
        """Collects the details of an entry.

        Args:
            results: the results folder.
            tested: the scored entry.
            sources: the studies that the entry comes from.
            sounds: finds the audio of clips.

        Raises:
            SerbenchError: a record is damaged.
        """
        study, entry = tested.study, tested.entry
        space = ""
        if study.protocol.folds == 1 and not entry.members:
            title = f"Entry {entry.entry_id} of study {study.name}"
            space = one_config_space(study, entry.config, title, _chosen_on(tested, sources))
        if not tested.refits:
            return cls((), (), (), None, None, None, space, (), None)
        attributes, notes = sources.attributes(tested.refits[0].test_clips)
        return cls(
            bins=reliability(
                np.concatenate([refit.test_true for refit in tested.refits]),
                np.concatenate([refit.test_probabilities for refit in tested.refits]),
            ),
            slices=_slices(tested, attributes),
            slice_notes=notes,
            audit=_audit(sources, entry.entry_id, tested.study),
            listeners=_listeners(results, tested),
            votes=results.votes(tested),
            space=space,
            misses=find_misses(tested, sources, sounds),
            mask=mask_example(tested, sources, sounds),
        )


def _chosen_on(tested: ScoredEntry, sources: Sources) -> set[tuple[str, str]]:
    """Whom an entry's configuration was chosen on, as (corpus, speaker): all who train or validate.

    Those who chose the configurations that its study began with are among them.
    """
    record = tested.study
    names = (name.partition("/") for chosen in record.chosen_on.values() for name in chosen)
    found = {(corpus, speaker) for corpus, _, speaker in names}
    if not tested.refits:
        return found
    is_tested = sources.clips.index.isin(tested.refits[0].test_clips)
    unheard, heard = (set(people_of(sources.clips[rows], record.corpus)) for rows in (is_tested, ~is_tested))
    # Clips of test speakers that no subset holds, as under speaker+sentence, have chosen nothing.
    return found | (heard if record.protocol.shares_speakers else heard - unheard)


def _slices(tested: ScoredEntry, attributes: Sequence[Attribute]) -> tuple[ScoredSlices, ...]:
    predictions = [refit.test_predicted for refit in tested.refits]
    found = (
        slice_scores(tested.refits[0].test_true, predictions, tested.speakers, tested.study.corpus.labels, attribute)
        for attribute in attributes
    )
    bare = bool(why_unranked(tested.study.protocol))
    return tuple(_shortened(scores.without_tests() if bare else scores) for scores in found)


def _shortened(scores: AttributeSlices) -> ScoredSlices:
    if len(scores.slices) <= _MOST_SLICES:
        return ScoredSlices(scores)
    ordered = sorted(scores.slices, key=lambda one: -(one.recall if one.recall is not None else one.accuracy))
    ends = {one.value for one in (*ordered[: _MOST_SLICES // 2], *ordered[-_MOST_SLICES // 2 :])}
    kept = tuple(one for one in ordered if one.value in ends)
    return ScoredSlices(replace(scores, slices=kept), len(scores.slices) - len(kept))


def _audit(sources: Sources, entry_id: str, study: StudyRecord) -> AuditRecord | None:
    found = saved_audit(audit_path(sources.folders[0], entry_id))
    return found and found.model_copy(update={"robustness": told_robustness(found, study)})


def _listeners(results: Results, tested: ScoredEntry) -> SoftEvaluation | None:
    try:
        return results.references(tested).scores("listeners")
    except SerbenchError:  # the leaderboard's page names the damaged reference
        return None
