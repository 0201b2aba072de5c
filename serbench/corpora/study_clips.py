"""`StudyClips`: the usable clips of a corpus, and the clips that were left out, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

import pandas as pd

from serbench.corpora.base import Corpus, Listing
from serbench.corpora.folders import health_cache
from serbench.corpora.inspection.findings import CorpusFinding, corpus_findings
from serbench.corpora.inspection.inspect import inspect_clips
from serbench.corpora.named.perceived import Undecided, perceived_labels
from serbench.corpora.table import clip_set_digest
from serbench.corpora.user.mapped_corpus import MappedCorpus
from serbench.corpora.user.merged_corpus import MergedCorpus
from serbench.errors import SerbenchError, UsageError, unknown
from serbench.records import CorpusFacts, ExcludedClip, LabelSource, Progress

__all__ = ["StudyClips", "load_clips", "survey_clips"]

_NO_FEATURES: Final = "no_features"
"""Why a clip is excluded for which a front end fails."""

_ADDED: Final = ("digest", "duration_s", "sample_rate", "channels", "rms")

_STATE_WORDS: Final = {
    "lfs_pointer": "Git LFS pointers (run `git lfs pull` there)",
    "undecodable": "undecodable",
    "cut_off": "cut off",
    "empty": "empty",
    "silent": "digital silence",
    "too_short": "too short",
}


@dataclass(frozen=True)
class StudyClips:
    """The usable clips of a corpus: all of them can be decoded and are not silent."""

    corpus: Corpus
    table: pd.DataFrame
    """Clip table of the usable clips, with `digest`, `duration_s`, `sample_rate` (Hz), `channels` and `rms`
    (fraction of full scale)."""
    excluded: tuple[tuple[str, str], ...]
    """Clips that were left out, as (clip id, reason). A reason is a state of `serbench.audio.AudioHealth`, concerns
    votes, or is `no_features`."""
    findings: tuple[CorpusFinding, ...]
    digest: str
    """SHA-256 of clip ids, labels, speakers and decoded audio, but not of paths."""
    label_source: LabelSource = "intended"
    obstacle: str | None = None
    """Why these clips are not enough for a study: none is usable, or all have the same label. None if they are."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the usable clips, in alphabetical order."""
        return tuple(sorted(set(self.table["label"])))

    def without(self, faults: Mapping[str, str]) -> StudyClips:
        """Returns the clips without some that have no features.

        Args:
            faults: what is wrong, by clip id.

        Raises:
            SerbenchError: the other clips are not enough for a study.
        """
        kept = self.table[~self.table["clip_id"].isin(list(faults))].reset_index(drop=True)
        if kept["label"].nunique() < 2:
            raise SerbenchError(
                f"the front end gives features of {len(kept):,} of {len(self.table):,} clips, and these have less than "
                "two labels; run serbench.testing.check_front_end on it"
            )
        left_out = tuple((clip, _NO_FEATURES) for clip in faults)
        return replace(self, table=kept, excluded=(*self.excluded, *left_out), digest=clip_set_digest(kept))

    def facts(self) -> CorpusFacts:
        """Returns the facts about the corpus that are saved in a record."""
        return CorpusFacts(
            name=self.corpus.name,
            title=self.corpus.title,
            synthetic=self.corpus.synthetic,
            licence=self.corpus.licence,
            licence_url=self.corpus.licence_url,
            citation=self.corpus.citation,
            labels=self.labels,
            label_source=self.label_source,
            choice=self.corpus.choice,
            clips=len(self.table),
            speakers=int(self.table["speaker"].nunique()),
            digest=self.digest,
            excluded=tuple(ExcludedClip(clip_id=clip, reason=reason) for clip, reason in self.excluded),
            warnings=tuple(finding.message for finding in self.findings),
        )


def load_clips(
    corpus: Corpus,
    folder: Path | None = None,
    sample_rate: int | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
    labels: LabelSource = "intended",
) -> StudyClips:
    """Lists the clips of a corpus, inspects every clip, and keeps the usable ones, as `survey_clips` does.

    Raises:
        UsageError: as `survey_clips`.
        SerbenchError: the corpus is not there, no clip is usable, or all usable clips have the same label.
    """
    clips = survey_clips(corpus, folder, sample_rate, progress, cache, labels)
    if clips.obstacle is not None:
        raise SerbenchError(clips.obstacle)
    return clips


