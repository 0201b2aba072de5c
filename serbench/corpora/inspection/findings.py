"""Findings: problems of a copy of a corpus, each described in one sentence that names clips."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from serbench.audio import ClipState
from serbench.corpora.base import Listing
from serbench.corpora.table import UNKNOWN_SPEAKER
from serbench.corpora.user.label_map import usual_word
from serbench.printable import printable

__all__ = ["CorpusFinding", "corpus_findings", "listing_findings"]

Severity = Literal["error", "warning"]

_NAMED: Final = 5

_REASONED: Final = frozenset({"undecodable", "cut_off", "silent"})

_EXCLUDED: Final[dict[ClipState, tuple[Severity, str]]] = {
    "lfs_pointer": ("error", "Git LFS pointers instead of audio (run `git lfs pull` in their folder)"),
    "undecodable": ("error", "undecodable (replace the file)"),
    "empty": ("error", "empty (replace the file)"),
    "cut_off": ("error", "cut off (replace the file)"),
    "silent": ("warning", "digital silence"),
    "too_short": ("warning", "too short to hold speech"),
}


@dataclass(frozen=True)
class CorpusFinding:
    """A problem of a copy of a corpus.

    `kind` is a state of `serbench.audio.AudioHealth` other than `ok`, or `missing`, `remarks`, `passed_over`,
    `duplicate_labels`, `duplicate_speakers`, `duplicate_audio`, `names_alike`, `unknown_speakers`, `two_sexes`,
    `unparsed_names`, `left_aside`, `shadowed_files`, `links_out`, `unread_columns`, `missing_clips`, `extra_clips`,
    `low_sample_rate`, `mixed_sample_rates`. An `error` means that the copy of the corpus is damaged. A `warning` is
    something that a reader of scores should know.
    """

    kind: str
    severity: Severity
    clips: tuple[str, ...]
    """Ids of the clips concerned, or names of files that are not clips; empty if it concerns the whole corpus."""
    message: str


def corpus_findings(listing: Listing, inspected: pd.DataFrame, sample_rate: int | None = None) -> list[CorpusFinding]:
    """Finds the problems of a copy of a corpus.

    Args:
        listing: the clips as listed.
        inspected: the result of `inspect_clips(listing.table)`.
        sample_rate: sample rate (Hz) of the features, to warn of clips below it; None for no such check.

    Returns:
        The findings, errors first, otherwise in a fixed order.
    """
    table = listing.table[["clip_id", "label", "speaker"]].join(inspected.drop(columns="clip_id"))
    usable = table[table["state"] == "ok"]
    found = [
        *_excluded(table),
        *_remarks(usable),
        *_duplicates(usable),
        *listing_findings(listing),
        *_rates(usable, sample_rate),
    ]
    return sorted(found, key=lambda finding: finding.severity != "error")


def listing_findings(listing: Listing) -> list[CorpusFinding]:
    """Finds the problems of a copy of a corpus that are seen without opening its audio.

    Args:
        listing: the clips as listed.

    Returns:
        The findings, in a fixed order.
    """
    table = listing.table
    return [*_speakers(table), *_two_sexes(table), *_names_alike(table), *_files(listing)]


def _excluded(table: pd.DataFrame) -> Iterable[CorpusFinding]:
    for state, (severity, words) in _EXCLUDED.items():
        rows = table[table["state"] == state]
        clips = tuple(rows["clip_id"])
        if clips:
            named = _with_reasons(rows) if state in _REASONED else clips
            yield CorpusFinding(
                state, severity, clips, f"{_count(clips, 'clip')} left out as {words}: {_listed(named)}"
            )


def _remarks(usable: pd.DataFrame) -> Iterable[CorpusFinding]:
    rows = usable[usable["detail"].notna() & (usable["detail"] != "")]
    clips = tuple(rows["clip_id"])
    if clips:
        message = f"{_count(clips, 'clip')} used, with a remark: {_listed(_with_reasons(rows))}"
        yield CorpusFinding("remarks", "warning", clips, message)


def _duplicates(usable: pd.DataFrame) -> Iterable[CorpusFinding]:
    shared = usable[usable["digest"].duplicated(keep=False)]
    groups = [group for _, group in shared.groupby("digest", sort=False)]
    across = [tuple(group["clip_id"]) for group in groups if group["label"].nunique() > 1]
    people = [group for group in groups if len(_people(group)) > 1]
    within = [tuple(group["clip_id"]) for group in groups if group["label"].nunique() == 1 and len(_people(group)) <= 1]
    if across:
        message = f"the same audio under different labels: {_listed([' = '.join(ids) for ids in across])}"
        yield CorpusFinding("duplicate_labels", "warning", _flat(across), message)
    if people:
        named = [f"{' = '.join(group['clip_id'])} (speakers {', '.join(_people(group))})" for group in people]
        message = f"the same audio under two speakers' names, who are kept in one set: {_listed(named)}"
        yield CorpusFinding("duplicate_speakers", "warning", _flat([tuple(one["clip_id"]) for one in people]), message)
    if within:
        message = f"the same audio more than once under one label: {_listed([' = '.join(ids) for ids in within])}"
        yield CorpusFinding("duplicate_audio", "warning", _flat(within), message)


def _people(clips: pd.DataFrame) -> list[str]:
    """The speakers of clips, as far as they are known."""
    return sorted(set(clips["speaker"]) - {UNKNOWN_SPEAKER})


def _names_alike(table: pd.DataFrame) -> Iterable[CorpusFinding]:
    """Labels or speakers that people would read as one name, and labels of one emotion, that count as two."""
    for column, outline in (("label", _outline), ("speaker", _speaker_outline)):
        if groups := _groups(table[column], outline):
            message = (
                f"{column}s that look alike but count as different: {_listed(_joined(groups))}; give them one spelling"
            )
            yield _alike(table, column, groups, message)
    if groups := _groups(table["label"], usual_word):
        pairs = ",".join(f"{name}={usual_word(name)}" for name in _flat(groups) if usual_word(name) != name)
        message = f"labels that may be one emotion: {_listed(_joined(groups))}; --map {pairs} of a search joins them"
        yield _alike(table, "label", groups, message)


def _groups(names: pd.Series[str], key: Callable[[str], str]) -> list[tuple[str, ...]]:
    """Different names that have the same key, if there are any."""
    alike: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        alike.setdefault(key(name), []).append(name)
    return [tuple(group) for group in alike.values() if len(group) > 1]


def _joined(groups: Sequence[tuple[str, ...]]) -> list[str]:
    return [" and ".join(f"'{name}'" for name in names) for names in groups]


def _alike(table: pd.DataFrame, column: str, groups: Sequence[tuple[str, ...]], message: str) -> CorpusFinding:
    clips = table.loc[table[column].isin(_flat(groups)), "clip_id"]
    return CorpusFinding("names_alike", "warning", tuple(clips), message)


def _outline(name: str) -> str:
    """What is left of a name without case, width of letters, spaces and characters that are not seen."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    seen = (char for char in folded if unicodedata.category(char) not in {"Cf", "Cc", "Zs"})
    return unicodedata.normalize("NFC", "".join(seen)) or name


