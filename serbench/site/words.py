"""What pages say in sentences: what a protocol means, how an entry is cited, which commands repeat it."""

from __future__ import annotations

import re

from serbench.errors import SerbenchError
from serbench.protocols import get_kind, protocol_names
from serbench.records import ProtocolFacts, StudyRecord
from serbench.render import percent, plural, span, speakers
from serbench.results import Row
from serbench.search import placeholder_note, search_command, shell_line
from serbench.spaces import read_space

__all__ = ["citation", "entry_commands", "protocol_sentence", "search_again", "without_paths"]

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


def search_again(record: StudyRecord, trials: int) -> tuple[str, str]:
    """The command that repeats a study's search, and what its words in capitals stand for.

    Args:
        record: of the study.
        trials: that count.
    """
    asked = max(trials, 1 if record.asked is None else record.asked.trials)
    words = search_command(record, trials=asked)
    return shell_line(words), placeholder_note(words)


def entry_commands(row: Row, record: StudyRecord, refit: str, trials: int, space: str = "") -> list[tuple[str, str]]:
    """Each command under what it is for.

    Args:
        row: of the entry.
        record: of its study.
        refit: one of its refits.
        trials: of its study.
        space: text of the space file that has this configuration alone; empty where there is none.
    """
    command, note = search_again(record, trials)
    from_file = ", from the study's space file on its page" if f"{record.space_name}.toml" in command else ""
    found = [(f"Search again{from_file}{f' ({note})' if note else ''}", command)]
    if row.ensemble_of:
        return found
    if row.folds == 1:
        if space:
            found.append(("Fit this configuration alone, from the space file above", _single(row, record, space)))
        found += [
            ("Repeat one of its refits and compare", shell_line(["serbench", "study", "replay", row.study, refit])),
            ("Export it", shell_line(["serbench", "export", row.entry, "--to", "bundle"])),
            ("Predict with it", "serbench predict bundle RECORDING.wav"),
        ]
    return [*found, ("Question it", shell_line(["serbench", "audit", row.entry]))]


def _single(row: Row, record: StudyRecord, space: str) -> str:
    """The command that fits one configuration as the study did; the budget is that of the space file."""
    file = f"{row.entry}.toml"
    alone = record.model_copy(update={"asked": None, "warm_start": None})
    try:
        base = read_space(space, row.entry, file)
    except SerbenchError:  # a record of a serbench that knew other hyperparameters
        base = None
    return shell_line(search_command(alone, space=file, base=base))
