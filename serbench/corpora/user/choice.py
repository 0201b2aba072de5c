"""Turns what the user asks for (a name, a path, several names, a label map, a test corpus) into a corpus."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from serbench.corpora.base import Corpus
from serbench.corpora.registry import corpus_names, get_corpus
from serbench.corpora.user.kinds import KINDS, kind_at, make_user_corpus
from serbench.corpora.user.label_map import PRESETS, LabelMap, parse_label_map
from serbench.corpora.user.mapped_corpus import mapped
from serbench.corpora.user.merged_corpus import MergedCorpus
from serbench.corpora.user.table_file import TABLE_SUFFIXES
from serbench.corpora.user.user_corpus import UserCorpus, plain_name
from serbench.errors import UsageError
from serbench.records import CorpusChoice, CorpusFacts, digest_of

__all__ = ["choose_corpus", "name_suffix", "recorded_corpus"]


def choose_corpus(
    text: str,
    data: Path | None = None,
    *,
    maps: Sequence[str] = (),
    drops: Sequence[str] = (),
    names: str | None = None,
    test: str | None = None,
) -> tuple[Corpus, Path | None]:
    """Builds the corpus that the user asked for.

    Args:
        text: name of a corpus, path of a table or folder, or names joined by '+'.
        data: where the files are; None for the default place. For several corpora, a folder with one folder for each.
        maps: label maps, as in `parse_label_map`.
        drops: labels to drop, as in `parse_label_map`.
        names: pattern of the file names, only for a path; see `NamePattern`.
        test: name of the corpus to test on; the others are trained on.

    Returns:
        The corpus, and the place to read it from (None for its default folder).

    Raises:
        UsageError: there is no such corpus, or the options exclude each other.
    """
    labels = parse_label_map(maps, drops)
    suffix = name_suffix(labels, maps)
    if _is_path(text):
        return _at(Path(text).expanduser(), data, names, test, labels, suffix)
    if names is not None:
        raise UsageError("--names reads the file names of a folder or table; this corpus reads its own")
    parts = tuple(part.strip() for part in text.split("+"))
    if len({*parts, test}) < len(parts) + 1:
        raise UsageError(f"--corpus {text} and --test-corpus name a corpus twice; name each once")
    if len(parts) > 1 or test is not None:
        name = "+".join(parts) + (f"-to-{test}" if test else "")
        return _made(_choice(name + suffix, parts, labels, test=test)), data
    inner = get_corpus(text)
    if isinstance(inner, UserCorpus):
        parts = inner.choice.parts if inner.choice else ()
        pattern = inner.pattern.text if inner.pattern else None
        choice = _choice(text + suffix, parts, labels, names=pattern)
        data = data or inner.home
    else:
        choice = _choice(text + suffix, parts, labels)
    return (mapped(inner, labels, name=choice.name, choice=choice) if labels else inner), data


def _at(
    place: Path, data: Path | None, names: str | None, test: str | None, labels: LabelMap, suffix: str
) -> tuple[Corpus, Path]:
    """Builds the corpus at a path."""
    if test is not None:
        raise UsageError("--test-corpus goes with named corpora; give this one a name with `serbench corpus add`")
    if data is not None:
        raise UsageError(f"--corpus {place} says where the corpus is; leave --data out")
    kind = kind_at(place)
    name = plain_name(place.resolve().stem)
    name = f"{name}-own" if name in corpus_names() else name
    return _made(_choice(name + suffix, (kind,), labels, names=names)), place


def _choice(
    name: str, parts: tuple[str, ...], labels: LabelMap, *, names: str | None = None, test: str | None = None
) -> CorpusChoice:
    return CorpusChoice(
        name=name, parts=parts, test=test, names=names, map=labels.names, keep=labels.keep, drop=labels.drop
    )


def recorded_corpus(facts: CorpusFacts) -> Corpus:
    """Builds the corpus that a record describes.

    Raises:
        SerbenchError: the corpus is not installed here.
    """
    return get_corpus(facts.name) if facts.choice is None else _made(facts.choice)


def _is_path(text: str) -> bool:
    path = Path(text)
    if os.sep in text or "/" in text or path.suffix.lower() in TABLE_SUFFIXES:
        return True
    return text not in corpus_names() and "+" not in text and path.exists()


def _made(choice: CorpusChoice) -> Corpus:
    labels = LabelMap(choice.map, choice.keep, choice.drop)
    if choice.parts[0] in KINDS:
        corpus = make_user_corpus(choice)
        return mapped(corpus, labels, choice=choice) if labels else corpus
    if len(choice.parts) > 1 or choice.test is not None:
        return _merged(choice, labels)
    return mapped(get_corpus(choice.parts[0]), labels, name=choice.name, choice=choice)


def _merged(choice: CorpusChoice, labels: LabelMap) -> MergedCorpus:
    parts = tuple(get_corpus(part) for part in choice.parts)
    test = None if choice.test is None else get_corpus(choice.test)
    everyone = parts if test is None else (*parts, test)
    title = " + ".join(part.title for part in parts) + (f" to {test.title}" if test else "")
    return MergedCorpus(
        name=choice.name,
        title=title,
        labels=(),
        licence="; ".join(f"{part.title}: {part.licence}" for part in everyone),
        citation=" ".join(part.citation for part in everyone if part.citation),
        synthetic=any(part.synthetic for part in everyone),
        name_form="",
        choice=choice,
        parts=parts,
        test=test,
        map=labels,
    )


def name_suffix(labels: LabelMap, maps: Sequence[str]) -> str:
    """Returns the suffix of the name that distinguishes a corpus under a label map from other versions of it."""
    if not labels:
        return ""
    if len(maps) == 1 and maps[0] in PRESETS and not labels.drop:
        return f"-{maps[0]}"
    return f"-map{digest_of([labels.names, labels.keep, labels.drop])[:6]}"
