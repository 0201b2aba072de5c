"""Configurations that a space begins with may have been chosen on speakers whom a study tests: that is told.

`--warm-start` refuses such a start, since another study can be named. A space file cannot be exchanged so easily: its
configurations are tried, and all results of the study are marked.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from serbench.corpora import people_of, recorded_names
from serbench.errors import SerbenchError
from serbench.protocols import SplitProtocol
from serbench.records import CorpusFacts
from serbench.search.transfer.heard import StudySplit
from serbench.spaces import ChosenOn, SearchSpace

__all__ = ["chosen_on", "warn_of_choice"]

_SEVERAL = 3


def chosen_on(space: SearchSpace, clips: pd.DataFrame, corpus: CorpusFacts) -> dict[str, tuple[str, ...]]:
    """Returns the speakers of a corpus on whom the configurations that a space begins with were chosen.

    Args:
        space: the space.
        clips: clip table of the study.
        corpus: facts about its corpus.

    Returns:
        By name of the configuration, the speakers as 'corpus/speaker'. Configurations without any are left out.
    """
    people = pd.DataFrame(list(people_of(clips, corpus)), columns=["part", "speaker"], index=clips.index)
    found = {}
    for known in space.enqueued:
        named = {f"{part}/{who}" for one in known.chosen_on for part, who in _speakers(one, clips, people)}
        if named:
            found[known.name] = tuple(sorted(named))
    return found


def _speakers(chosen: ChosenOn, clips: pd.DataFrame, people: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """The speakers of one statement who are in the corpus."""
    here = people[people["part"].isin(recorded_names([chosen.corpus]))]
    if chosen.protocol is not None:
        part = clips.loc[here.index].reset_index(drop=True)
        protocol = SplitProtocol(chosen.protocol, chosen.test_core, chosen.validation_core, chosen.split_seed)
        try:
            rows = {row for plan in protocol.plans(part) for row in plan.core_split.validation}
        except SerbenchError:  # a part of the corpus that cannot be split so: anyone may have chosen
            rows = set(range(len(part)))
        here = here.iloc[sorted(rows)]
    elif chosen.speakers:
        here = here[here["speaker"].isin(chosen.speakers)]
    return ((str(part), str(who)) for part, who in here.drop_duplicates().itertuples(index=False))


def warn_of_choice(split: StudySplit) -> str:
    """Returns a warning where configurations were chosen on test speakers of a study; '' if none was.

    Args:
        split: the study, whose record says who chose.
    """
    tested = {f"{part}/{who}" for part, who in people_of(split.tested, split.record.corpus)}
    both = {name: sorted(tested & recorded_names(who)) for name, who in split.record.chosen_on.items()}
    named = [name for name, who in both.items() if who]
    if not named:
        return ""
    speakers = sorted({one for who in both.values() for one in who})
    first = ", ".join(one.partition("/")[2] for one in speakers[:_SEVERAL]) + (
        ", ..." if len(speakers) > _SEVERAL else ""
    )
    fold = f" of fold {split.record.protocol.fold}" if split.record.protocol.folds > 1 else ""
    return (
        f"configurations that space '{split.record.space_name}' begins with ({', '.join(named)}) were chosen on "
        f"{len(speakers)} test speakers{fold} ({first}), so test scores are too high, and marked; remove these "
        "[[enqueue]] tables from a copy of the space for scores of unknown speakers"
    )
