"""Texts of pages: the meaning of a protocol, the citation of an entry, and commands that repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from serbench.corpora import starts_from_its_corpus
from serbench.errors import SerbenchError
from serbench.protocols import get_kind, protocol_names
from serbench.records import ProtocolFacts, StudyRecord
from serbench.render import percent, plural, span, speakers
from serbench.results import Row
from serbench.search import placeholder_note, search_command
from serbench.spaces import read_space

__all__ = ["citation", "entry_commands", "protocol_sentence", "search_again"]


def protocol_sentence(protocol: ProtocolFacts) -> str:
    """What a score under a protocol means, in one or two sentences."""
    if protocol.speaker_normalisation:
        return (
            "Features are normalised with the test speakers' own clips (transductive), "
            "so this is not the score of a single clip."
        )
    name = protocol.name.partition(":")[0]
    if name in protocol_names():  # a record of another version may have an unknown protocol
        return get_kind(name).meaning
    if protocol.shares_speakers:
        return "The same people are in training and test. Do not expect this score for a new person."
    return "No test speaker is in training or validation."


def citation(row: Row, protocol: ProtocolFacts, serbench: str) -> str:
    """Sentence to cite a score in a paper, with everything a reader needs to judge it."""
    if row.uar is None:
        score = f"accuracy {percent(row.accuracy)} %"
    else:
        interval = f" (95 % CI {span(row.uar_low, row.uar_high)})" if row.uar_low is not None else " (no interval)"
        score = f"UAR {percent(row.uar)} %{interval}, accuracy {percent(row.accuracy)} %"
    shared = "speakers shared with training" if protocol.shares_speakers else "unseen speakers"
    folds = f", {protocol.folds} folds pooled" if protocol.folds > 1 else ""
    chosen = (
        f"an ensemble ({row.origin}) of"
        if row.ensemble_of
        else "selected by validation among"
        if row.selected
        else "not the entry with the best validation score; of"
    )
    return (
        f"{score} on {row.corpus} ({row.labels} {row.label_source} labels), mean of "
        f"{plural(row.seeds, 'seed')}; protocol {protocol.name}{folds}, {protocol.test_clips:,} test clips of "
        f"{speakers(protocol.test_speakers)}, {shared}, split seed {protocol.split_seed}, hash {protocol.hash}; "
        f"{chosen} {row.trials} trials, {plural(row.looks, 'evaluation')} of the test set{_chosen_on(row)}; "
        f"serbench {serbench}, entry {row.entry}."
    )


def _chosen_on(row: Row) -> str:
    """Half a sentence about test speakers that chose what the search began with; '' where there are none."""
    if not row.chosen_on_tested:
        return ""
    chosen = f"were chosen on {row.chosen_on_tested} of the test speakers"
    return f"; the score is too high, since configurations that the search began with {chosen}"


def search_again(record: StudyRecord, trials: int) -> tuple[str, str]:
    """The command that repeats a study's search, and a note that explains its placeholders in capitals.

    Args:
        record: the study's record.
        trials: trials that count towards the budget.
    """
    asked = max(trials, 1 if record.asked is None else record.asked.trials)
    words = search_command(record, trials=asked)
    return shlex.join(words), placeholder_note(words)


def entry_commands(
    row: Row,
    studies: Sequence[StudyRecord],
    refit: str,
    trials: Mapping[str, int],
    space: str = "",
    *,
    with_pages: bool = True,
) -> list[tuple[str, str]]:
    """Commands that use or repeat an entry, as pairs of purpose and command.

    Args:
        row: the entry's row.
        studies: the record of its study; of an ensemble of families one for each family.
        refit: job id of one of its refits.
        trials: trials of each study that count towards the budget, by its name.
        space: text of a space file with only this configuration; '' if there is none.
        with_pages: whether the studies have pages, which show their space files.
    """
    place = "on its page" if with_pages else "(`space_text` of its study.json)"
    found = [
        _again(record, trials.get(record.name, 0), f" {record.family}" if len(studies) > 1 else "", place)
        for record in studies
    ]
    record = studies[0]
    if row.ensemble_of:
        return found
    if row.folds == 1:
        if space:
            found.append(("Train only this configuration, from the space file above", _single(row, record, space)))
        found.append(
            ("Repeat one of its runs and compare", shlex.join(["serbench", "study", "replay", row.study, refit]))
        )
    if not row.speaker_normalisation:
        found += [
            ("Export it", shlex.join(["serbench", "export", row.entry, "--to", "bundle"])),
            ("Predict with it", "serbench predict bundle RECORDING.wav"),
        ]
    audits = [("Audit it", shlex.join(["serbench", "audit", row.entry]))]
    if row.folds == 1 and not row.speaker_normalisation and not starts_from_its_corpus(record):
        audits.append(
            ("Measure what noise and rooms cost it", shlex.join(["serbench", "audit", row.entry, "--robustness"]))
        )
    return [*found, *audits]


def _again(record: StudyRecord, trials: int, which: str, place: str) -> tuple[str, str]:
    command, note = search_again(record, trials)
    from_file = f", from the study's space file {place}" if f"{record.space_name}.toml" in command else ""
    return f"Search{which} again{from_file}{f' ({note})' if note else ''}", command


def _single(row: Row, record: StudyRecord, space: str) -> str:
    """The command that trains one configuration as the study did, with the budget of the space file."""
    file = f"{row.entry}.toml"
    alone = record.model_copy(update={"asked": None, "warm_start": None})
    try:
        base = read_space(space, row.entry, file)
    except SerbenchError:  # the record is of a serbench with other hyperparameters
        base = None
    return shlex.join(search_command(alone, space=file, base=base))
