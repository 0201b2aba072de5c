"""Folded protocols: the predictions of all folds are pooled into one entry, so that every speaker is tested once.

Each fold is a study of its own. Its selected entry was chosen on speakers that the fold does not test. The r-th refit
of the pooled entry joins the r-th refits of these entries. A single fold has no row, because it has too few test
speakers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from serbench.evaluation import Evaluation
from serbench.records import EntryRecord, StudyRecord, digest_of
from serbench.results.scored_entry import SUBSETS, Refit, ScoredEntry, mean

__all__ = ["pool", "pooled_id"]


def pooled_id(entries: Sequence[EntryRecord]) -> str:
    """Id of the entry that pools these entries: the selected ones of all folds, in the order of the folds."""
    return f"{entries[0].family}-{digest_of([entry.entry_id for entry in entries], length=6)}"


def pool(name: str, members: Sequence[ScoredEntry]) -> ScoredEntry:
    """Makes the entry that pools a run's folds.

    Args:
        name: name of the run.
        members: the selected entry of each fold, or the ensemble of its finalists, in the order of the folds.
    """
    repeats = min(len(tested.refits) for tested in members)
    judged: Sequence[float | None] = [tested.entry.out_of_fold for tested in members]
    if None not in judged:  # the entry has an out-of-fold score, so its runs keep their own
        judged = (None,) * len(members)
    refits = tuple(_joined([one.refits[repeat] for one in members], judged, repeat) for repeat in range(repeats))
    speakers = tuple(speaker for tested in members for speaker in tested.speakers)
    order = np.argsort([clip for tested in members for clip in tested.refits[0].test_clips], kind="stable")
    return ScoredEntry(
        _study(name, members),
        _entry(name, members, repeats),
        refits,
        tuple(speakers[row] for row in order),
        sum(tested.trials for tested in members),
        problems=tuple(f"fold {one.study.protocol.fold}: {text}" for one in members for text in one.problems),
        unchecked=tuple(dict.fromkeys(text for one in members for text in one.unchecked)),
        chosen_on=tuple(sorted({speaker for one in members for speaker in one.chosen_on})),
    )


def _joined(parts: Sequence[Refit], judged: Sequence[float | None], repeat: int) -> Refit:
    """Joins one refit of each fold. The test clips are sorted by id.

    Args:
        parts: the refits.
        judged: the out-of-fold score of each fold's entry; None where the refit's own validation score counts.
        repeat: number of the refits.
    """
    clips = [clip for part in parts for clip in part.test_clips]
    order = np.argsort(clips, kind="stable")
    evaluations = {
        subset: Evaluation.from_confusion(
            np.sum([part.evaluations[subset].confusion for part in parts], axis=0), parts[0].evaluations[subset].labels
        )
        for subset in SUBSETS
        if all(subset in part.evaluations for part in parts)
    }
    scores = [part.record.value if score is None else score for part, score in zip(parts, judged, strict=True)]
    sizes = {part.record.parameters for part in parts}
    memory = [part.record.peak_memory_mib for part in parts if part.record.peak_memory_mib is not None]
    record = parts[0].record.model_copy(
        update={
            "job_id": _job_id(repeat),
            "value": mean(scores),
            "parameters": sizes.pop() if len(sizes) == 1 else None,
            "peak_memory_mib": max(memory, default=None),
            "epochs": (),
            "cost": None,
            "scores": {},
            "best_epoch": None,
            "seconds": {"fit": sum(part.train_seconds for part in parts)},
        }
    )
    return Refit(
        record,
        evaluations,
        tuple(clips[row] for row in order),
        np.concatenate([part.test_true for part in parts])[order],
        np.concatenate([part.test_predicted for part in parts])[order],
        np.concatenate([part.test_probabilities for part in parts])[order],
    )


def _study(name: str, members: Sequence[ScoredEntry]) -> StudyRecord:
    """The run as one study. Its test and validation cores are those of all folds together."""
    first = members[0].study
    facts = [tested.study.protocol for tested in members]
    protocol = first.protocol.model_copy(
        update={
            "fold": 0,
            "test_speakers": sum(fold.test_speakers for fold in facts),
            "test_clips": sum(fold.test_clips for fold in facts),
            "validation_speakers": sum(fold.validation_speakers for fold in facts),
            "validation_clips": sum(fold.validation_clips for fold in facts),
            "warnings": tuple(_unequal(members)),
            "subsets": (),
        }
    )
    return first.model_copy(update={"name": name, "protocol": protocol})


def _unequal(members: Sequence[ScoredEntry]) -> Iterator[str]:
    """Says that some folds have more runs than others: the last search ended before all had as many."""
    counts = [len(one.entry.refits) + len(one.entry.failed_refits) for one in members]
    if min(counts) < max(counts):
        yield (
            f"folds have {min(counts)} to {max(counts)} runs, and as many of each count as all have; the same search "
            "command makes the others"
        )


def _entry(name: str, members: Sequence[ScoredEntry], repeats: int) -> EntryRecord:
    entries = [tested.entry for tested in members]
    searched = mean(entry.search_value for entry in entries)
    wanted = min(len(entry.refits) + len(entry.failed_refits) for entry in entries)
    judged = mean(entry.out_of_fold for entry in entries)
    if judged is None and any(entry.out_of_fold is not None for entry in entries):
        searched = None  # the folds' scores are of different clips, so there is nothing to compare it with
    return EntryRecord(
        entry_id=pooled_id(entries),
        study=name,
        family=entries[0].family,
        origin=f"{len(entries)} folds, each {_what(entries[0])}",
        config={f"fold {tested.study.protocol.fold}": tested.entry.config for tested in members},
        search_value=searched,
        out_of_fold=judged,
        finals="all" if all(entry.finals == "all" for entry in entries) else "held-out",
        bag=max(entry.bag for entry in entries),
        members=tuple(f"finalist {place} of each fold" for place in range(min(len(one.members) for one in entries))),
        refits=tuple(map(_job_id, range(repeats))),
        failed_refits=tuple(map(_job_id, range(repeats, wanted))),
        looks=max(entry.looks for entry in entries),
        created=max(entry.created for entry in entries),
    )


def _job_id(repeat: int) -> str:
    return f"all folds, refit {repeat}"


def _what(entry: EntryRecord) -> str:
    if entry.members:
        return "the mean of its finalists"
    return f"{'a bag of ' if entry.bag else ''}its own choice"
