"""Ensembles: the mean of the recorded probabilities of several entries. Nothing is predicted again.

The members are the finalists of a study, or of each family that was tested on the same clips the entry with the best
validation score. They were chosen on validation data or named in the space file, so test scores play no part in the
choice. A bag is no member, since its networks are of one entry. The r-th refit of the ensemble averages the r-th refits
of all members, so the ensemble has an interval over speakers and seeds like any entry. It is not a single model: it is
not exported and never `selected`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from serbench.evaluation import evaluate
from serbench.records import EntryRecord, ModelCost, digest_of
from serbench.results.choice import choose
from serbench.results.scored_entry import Refit, ScoredEntry, SubsetPredictions

__all__ = ["ENSEMBLE", "ensemble_id", "make_ensemble", "make_family_ensemble"]

ENSEMBLE = "ensemble"
"""Family of an ensemble, and the prefix of its id."""


def ensemble_id(entries: Iterable[EntryRecord]) -> str:
    """Id of the ensemble of a study's entries. Leaves out bags and entries without refits; reads no predictions."""
    return f"{ENSEMBLE}-{digest_of([entry.entry_id for entry in entries if _is_member(entry)], length=6)}"


def make_ensemble(entries: Sequence[ScoredEntry]) -> ScoredEntry | None:
    """Makes the ensemble of a study's entries.

    Args:
        entries: the scored entries of one study.

    Returns:
        The ensemble; None if fewer than two finalists have refits, or if these were not tested on the same clips.
    """
    members = [one for one in entries if _is_member(one.entry)]
    return _together(members, f"mean of {len(members)} finalists")


def make_family_ensemble(entries: Iterable[ScoredEntry]) -> ScoredEntry | None:
    """Makes the ensemble of the best entries of all families, each chosen among its family by validation score.

    Args:
        entries: the scored entries of one comparison group, of any studies. Those that fail their checks are left out.

    Returns:
        The ensemble; None if there are fewer than two families.
    """
    families: dict[str, list[ScoredEntry]] = {}
    for one in entries:
        if _is_member(one.entry) and not one.entry.members and not one.problems:
            families.setdefault(one.entry.family, []).append(one)
    chosen = {family: choose(found) for family, found in sorted(families.items())}
    members = [
        one for family, found in sorted(families.items()) for one in found if one.entry.entry_id == chosen[family]
    ]
    names = ", ".join(one.entry.entry_id for one in members)
    return _together(members, f"mean of the best of {len(members)} families by validation: {names}")


def _together(members: Sequence[ScoredEntry], origin: str) -> ScoredEntry | None:
    """The ensemble of entries; None if there are fewer than two, or if they were not tested on the same clips."""
    if len(members) < 2 or len({one.refits[0].test_clips for one in members}) > 1:
        return None
    repeats = min(len(one.refits) for one in members)
    labels = members[0].study.corpus.labels
    fronts = [digest_of(one.study.features) for one in members]
    refits = tuple(
        _averaged([one.refits[repeat] for one in members], fronts, labels, repeat) for repeat in range(repeats)
    )
    studies = {one.study.name: one for one in members}
    study = members[0].study.model_copy(update={"name": " and ".join(studies)})
    return ScoredEntry(
        study,
        _entry(members, repeats, study.name, origin, refits[0].record.value),
        refits,
        members[0].speakers,
        sum(one.trials for one in studies.values()),
        problems=tuple(f"{one.entry.entry_id}: {text}" for one in members for text in one.problems),
        unchecked=tuple(dict.fromkeys(text for one in members for text in one.unchecked)),
        chosen_on=tuple(sorted({speaker for one in members for speaker in one.chosen_on})),
        together=tuple(one.study for one in studies.values()),
    )


def _is_member(entry: EntryRecord) -> bool:
    return bool(entry.refits) and not entry.bag


def _averaged(parts: Sequence[Refit], fronts: Sequence[str], labels: tuple[str, ...], repeat: int) -> Refit:
    first = parts[0]
    probabilities = np.mean([part.test_probabilities for part in parts], axis=0)
    predicted = probabilities.argmax(axis=1).astype(np.int64)
    evaluations = {"test": evaluate(first.test_true, predicted, labels)}
    validation = _validation(parts)
    if validation is not None:
        evaluations["validation"] = evaluate(validation.true, validation.probabilities, labels)
    record = first.record.model_copy(
        update={
            "job_id": f"refit {repeat} of each",
            "value": evaluations["validation"].mean_recall_present if validation is not None else None,
            "epochs": (),
            "best_epoch": None,
            "scores": {},
            "parameters": _sum([part.record.parameters for part in parts]),
            "cost": _cost([part.record.cost for part in parts], fronts),
            "seconds": {"fit": sum(part.train_seconds for part in parts)},
        }
    )
    return Refit(record, evaluations, first.test_clips, first.test_true, predicted, probabilities, validation)


def _validation(parts: Sequence[Refit]) -> SubsetPredictions | None:
    answers = [part.validation for part in parts]
    found = [one for one in answers if one is not None and one.clips]
    if len(found) < len(parts) or len({one.clips for one in found}) > 1:
        return None
    return SubsetPredictions(found[0].clips, found[0].true, np.mean([one.probabilities for one in found], axis=0))


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _cost(costs: Sequence[ModelCost | None], fronts: Sequence[str]) -> ModelCost | None:
    """Total cost; members with the same front end share its features, which are counted once."""
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    features = {front: cost.features_ms for front, cost in reversed(list(zip(fronts, known, strict=True)))}
    counted = [milliseconds for milliseconds in features.values() if milliseconds is not None]
    total: dict[str, float | None] = {
        "multiply_accumulates": _sum([cost.multiply_accumulates for cost in known]),
        "model_bytes": sum(cost.model_bytes for cost in known),
        "model_ms": sum(cost.model_ms for cost in known),
        "features_ms": sum(counted) if len(counted) == len(features) else None,
    }
    return known[0].model_copy(update=total)  # not checked: the limits are those of a single network


def _entry(
    members: Sequence[ScoredEntry], repeats: int, study: str, origin: str, validation: float | None
) -> EntryRecord:
    entries = [one.entry for one in members]
    judged = all(entry.out_of_fold is not None for entry in entries)
    return EntryRecord(
        entry_id=ensemble_id(entries),
        study=study,
        family=ENSEMBLE,
        origin=origin,
        config={entry.entry_id: entry.config for entry in entries},
        search_value=None,
        out_of_fold=validation if judged else None,
        refits=tuple(f"refit {repeat} of each" for repeat in range(repeats)),
        members=tuple(entry.entry_id for entry in entries),
        looks=sum(entry.looks for entry in entries),
        created=max(entry.created for entry in entries),
    )