def _speaker_outline(name: str) -> str:
    """The outline of a speaker, in which 1, 01 and 1.0 are one number: programs of tables write it in these ways."""
    return re.sub(r"(?<![\d.])0+(?=\d)", "", re.sub(r"(?<=\d)\.0+$", "", _outline(name)))


def _speakers(table: pd.DataFrame) -> Iterable[CorpusFinding]:
    unknown = int((table["speaker"] == UNKNOWN_SPEAKER).sum())
    if unknown:
        who = "no clip names its speaker" if unknown == len(table) else f"{unknown:,} clips do not name their speaker"
        message = (
            f"{who}: protocols that keep speakers apart refuse, and no score gets an interval; a column 'speaker' of a "
            "table names them, or --names '{speaker}_*'"
        )
        yield CorpusFinding("unknown_speakers", "warning", (), message)


def _two_sexes(table: pd.DataFrame) -> Iterable[CorpusFinding]:
    """Speakers of two sexes, who are most likely two people: the names of files number women and men apart."""
    known = table[(table["speaker"] != UNKNOWN_SPEAKER) & table["sex"].notna()]
    sexes = known.groupby("speaker")["sex"].nunique()
    if two := [str(name) for name in sexes[sexes > 1].index]:
        clips = tuple(known.loc[known["speaker"].isin(two), "clip_id"])
        message = (
            f"speakers with clips of both sexes: {_listed(two)}; if these are two people of one number, make the sex "
            "part of the speaker, in the table's column or as in --names '{speaker+sex:1}_{speaker}_*'"
        )
        yield CorpusFinding("two_sexes", "warning", clips, message)


