"""What pages say in sentences: what a protocol means, how an entry is cited, which commands repeat it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from serbench.errors import SerbenchError
from serbench.protocols import get_kind, protocol_names
from serbench.records.schemas import ProtocolFacts, StudyRecord
from serbench.render.document import percent, plural, span, speakers
from serbench.results.leaderboard_row import Row
from serbench.spaces.file import read_space
from serbench.spaces.space import SearchSpace

__all__ = ["citation", "entry_commands", "protocol_sentence", "search_words", "without_paths"]

_PATH = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[\\/](?:[^\s\\/'\":;,]+[\\/])+(?=[^\s\\/])")


def without_paths(text: str) -> str:
    """A message with every absolute path cut to its last part: a site is sent to others.

    >>> without_paths("cannot decode /home/ann/data/1001.wav; see https://example.org/help/wav")
    'cannot decode 1001.wav; see https://example.org/help/wav'
    """
    return _PATH.sub("", text)


def protocol_sentence(protocol: ProtocolFacts) -> str:
    """What a score under a protocol means, in plain words."""
    if protocol.speaker_normalisation:
        return "Features are normalised by the test speakers' own clips (transductive): no score of a single clip."
    name = protocol.name.partition(":")[0]
    if name in protocol_names():  # a record of another version may have a protocol that this one does not know
        return get_kind(name).meaning
    if protocol.shares_speakers:
        return "The same people are in training and test. Do not expect this score for a new person."
    return "No test speaker is in training or validation."


def citation(row: Row, protocol: ProtocolFacts, serbench: str) -> str:
    """A score with all that it takes to be believed, as one would write it in a paper."""
    if row.uar is None:
        score = f"accuracy {percent(row.accuracy)} %"
    else:
        interval = f" (95 % CI {span(row.uar_low, row.uar_high)})" if row.uar_low is not None else " (no interval)"
        score = f"UAR {percent(row.uar)} %{interval}, accuracy {percent(row.accuracy)} %"
    shared = "speakers shared with training" if protocol.shares_speakers else "speakers unknown to the model"
    folds = f", {protocol.folds} folds pooled" if protocol.folds > 1 else ""
    chosen = (
        "an ensemble of the finalists of"
        if row.ensemble_of
        else "selected by validation among"
        if row.selected
        else "not the entry that validation selects; of"
    )
    return (
        f"{score} on {row.corpus} ({row.labels} {row.label_source} labels), mean of "
        f"{plural(row.seeds, 'refit')}; protocol {protocol.name}{folds}, {protocol.test_clips:,} test clips of "
        f"{speakers(protocol.test_speakers)}, {shared}, split seed {protocol.split_seed}, hash {protocol.hash}; "
        f"{chosen} {row.trials} trials, {plural(row.looks, 'look')} at the test core; serbench {serbench}, "
        f"entry {row.entry}."
    )


def search_words(record: StudyRecord, space: str, *, results: Path | None = None) -> list[str]:
    """The words of a command that searches with the settings of a study.

    Args:
        record: of the study.
        space: name or file of the space.
        results: another folder than the default.
    """
    corpus, protocol = record.corpus, record.protocol
    words = ["serbench", "search", space, "--corpus", corpus.name]
    if corpus.name != "demo":
        words += ["--data", "FOLDER"]
    read = _space(record)
    training = record.space.get("training", {})
    options = {
        "--labels": (corpus.label_source, "intended"),
        "--protocol": (protocol.name, (read.protocol if read else None) or "speaker"),
        "--epochs": (training.get("epochs"), read.training.epochs if read else training.get("epochs")),
        "--max-params": (
            training.get("max_parameters"),
            read.training.max_parameters if read else training.get("max_parameters"),
        ),
        "--split-ratio": (_recorded_split(record), read.fixed_split if read else _recorded_split(record)),
        "--seed": (record.seed, 0),
        "--split-seed": (protocol.split_seed, 0),
        "--sampler": (record.sampler.get("name", "tpe"), "tpe"),
        "--pruner": (record.pruner.get("name", "percentile"), "percentile"),
    }
    for name, (value, usual) in options.items():
        if value != usual:
            words += [name, str(value)]
    return words if results is None else [*words, "--results", str(results)]


def _recorded_split(record: StudyRecord) -> str | None:
    """The split ratio of all trials, where there is but one."""
    found = record.space.get("parameters", {}).get("split_ratio", {}).get("value")
    return found if isinstance(found, str) else None


def _space(record: StudyRecord) -> SearchSpace | None:
    """The space as its text says, without what the command line changed; None where it cannot be read."""
    try:
        return read_space(record.space_text, record.space_name, record.space_name)
    except SerbenchError:
        return None


def entry_commands(row: Row, record: StudyRecord, refit: str, trials: int) -> list[tuple[str, str]]:
    """Each command under what it is for.

    Args:
        row: of the entry.
        record: of its study.
        refit: one of its refits.
        trials: of its study.
    """
    space = f"{record.space_name}.toml"
    found = [
        (
            "Search again, from the study's space file on its page",
            shlex.join([*search_words(record, space), "--trials", str(trials)]),
        )
    ]
    if row.ensemble_of:
        return found
    if row.folds == 1:
        found += [
            (
                "Fit this configuration alone, from the space file above",
                shlex.join(search_words(record, f"{row.entry}.toml")),
            ),
            ("Repeat one of its refits and compare", shlex.join(["serbench", "study", "replay", row.study, refit])),
            ("Export it", shlex.join(["serbench", "export", row.entry, "--to", "bundle"])),
            ("Predict with it", "serbench predict bundle RECORDING.wav"),
        ]
    return [*found, ("Question it", shlex.join(["serbench", "audit", row.entry]))]
