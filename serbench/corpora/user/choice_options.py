"""Turns a record's corpus into the options that choose it again: the inverse of `choose_corpus`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serbench.corpora.user.choice import name_suffix
from serbench.corpora.user.kinds import KINDS
from serbench.corpora.user.label_map import PRESETS, LabelMap, parse_label_map
from serbench.corpora.user.registered import registered_corpora
from serbench.errors import SerbenchError
from serbench.records import CorpusChoice, CorpusFacts

__all__ = ["CorpusOptions", "corpus_options"]

_MAKES_ITSELF = "demo"


@dataclass(frozen=True)
class CorpusOptions:
    """Command-line options that choose a corpus.

    Attributes:
        corpus: value of `--corpus`; None for a folder or table, because records hold no paths.
        maps: values of `--map`.
        drops: values of `--drop`.
        names: value of `--names`.
        test: value of `--test-corpus`.
        needs_place: whether the user must say where the corpus is. Added corpora and the demo are found without.
        apart: whether the audio of a table is in a folder of its own, which the user must name besides.
    """

    corpus: str | None
    maps: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    names: str | None = None
    test: str | None = None
    needs_place: bool = True
    apart: bool = False


def corpus_options(facts: CorpusFacts) -> CorpusOptions:
    """Returns the options that choose a record's corpus again. A corpus that was added here is given by its name."""
    choice = facts.choice
    if choice is None:
        return CorpusOptions(facts.name, needs_place=facts.name != _MAKES_ITSELF)
    labels = LabelMap(choice.map, choice.keep, choice.drop)
    maps, drops = _maps(labels, choice.name), ((",".join(choice.drop),) if choice.drop else ())
    if choice.parts and choice.parts[0] in KINDS:
        name = choice.name.removesuffix(name_suffix(labels, maps))
        if _is_registered(name, choice):
            return CorpusOptions(name, maps, drops, needs_place=False)
        return CorpusOptions(None, maps, drops, names=choice.names, apart=choice.apart)
    test = choice.test and _word(choice.test, choice)
    named = {*choice.parts, *([] if choice.test is None else [choice.test])} - choice.own.keys()
    needs = bool(named) and (choice.parts, choice.test) != ((_MAKES_ITSELF,), None)
    words = "+".join(_word(part, choice) for part in choice.parts)
    return CorpusOptions(words, maps, drops, names=choice.names, test=test, needs_place=needs)


def _word(part: str, choice: CorpusChoice) -> str:
    """A part as the user names it. Records hold no paths, so one that was given by its path is looked for here."""
    return f"./{part}{'.csv' if choice.own[part] == 'table' else ''}" if part in choice.own else part


def _is_registered(name: str, choice: CorpusChoice) -> bool:
    try:
        one = registered_corpora().get(name)
    except SerbenchError:
        return False
    return one is not None and (one.choice.parts, one.choice.names) == (choice.parts, choice.names)


def _maps(labels: LabelMap, name: str) -> tuple[str, ...]:
    """One `--map` that reads as these labels and gives the corpus its name."""
    preset = next((key for key, (keep, _) in PRESETS.items() if keep == labels.keep), None) if labels.keep else None
    if preset is None:
        return _joined([f"{old}={new}" for old, new in labels.names.items()])
    usual = parse_label_map([preset], ()).names
    more = [f"{old}={new}" for old, new in labels.names.items() if usual.get(old) != new]
    if more or labels.drop or name.endswith(f"-{preset}"):
        return _joined([preset, *more])
    # A set alone names the corpus for itself; this one was written with a pair that the set has anyway.
    return _joined([preset, *(f"{old}={new}" for old, new in [next(iter(usual.items()))])])


def _joined(words: Sequence[str]) -> tuple[str, ...]:
    return (",".join(words),) if words else ()
