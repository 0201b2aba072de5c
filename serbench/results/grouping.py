"""Comparison groups, and the reasons why a row has no rank."""

from __future__ import annotations

from typing import NamedTuple

from serbench.evaluation import MIN_SPEAKERS
from serbench.records import ProtocolFacts, StudyRecord

__all__ = ["Group", "group_of", "why_unranked"]


class Group(NamedTuple):
    """Key of a comparison group. Rows with equal keys have the same test clips and are ranked together."""

    corpus: str
    protocol: str
    label_source: str
    labels: tuple[str, ...]
    fold: int
    corpus_digest: str
    protocol_hash: str


def group_of(study: StudyRecord) -> Group:
    """The comparison group of a study's entries. All folds of a run share one group, because they are pooled."""
    corpus, protocol = study.corpus, study.protocol
    return Group(
        corpus.name,
        protocol.name,
        corpus.label_source,
        corpus.labels,
        0 if protocol.folds > 1 else protocol.fold,
        corpus.digest,
        protocol.hash,
    )


def why_unranked(protocol: ProtocolFacts) -> str:
    """Why rows under this protocol get neither rank nor interval, in one sentence; '' if they get both.

    With fewer than `MIN_SPEAKERS` test speakers, an interval does not have its nominal coverage, so a ranking means
    little. The validation core needs as many speakers, because the entry was chosen on it. Two cases are exempt: shared
    speakers, because validation then has the same speakers as training; and pooled folds, because each fold chose its
    own entry. A score after normalisation with the test speakers' own clips is not the score of a single clip.
    """
    if protocol.speaker_normalisation:
        return (
            "no rank and no interval: features are normalised with the test speakers' own clips (transductive), "
            "so this is not the score of a single clip"
        )
    cores = {"test": protocol.test_speakers}
    if not protocol.shares_speakers and protocol.folds == 1:
        cores["validation"] = protocol.validation_speakers
    unknown = [core for core in cores if _of_unknown_speakers(protocol, core)]
    if unknown:
        return (
            f"no rank and no interval: the speakers of {' and '.join(unknown)} clips are unknown, so how a score "
            "varies between speakers cannot be estimated"
        )
    small = [f"{count} {core}" for core, count in cores.items() if count < MIN_SPEAKERS]
    if not small:
        return ""
    return (
        f"no rank and no interval: only {' and '.join(small)} speaker{'' if small[-1].startswith('1 ') else 's'}; "
        f"at least {MIN_SPEAKERS} are needed to estimate how a score varies between speakers"
    )


def _of_unknown_speakers(protocol: ProtocolFacts, core: str) -> bool:
    """Whether some clips of a core have no speaker. Records of before do not say; they count one speaker then."""
    return any(one.part == core and one.speakers is None for one in protocol.subsets)
