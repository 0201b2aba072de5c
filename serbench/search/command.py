"""The command that repeats the search of a study, built from the study's record.

Every setting in the record that differs from the default becomes an option. Records name no folder of the machine that
made them, so such values are placeholders in capitals. `placeholder_note` tells the reader what to put there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from serbench.corpora import corpus_options
from serbench.errors import SerbenchError
from serbench.records import StudyRecord
from serbench.search.request import SearchRequest
from serbench.search.studies.samplers import DEFAULT_SAMPLER
from serbench.search.studies.study import default_run
from serbench.spaces import SearchSpace, load_space, read_space
from serbench.training import choose_backend

__all__ = ["placeholder_note", "search_command", "search_request"]

_DATA, _PLACE, _BUNDLE = "DIR", "PATH", "BUNDLE"
_USUAL_BACKEND = "tensorflow"


def search_command(
    record: StudyRecord,
    *,
    space: str | None = None,
    base: SearchSpace | None = None,
    data: Path | None = None,
    results: Path | None = None,
    trials: int | None = None,
) -> list[str]:
    """Builds the command that searches with the settings of a study, as a list of words.

    Args:
        record: record of the study.
        space: name or file of the space, as the user types it. None uses the recorded name if the space of that name
            is the same here, and otherwise `NAME.toml`.
        base: the space that `space` names; None for the space in the record.
        data: folder of the corpus; None for a placeholder.
        results: results folder; None for the default.
        trials: total number of trials; None for the recorded number.
    """
    request = search_request(record, space=space, base=base, data=data)
    if results is not None:
        request = replace(request, results=results)
    return replace(request, trials=trials).argv() if trials is not None else request.argv()


def search_request(
    record: StudyRecord, *, space: str | None = None, base: SearchSpace | None = None, data: Path | None = None
) -> SearchRequest:
    """Rebuilds the search request of a study from its record. The record of one fold stands for all folds.

    Args:
        record: record of the study.
        space: as in `search_command`.
        base: as in `search_command`.
        data: as in `search_command`.
    """
    if space is None:
        base = base or _shipped(record)
        space = record.space_name if base is not None else f"{record.space_name}.toml"
    base = base or _recorded(record)
    request = replace(_corpus(record, data), spaces=(space,))
    return replace(
        request,
        labels=record.corpus.label_source,
        protocol=_unless(record.protocol.name, _usual_protocol(request, base)),
        split_seed=record.protocol.split_seed,
        split_ratio=_split_ratio(record, base),
        epochs=_training(record, base, "epochs"),
        max_params=_training(record, base, "max_parameters"),
        seed=record.seed,
        sampler=_unless(record.sampler.get("name", "tpe"), DEFAULT_SAMPLER),
        pruner=record.pruner.get("name", "percentile"),
        warm_start=None if record.warm_start is None else record.warm_start.study,
        init=_init(record),
        teacher=None if record.teacher is None else record.teacher.entry,
        backend=_backend(record),
        # Always named, since another machine may choose another one.
        precision=record.precision,
        **_budget(record, base),
    )


def placeholder_note(words: Sequence[str]) -> str:
    """Explains the placeholders of a command, as the end of a sentence. Returns an empty text if there are none."""
    pairs = set(itertools.pairwise(words))
    notes = []
    if ("--data", _DATA) in pairs:
        several = any(name == "--test-corpus" or (name == "--corpus" and "+" in value) for name, value in pairs)
        notes.append(f"{_DATA}: the folder that holds {'one folder a corpus' if several else 'the corpus'}")
    if ("--corpus", _PLACE) in pairs:
        notes.append(f"{_PLACE}: the folder or table of the corpus")
    if ("--init", _BUNDLE) in pairs:
        notes.append(f"{_BUNDLE}: the folder of the bundle that the study started from")
    return "; ".join(notes)


def _corpus(record: StudyRecord, data: Path | None) -> SearchRequest:
    options = corpus_options(record.corpus)
    if options.corpus is None:
        corpus, place = str(data or _PLACE), Path(_DATA) if options.apart else None
    else:
        corpus, place = options.corpus, data or (Path(_DATA) if options.needs_place else None)
    return SearchRequest(
        corpus=corpus,
        data=place,
        label_map=options.maps,
        drop=options.drops,
        file_names=options.names,
        test_corpus=options.test,
        # Without a recorded run, a corpus given by its path would name the run after that path.
        run=record.run if options.corpus is None else _unless(record.run, default_run(record)),
    )


def _shipped(record: StudyRecord) -> SearchSpace | None:
    """The space that has the recorded name here, if it gives the recorded study; None otherwise."""
    try:
        found = load_space(record.space_name)
        asked = found.with_training(**_changes(record, found))
        ratio = _split_ratio(record, found)
        asked = asked if ratio is None else asked.with_split(ratio)
    except SerbenchError:
        return None
    return found if (found.name, asked.hash) == (record.space_name, record.space_hash) else None


def _recorded(record: StudyRecord) -> SearchSpace | None:
    """The space of the recorded text, without the overrides of the command line; None if it cannot be read."""
    try:
        return read_space(record.space_text, record.space_name, record.space_name, recorded=True)
    except SerbenchError:
        return None


def _changes(record: StudyRecord, base: SearchSpace) -> dict[str, int]:
    found = {name: _training(record, base, name) for name in ("epochs", "max_parameters")}
    return {name: value for name, value in found.items() if value is not None}


def _training(record: StudyRecord, base: SearchSpace | None, name: str) -> int | None:
    value = record.space.get("training", {}).get(name)
    return value if base is not None and value != getattr(base.training, name) else None


def _split_ratio(record: StudyRecord, base: SearchSpace | None) -> str | None:
    """The split ratio that was given with --split-ratio, if any."""
    ratio = record.space.get("parameters", {}).get("split_ratio", {}).get("value")
    if base is None or not isinstance(ratio, str):
        return None
    recorded = (record.protocol.test_core, record.protocol.validation_core)
    return None if ratio == base.fixed_split and recorded == base.recorded_cores else ratio


def _usual_protocol(request: SearchRequest, base: SearchSpace | None) -> str:
    if request.test_corpus is not None:
        return "cross-corpus"
    return (base.protocol if base is not None else None) or "speaker"


def _backend(record: StudyRecord) -> str | None:
    """The recorded backend; None if it is the default one and would also be chosen here."""
    try:
        here = choose_backend()
    except SerbenchError:
        here = ""
    return None if record.environment.backend == here == _USUAL_BACKEND else record.environment.backend


def _init(record: StudyRecord) -> str | None:
    if record.init is None:
        return None
    return _BUNDLE if record.init.bundle else record.init.entry


def _budget(record: StudyRecord, base: SearchSpace | None) -> dict[str, Any]:
    """The budget options of the last search of the study. Older records do not have them, nor had a shortlist."""
    asked = {"shortlist": 0} if record.asked is None else record.asked.model_dump()
    usual = {} if base is None else base.budget.model_dump()
    return {name: value for name, value in asked.items() if value != usual.get(name)}


def _unless(value: str, usual: str) -> str | None:
    return None if value == usual else value
