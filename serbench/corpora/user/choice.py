"""Turns what the user asks for (a name, a path, several of them, a label map, a test corpus) into a corpus."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from serbench.corpora.base import Corpus
from serbench.corpora.registry import corpus_names, get_corpus
from serbench.corpora.user.kinds import KINDS, kind_at, lasting_place, make_user_corpus
from serbench.corpora.user.label_map import PRESETS, LabelMap, parse_label_map
from serbench.corpora.user.mapped_corpus import MappedCorpus, mapped
from serbench.corpora.user.merged_corpus import MergedCorpus
from serbench.corpora.user.table_corpus import TableCorpus
from serbench.corpora.user.table_file import TABLE_SUFFIXES
from serbench.corpora.user.user_corpus import UserCorpus, plain_name
from serbench.errors import UsageError
from serbench.home import expanded
from serbench.records import CorpusChoice, CorpusFacts, digest_of

__all__ = ["choose_corpus", "corpus_places", "name_suffix", "recorded_corpus"]


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
        text: name of a corpus, path of a table or folder, or several of them joined by '+'.
        data: where the files are; None for the default place. For a table, the folder that holds its audio; for several
            corpora, a folder with one folder for each.
        maps: label maps, as in `parse_label_map`.
        drops: labels to drop, as in `parse_label_map`.
        names: pattern of the file names of what is given by its path; see `NamePattern`.
        test: name or path of the corpus to test on; the others are trained on.

    Returns:
        The corpus, and the place to read it from (None for its default folder).

    Raises:
        UsageError: there is no such corpus, or the options exclude each other.
    """
    labels = parse_label_map(maps, drops)
    suffix = name_suffix(labels, maps)
    words = [text] if _exists(text) else [word.strip() for word in text.split("+")]
    parts = _named([*words, *([] if test is None else [test.strip()])])
    if names is not None and not any(part.place for part in parts):
        raise UsageError("--names reads the file names of a folder or table; this corpus reads its own")
    if len(parts) > 1:
        return _several(parts, data, labels, suffix, names, tested=test is not None)
    if parts[0].place is not None:
        return _at(parts[0], data, names, labels, suffix)
    inner = get_corpus(text)
    if isinstance(inner, UserCorpus):
        own = inner.choice.parts if inner.choice else ()
        pattern = inner.pattern.text if inner.pattern else None
        choice = _choice(text + suffix, own, labels, names=pattern, apart=bool(inner.choice and inner.choice.apart))
        if isinstance(inner, TableCorpus) and data is not None and data.is_dir():
            inner, data = replace(inner, audio=data), None
            choice = choice.model_copy(update={"apart": True})
        if not labels and choice.apart:
            inner = replace(inner, choice=choice)
        data = data or inner.home
    else:
        choice = _choice(text + suffix, (text,), labels)
    return (mapped(inner, labels, name=choice.name, choice=choice) if labels else inner), data


@dataclass(frozen=True)
class _Part:
    """One of the corpora that a user names: its name, and where it is if it is given by its path."""

    name: str
    place: Path | None = None


def _named(words: Sequence[str]) -> list[_Part]:
    """Gives each path a name of its own.

    Raises:
        UsageError: a corpus is named twice, or a word is empty.
    """
    if not all(words):
        raise UsageError("--corpus or --test-corpus names nothing, or ends in '+'; name a corpus, a folder or a table")
    parts: list[_Part] = []
    for word in words:
        if not _is_path(word):
            parts.append(_Part(word))
            continue
        place = expanded(word)
        name = plain_name(lasting_place(place).stem)
        taken = name in corpus_names() or (len(words) > 1 and name in KINDS)  # a part that is called so is its kind
        name = f"{name}-own" if taken else name
        same = sum(part.name.removesuffix(f"-{number}") == name for number, part in enumerate(parts, start=1))
        parts.append(_Part(f"{name}-{len(parts) + 1}" if same else name, place))
    keys = [part.name if part.place is None else part.place.resolve() for part in parts]
    if len(set(keys)) < len(keys):
        raise UsageError(f"--corpus and --test-corpus name a corpus twice ({', '.join(words)}); name each once")
    return parts


