"""What an entry's recorded predictions say without any training: validation against test, literature, slices."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serbench.audit.attributes import clip_attributes
from serbench.audit.finding import AuditFinding
from serbench.audit.scores import ScoredClips, literature_finding, validation_finding
from serbench.audit.verdicts import slice_finding
from serbench.evaluation.slices import judge_slices
from serbench.records.results import StudyFolder
from serbench.references.literature import Reported, reported
from serbench.results.scored_entry import ScoredEntry

__all__ = ["against_literature", "against_validation", "by_slices"]

_DEALT = 0x511CE  # a stream of its own, beside those of the study's seed tree


def against_validation(tested: ScoredEntry, folder: StudyFolder, clips: pd.DataFrame) -> AuditFinding:
    """Whether the validation core promised more than the test core kept."""
    study, first = tested.study, tested.refits[0]
    if study.protocol.folds > 1:
        why = "not compared: under a folded protocol every fold validates on speakers that others test"
        return AuditFinding(check="validation against test", level="skipped", verdict=why)
    speaker_of = dict(zip(clips["clip_id"], clips["speaker"], strict=True))
    places = {label: place for place, label in enumerate(study.corpus.labels)}
    true: NDArray[np.generic] = np.zeros(0, dtype=np.int64)
    predictions, speakers = [], []
    for refit in tested.refits:
        table = folder.predictions("refit", refit.record.job_id)
        table = table[table["subset"] == "validation"].sort_values("clip_id")
        true = table["label"].map(places).to_numpy(dtype=np.int64)
        predictions.append(table[[f"p_{label}" for label in study.corpus.labels]].to_numpy(dtype=np.float64))
        speakers = [speaker_of[clip] for clip in table["clip_id"]]
    test = ScoredClips(first.test_true, [refit.test_predicted for refit in tested.refits], tested.speakers)
    validation = ScoredClips(true, predictions, speakers)
    return validation_finding(validation, test, study.corpus.labels, shares_speakers=study.protocol.shares_speakers)


def against_literature(tested: ScoredEntry) -> AuditFinding:
    """Whether the score is too good to be true."""
    corpus, protocol = tested.study.corpus, tested.study.protocol
    return literature_finding(
        tested.mean_score("test", "uar"),
        tested.mean_score("test", "accuracy") or 0.0,
        shares_speakers=protocol.shares_speakers,
        literature=[_words(figure) for figure in reported(corpus.name, corpus.label_source)],
        labels=corpus.label_source,
    )


def _words(figure: Reported) -> dict[str, object]:
    said = {True: "yes", False: "no", None: ""}
    return {
        **figure.model_dump(),
        "trained_from_scratch": said[figure.trained_from_scratch],
        "speakers_shared": said[figure.speakers_shared],
    }


def by_slices(tested: ScoredEntry, clips: pd.DataFrame) -> list[AuditFinding]:
    """Whether some speakers or sentences are recognised less well than others."""
    first = tested.refits[0]
    rows = clips.set_index("clip_id", drop=False).loc[list(first.test_clips)]
    attributes = clip_attributes(rows)
    if not attributes:
        why = "not compared: the corpus says nothing of speakers or sentences"
        return [AuditFinding(check="slices", level="skipped", verdict=why)]
    judged = judge_slices(
        first.test_true,
        [refit.test_predicted for refit in tested.refits],
        tested.speakers,
        tested.study.corpus.labels,
        attributes,
        np.random.default_rng([_DEALT, tested.study.seed]),
    )
    return [slice_finding(one) for one in judged]