def _files(listing: Listing) -> Iterable[CorpusFinding]:
    if listing.lost:
        names = tuple(f"{clip} ('{name}' does not exist)" for clip, name in listing.lost)
        message = f"{_count(names, 'clip')} left out as missing: {_listed(names)}"
        yield CorpusFinding("missing", "error", tuple(clip for clip, _ in listing.lost), message)
    names = tuple(path.name for path in listing.unparsed)
    if names:
        message = f"{_count(names, 'file')} skipped, because their names are not those of this corpus: {_listed(names)}"
        yield CorpusFinding("unparsed_names", "warning", names, message)
    for what in sorted({kind for kind, _ in listing.non_clips}):
        names = tuple(path.name for kind, path in listing.non_clips if kind == what)
        message = f"{_count(names, 'file')} skipped as {what}, not clips of this corpus: {_listed(names)}"
        yield CorpusFinding("left_aside", "warning", names, message)
    names = tuple(path.name for path in listing.shadowed)
    if names:
        message = f"{_count(names, 'further file')} of clips that are already listed skipped: {_listed(names)}"
        yield CorpusFinding("shadowed_files", "warning", names, message)
    for reason in sorted({reason for reason, _ in listing.passed_over}):
        names = tuple(path.name for other, path in listing.passed_over if other == reason)
        message = f"{_count(names, 'file')} or folders passed over ({reason}): {_listed(names)}"
        yield CorpusFinding("passed_over", "warning", names, message)
    names = tuple(path.name for path in listing.escaping)
    if names:
        message = f"{_count(names, 'link')} not followed, since they lead out of the folder: {_listed(names)}"
        yield CorpusFinding("links_out", "warning", names, message)
    for remark in listing.remarks:
        yield CorpusFinding("unread_columns", "warning", (), remark)
    if listing.expected is not None and listing.missing:
        named = f": {_listed(listing.absent)}" if listing.absent else ""
        message = f"{listing.missing:,} of the {listing.expected:,} clips of this corpus are not there{named}"
        yield CorpusFinding("missing_clips", "warning", listing.absent, message)
    if listing.expected is not None and len(listing.table) > listing.expected:
        extra = len(listing.table) - listing.expected
        message = f"{extra:,} more than the {listing.expected:,} clips that this corpus was published with"
        yield CorpusFinding("extra_clips", "warning", (), message)


def _rates(usable: pd.DataFrame, sample_rate: int | None) -> Iterable[CorpusFinding]:
    if sample_rate is not None:
        low = usable[usable["sample_rate"] < sample_rate]
        if len(low):
            lowest = int(low["sample_rate"].min())
            every = len(low) == len(usable)
            who = "all" if every else f"{len(low):,} of {len(usable):,}"
            message = (
                f"{who} clips are sampled at less than the {_khz(sample_rate)} asked for, down to {_khz(lowest)}: "
                f"there the bands above {lowest / 2000:.1f} kHz are empty"
            )
            yield CorpusFinding("low_sample_rate", "warning", () if every else tuple(low["clip_id"]), message)
    counts = usable["sample_rate"].value_counts()
    if len(counts) > 1:
        rare = tuple(usable.loc[usable["sample_rate"] != counts.index[0], "clip_id"])
        by_rate = sorted((int(str(rate)), int(count)) for rate, count in counts.items())
        shares = ", ".join(f"{_khz(rate)} ({count:,})" for rate, count in by_rate)
        message = f"clips of different sample rates: {shares}; the rarer are {_listed(rare)}"
        yield CorpusFinding("mixed_sample_rates", "warning", rare, message)


def _with_reasons(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(f"{clip} ({why})" for clip, why in zip(rows["clip_id"], rows["detail"], strict=True))


def _listed(names: Sequence[str]) -> str:
    """Lists the first few names, then how many more there are."""
    rest = len(names) - _NAMED
    return ", ".join(map(printable, names[:_NAMED])) + (f" and {rest:,} more" if rest > 0 else "")


def _count(names: Sequence[str], noun: str) -> str:
    return f"{len(names):,} {noun}{'' if len(names) == 1 else 's'}"


def _flat(groups: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(clip for group in groups for clip in group)


def _khz(hertz: int) -> str:
    return f"{hertz / 1000:.5g} kHz"