def survey_clips(
    corpus: Corpus,
    folder: Path | None = None,
    sample_rate: int | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
    labels: LabelSource = "intended",
) -> StudyClips:
    """Lists the clips of a corpus and inspects every clip, whatever is found.

    Args:
        corpus: the corpus.
        folder: where its files are; None for its default folder.
        sample_rate: sample rate (Hz) of the features, to warn of clips below it.
        progress: called with (done, total) while a corpus is made, and again while clips are inspected.
        cache: folder that caches inspections; None for the one in serbench's cache.
        labels: `perceived` uses the listeners' majority vote instead of the speaker's intention. Clips with a tie or
            without votes are left out.

    Returns:
        The clips. If they are not enough for a study, `obstacle` says why.

    Raises:
        UsageError: the source of the labels is unknown, or it is `perceived`, but the corpus, one of several, or this
            copy of it has no votes.
        SerbenchError: the corpus is not there, or has no clips.
    """
    if labels not in get_args(LabelSource):
        raise unknown("labels", labels, get_args(LabelSource))
    listing, undecided = _listed(corpus, corpus.prepare(folder, progress), labels)
    inspected = inspect_clips(listing.table, progress, cache=health_cache() if cache is None else cache)
    usable = inspected["state"] == "ok"
    table = listing.table[usable].join(inspected.loc[usable, list(_ADDED)]).reset_index(drop=True)
    table = table.astype({"sample_rate": "int64", "channels": "int64"})
    left_out = inspected[~usable]
    excluded = list(zip(left_out["clip_id"], left_out["state"], strict=True))
    excluded += [(clip, "missing") for clip, _ in listing.lost]
    found = corpus_findings(listing, inspected, sample_rate)
    if undecided is not None:
        excluded += undecided.excluded
        found.append(undecided.finding())
    return StudyClips(
        corpus=corpus,
        table=table,
        excluded=tuple(excluded),
        findings=tuple(found),
        digest=clip_set_digest(table),
        label_source=labels,
        obstacle=_obstacle(listing, inspected),
    )


def _listed(corpus: Corpus, folder: Path, labels: LabelSource) -> tuple[Listing, Undecided | None]:
    """Lists the clips with the labels asked for.

    Of perceived ones, the vote decides before a label map drops clips. Merged corpora drop clips before: by the labels
    that their speakers intended, since these are what the corpora share.
    """
    if labels == "intended":
        return corpus.read(folder), None
    if not isinstance(corpus, MappedCorpus):
        intended = corpus.read(folder)
        if isinstance(corpus, MergedCorpus):
            _check_votes(corpus, intended)
        heard, undecided = perceived_labels(corpus, intended)
        shared = heard.table["label"].isin(set(intended.table["label"]))
        return (replace(heard, table=heard.table[shared]) if isinstance(corpus, MergedCorpus) else heard), undecided
    intended = corpus.inner.read(folder)
    heard, undecided = perceived_labels(corpus, intended, corpus.map.of_votes)
    return corpus.map.apply(heard, known=set(intended.table["label"])), undecided


def _check_votes(corpus: MergedCorpus, listing: Listing) -> None:
    """Refuses perceived labels of several corpora one of which has no votes: all of its clips would be left out.

    Raises:
        UsageError: a corpus has no votes.
    """
    voted = set(listing.table.loc[listing.table["votes"].notna(), "corpus"])
    for part in corpus.all_parts:
        if part.name not in voted:
            raise UsageError(
                f"{part.title} has no listeners' votes, which perceived labels need; use --labels intended, or leave "
                "it out"
            )


def _obstacle(listing: Listing, inspected: pd.DataFrame) -> str | None:
    usable = inspected["state"] == "ok"
    labels = listing.table.loc[usable, "label"].unique()
    if len(labels) > 1:
        return None
    rest = inspected[~usable]
    counts = rest["state"].value_counts()
    reasons = ", ".join(f"{count:,} {_STATE_WORDS[str(state)]}" for state, count in counts.items())
    example = ""
    if len(rest):
        first = rest.iloc[0]
        example = f", such as {first['clip_id']}" + (f" ({first['detail']})" if first["detail"] else "")
    if not len(labels):
        return (
            f"none of the {len(inspected):,} clips in {listing.folder} is usable: {reasons}{example}; "
            "`serbench corpus check` names them all"
        )
    others = f" {len(rest):,} more clips are unusable ({reasons}{example}), of" if len(rest) else ""
    hidden = sorted(set(listing.table["label"]) - set(labels))
    more = f";{others} {', '.join(hidden)}" if others and hidden else "; pass the folder that holds the whole corpus"
    count = int(usable.sum())
    who = "the only usable clip" if count == 1 else f"all {count:,} usable clips"
    return (
        f"{who} in {listing.folder} {'is' if count == 1 else 'are'} labelled '{labels[0]}', and telling emotions apart "
        f"takes at least two labels{more}"
    )