def _at(part: _Part, data: Path | None, names: str | None, labels: LabelMap, suffix: str) -> tuple[Corpus, Path | None]:
    """Builds the corpus at a path."""
    assert part.place is not None  # noqa: S101
    kind = kind_at(part.place)
    if data is not None and kind != "table":
        raise UsageError(f"--corpus {part.place} says where the corpus is; leave --data out")
    if data is not None and not data.is_dir():
        raise UsageError(f"--data {data} is no folder; name the folder that holds the audio of {part.place}")
    choice = _choice(part.name + suffix, (kind,), labels, names=names, apart=data is not None)
    places = {} if data is None else {"table": part.place, "audio": data}
    return _made(choice, places), part.place


def _several(
    parts: Sequence[_Part],
    data: Path | None,
    labels: LabelMap,
    suffix: str,
    names: str | None,
    *,
    tested: bool,
) -> tuple[Corpus, Path | None]:
    """Builds several corpora as one; the last is the test corpus if `tested` is set."""
    trained = tuple(part.name for part in parts[: len(parts) - tested])
    test = parts[-1].name if tested else None
    name = "+".join(trained) + (f"-to-{test}" if test else "")
    own = {part.name: kind_at(part.place) for part in parts if part.place is not None}
    choice = _choice(name + suffix, trained, labels, names=names, test=test).model_copy(update={"own": own})
    return _made(choice, {part.name: part.place for part in parts if part.place is not None}), data


def _choice(
    name: str,
    parts: tuple[str, ...],
    labels: LabelMap,
    *,
    names: str | None = None,
    test: str | None = None,
    apart: bool = False,
) -> CorpusChoice:
    return CorpusChoice(
        name=name, parts=parts, test=test, names=names, apart=apart,
        map=labels.names, keep=labels.keep, drop=labels.drop,
    )  # fmt: skip


def recorded_corpus(facts: CorpusFacts, places: Mapping[str, Path] | None = None) -> Corpus:
    """Builds the corpus that a record describes.

    Args:
        facts: from the record.
        places: where its parts are on this machine, see `corpus_places`.

    Raises:
        SerbenchError: the corpus is not installed here.
    """
    return get_corpus(facts.name) if facts.choice is None else _made(facts.choice, places or {})


def corpus_places(corpus: Corpus) -> dict[str, Path]:
    """Returns the places that a corpus needs besides the one that it is read from.

    Records hold no paths, so a study remembers them on its machine: `table` and `audio` of a table whose audio lies
    elsewhere, and the place of each part that was given by its path, by the name of the part.
    """
    if isinstance(corpus, MappedCorpus):
        return corpus_places(corpus.inner)
    if isinstance(corpus, TableCorpus) and corpus.audio is not None and corpus.home is not None:
        return {"table": lasting_place(corpus.home), "audio": corpus.audio.resolve()}
    if isinstance(corpus, MergedCorpus) and corpus.choice is not None:
        parts = (part for part in corpus.all_parts if isinstance(part, UserCorpus) and part.home is not None)
        return {part.name: lasting_place(part.home) for part in parts if part.home and part.name in corpus.choice.own}
    return {}


def _is_path(text: str) -> bool:
    path = Path(text)
    if os.sep in text or "/" in text or path.suffix.lower() in TABLE_SUFFIXES:
        return True
    return text not in corpus_names() and _exists(text)


def _exists(text: str) -> bool:
    try:
        return bool(text) and expanded(text).exists()
    except OSError:  # a list of many names is too long to be one
        return False


def _made(choice: CorpusChoice, places: Mapping[str, Path]) -> Corpus:
    labels = LabelMap(choice.map, choice.keep, choice.drop)
    if choice.parts[0] in KINDS:
        corpus = make_user_corpus(choice, places.get("table"))
        if isinstance(corpus, TableCorpus):
            corpus = replace(corpus, audio=places.get("audio"))
        return mapped(corpus, labels, choice=choice) if labels else corpus
    if len(choice.parts) > 1 or choice.test is not None:
        return _merged(choice, labels, places)
    return mapped(get_corpus(choice.parts[0]), labels, name=choice.name, choice=choice)


def _merged(choice: CorpusChoice, labels: LabelMap, places: Mapping[str, Path]) -> MergedCorpus:
    def part(name: str) -> Corpus:
        if name not in choice.own:
            return get_corpus(name)
        return make_user_corpus(
            CorpusChoice(name=name, parts=(choice.own[name],), names=choice.names), places.get(name)
        )

    parts = tuple(map(part, choice.parts))
    test = None if choice.test is None else part(choice.test)
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
