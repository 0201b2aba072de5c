"""Lists clips whose label the out-of-fold answers of every shortlisted configuration contradict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.corpora import starts_from_its_corpus
from serbench.errors import SerbenchError
from serbench.records import StudyFolder
from serbench.results import speakers_of

__all__ = ["doubtful_finding", "doubtful_labels"]

_CHECK: Final = "doubtful labels"
_PRINTED: Final = 20


def doubtful_labels(folders: Sequence[StudyFolder], labels: Sequence[str]) -> AuditFinding:
    """Lists clips that may have a wrong label, by the out-of-fold answers of a study.

    Args:
        folders: folder of the study; of a folded protocol, those of all folds that are there.
        labels: the class names.
    """
    records = [folder.record() for folder in folders]
    starts = [one.init for one in records if one.init is not None and starts_from_its_corpus(one)]
    if starts:
        why = f"not checked: the networks started from '{starts[0].entry}', which has heard these clips"
        return skipped(_CHECK, why)
    try:
        judged = [(folder, job_id) for folder in folders for job_id in folder.shortlisted_ids()]
        answers = [folder.out_of_fold(job_id) for folder, job_id in judged if folder.shortlisted(job_id).answers_kept]
        speakers = {clip: name for folder in folders for clip, name in speakers_of(folder.clips()).items()}
        return doubtful_finding(answers, labels, speakers)
    except SerbenchError as error:
        return skipped(_CHECK, f"not checked: {error}")


def doubtful_finding(
    answers: Sequence[pd.DataFrame], labels: Sequence[str], speakers: Mapping[str, str]
) -> AuditFinding:
    """Lists clips that every configuration takes for another class and that, on average, get little for their label.

    Little means less than chance, one divided by the number of classes. The clip with the lowest mean probability of
    its label comes first.

    Args:
        answers: the out-of-fold answers of each configuration: `clip_id`, `label` and `p_<label>` for each label.
        labels: the class names.
        speakers: speaker of each clip, by clip id.

    Raises:
        SerbenchError: a table has no column for a label, or a label that is none.
    """
    if not answers:
        return skipped(
            _CHECK, "not checked: the study has no out-of-fold answers; search it with --shortlist to get some"
        )
    table = pd.concat([_judged(one, labels) for one in answers], ignore_index=True)
    clips = table.groupby("clip_id", sort=True)
    names = [f"p_{label}" for label in labels]
    mean = clips[names].mean()
    found = pd.DataFrame(
        {
            "label": clips["label"].first(),
            "contradicted": ~clips["right"].any(),
            "answers": clips.size(),
            "of_label": clips["of_label"].mean(),
            "answer": np.asarray(labels, dtype=object)[mean.to_numpy().argmax(axis=1)],
            "of_answer": mean.max(axis=1),
        }
    )
    doubtful = found[found["contradicted"] & (found["of_label"] < 1 / len(labels))]
    doubtful = doubtful.sort_values(["of_label"], kind="stable")
    rows = tuple(_row(str(clip), one, speakers) for clip, one in doubtful.iterrows())
    everywhere = bool((found["answers"] == len(answers)).all())
    return _finding(rows, len(found), len(answers), everywhere=everywhere)


def _judged(answers: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """The answers of one configuration, with the probability of the label and whether it has the highest one."""
    names = [f"p_{label}" for label in labels]
    if absent := [name for name in ("clip_id", "label", *names) if name not in answers]:
        raise SerbenchError(f"the out-of-fold answers have no column '{absent[0]}'; restore them")
    true = pd.Index(labels).get_indexer(pd.Index(answers["label"]))
    if (true < 0).any():
        raise SerbenchError("the out-of-fold answers have a label that the study does not have; restore them")
    probabilities = answers[names].to_numpy(dtype=np.float64)
    return answers[["clip_id", "label", *names]].assign(
        of_label=probabilities[np.arange(len(true)), true], right=probabilities.argmax(axis=1) == true
    )


def _row(clip: str, found: pd.Series, speakers: Mapping[str, str]) -> dict[str, Cell]:
    return {
        "clip": clip,
        "label": str(found["label"]),
        "answer": str(found["answer"]),
        "p(label)": float(found["of_label"]),
        "p(answer)": float(found["of_answer"]),
        "speaker": speakers.get(clip),
        "answers": int(found["answers"]),
    }


def _finding(rows: tuple[dict[str, Cell], ...], clips: int, configurations: int, *, everywhere: bool) -> AuditFinding:
    numbers: dict[str, Cell] = {"doubtful": len(rows), "clips": clips, "configurations": configurations}
    who = "the shortlisted configuration"
    if configurations > 1:
        every = "both" if configurations == 2 else f"all {configurations}"
        who = f"{every} shortlisted configurations" if everywhere else "every configuration that answered"
    where = f"of {clips:,} clips outside the test set"
    if not rows:
        return AuditFinding(
            check=_CHECK, level="ok", verdict=f"no label {where} is contradicted by {who}", numbers=numbers
        )
    share = f"{100 * len(rows) / clips:.1f} %"
    verdict = (
        f"the labels of {len(rows):,} {where} ({share}) are contradicted by {who}, each by a network that never heard "
        f"the clip, most of all {rows[0]['clip']} (labelled {rows[0]['label']}, answered {rows[0]['answer']}): these "
        "clips are worth hearing, which does not mean that their labels are wrong"
    )
    return AuditFinding(check=_CHECK, level="note", verdict=verdict, numbers=numbers, table=rows, printed_rows=_PRINTED)
