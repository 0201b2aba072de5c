"""Which clips a trained network has heard, and whether a test speaker of another study is among them.

A network counts as having heard everything outside the test core of its study: validation clips chose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from serbench.corpora import parts_of, people_of, recorded_names, starts_from_its_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.protocols import SplitPlan, recorded_plan
from serbench.records import CorpusFacts, HeardClips, InitFrom, ProtocolFacts, ResultsFolder, StudyRecord, TaughtBy

__all__ = ["StudySplit", "check_unheard", "heard_by", "starts_from_its_corpus"]

_SEVERAL_SPEAKERS = 3


def heard_by(
    study: str, corpus: CorpusFacts, protocol: ProtocolFacts, init: InitFrom | None, teacher: TaughtBy | None
) -> tuple[HeardClips, ...]:
    """Returns what a network of a study has heard: the clips of the study, then those of networks that it builds on.

    Args:
        study: name of the study.
        corpus: its corpus.
        protocol: its protocol.
        init: the network that it started from.
        teacher: the answers that it learned from. They are on the study's own clips.
    """
    own = HeardClips(
        study=study,
        corpus=corpus.name,
        parts=parts_of(corpus),
        digest=corpus.digest,
        protocol=protocol.hash,
        fold=protocol.fold,
    )
    return (own, *(init.heard if init else ()), *(teacher.heard if teacher else ()))


@dataclass(frozen=True)
class StudySplit:
    """A study that may begin: its clips, and which of them it tests on.

    Attributes:
        record: the study's record.
        clips: clip table with `speaker` and `digest`.
        plan: how the clips are split.
    """

    record: StudyRecord
    clips: pd.DataFrame
    plan: SplitPlan

    @property
    def tested(self) -> pd.DataFrame:
        """Clips of the test core."""
        return self.clips.iloc[list(self.plan.core_split.test)]


def check_unheard(
    results: ResultsFolder,
    network: str,
    heard: Sequence[HeardClips],
    split: StudySplit,
    *,
    provisional: bool = False,
) -> None:
    """Checks that a network has heard no test speaker of a study.

    The clips that it heard come from the studies that trained it, where the results folder has them. Otherwise all
    speakers of their corpora count as heard.

    Args:
        results: results folder of the study.
        network: the network, for the message.
        heard: what the network has heard.
        split: the study.
        provisional: whether clips may still be left out of the study. Then the same split of other clips passes.

    Raises:
        UsageError: the network has heard a test speaker, or a test clip, or it cannot be known that it has not.
    """
    facts, tested = split.record.corpus, split.tested
    for one in heard:
        same_split = (one.protocol, one.fold) == (split.record.protocol.hash, split.record.protocol.fold)
        if same_split and (provisional or one.digest == facts.digest):
            continue  # the test core is the same
        known = _heard_clips(results, one)
        found = _of_corpus(one, facts, tested) if known is None else _overlap(one, *known, facts, tested)
        if found:
            where = f" of fold {split.record.protocol.fold}" if split.record.protocol.folds > 1 else ""
            raise UsageError(
                f"--init: {network} {found}{where}, so the test scores would be too high; start from a network of "
                f"another corpus, or of this corpus under the same protocol and --split-seed"
            )


def _of_corpus(heard: HeardClips, facts: CorpusFacts, tested: pd.DataFrame) -> str:
    """What to say where the study of the network is not here: any speaker of its corpus may have been heard."""
    parts = {part for part, _ in people_of(tested, facts)}
    if heard.digest != facts.digest and not parts & recorded_names(heard.parts):
        return ""
    return (
        f"was trained on corpus '{heard.corpus}', and without study '{heard.study}' in this results folder nothing "
        "says that it has not heard the test speakers"
    )


def _overlap(
    heard: HeardClips, record: StudyRecord, clips: pd.DataFrame, facts: CorpusFacts, tested: pd.DataFrame
) -> str:
    people = set(people_of(clips, record.corpus))
    if heard.digest == facts.digest:  # one corpus under two names
        people |= {(part, speaker) for part in parts_of(facts) for _, speaker in people_of(clips, record.corpus)}
    both = sorted({speaker for part, speaker in people_of(tested, facts) if (part, speaker) in people})
    if both:
        named = ", ".join(both[:_SEVERAL_SPEAKERS]) + (", ..." if len(both) > _SEVERAL_SPEAKERS else "")
        return f"has heard {len(both)} test {'speaker' if len(both) == 1 else 'speakers'} ({named})"
    copies = len(set(tested["digest"].dropna()) & set(clips["digest"].dropna()))
    return f"has heard {copies} of the test clips (the same audio)" if copies else ""


def _heard_clips(results: ResultsFolder, heard: HeardClips) -> tuple[StudyRecord, pd.DataFrame] | None:
    """The record and the heard clips of the study that trained a network; None if the study is not here."""
    if heard.study not in results.study_names():
        return None
    folder = results.study(heard.study)
    try:
        record = folder.record()
        protocol = record.protocol
        if (record.corpus.digest, protocol.hash, protocol.fold) != (heard.digest, heard.protocol, heard.fold):
            return None
        clips = folder.clips()
        plan = recorded_plan(folder, record, clips)
    except SerbenchError:  # it cannot be known, which counts as heard
        return None
    tested = set(plan.core_split.test)
    return record, clips.iloc[[row for row in range(len(clips)) if row not in tested]]
