"""Normalisation by speaker: what it reads, and what a score under it may not do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from serbench.errors import SerbenchError, UsageError
from serbench.export import export_bundle
from serbench.protocols import SplitProtocol
from serbench.records import ResultsFolder
from serbench.results import Results
from serbench.results.selection import best_selected
from serbench.search import run_search
from serbench.spaces.file import read_space


@pytest.mark.children
def test_each_speaker_is_normalised_alone_and_copies_like_their_originals() -> None:
    from serbench.training.data import normalised_by_speaker

    rng = np.random.default_rng(0)
    speakers = np.arange(12) % 3
    plain = rng.normal(loc=5 * speakers[:, None, None], scale=1 + speakers[:, None, None], size=(12, 8, 4))
    first, copy = normalised_by_speaker([plain, plain + 1], speakers, axis=1)
    for speaker in range(3):
        own = first[speakers == speaker]
        assert own.mean(axis=(0, 1)) == pytest.approx(np.zeros(4), abs=1e-4)
        assert own.std(axis=(0, 1)) == pytest.approx(np.ones(4), abs=1e-4)
        assert (copy > first)[speakers == speaker].all()


def test_it_makes_another_protocol() -> None:
    assert SplitProtocol(speaker_normalisation=True).hash != SplitProtocol().hash
    assert "speaker_normalisation" not in SplitProtocol().describe()


@pytest.mark.parametrize("name", ["random", "sentence", "given"])
def test_it_is_refused_where_test_clips_would_bear_on_training(name) -> None:
    clips = pd.DataFrame({"clip_id": ["a", "b"], "label": ["joy", "fear"], "speaker": "s1", "sex": "female"})
    with pytest.raises(UsageError, match="keeps speakers apart, such as speaker"):
        SplitProtocol(name, speaker_normalisation=True).plans(clips)


@pytest.mark.slow
@pytest.mark.children
def test_its_entry_is_marked_unranked_and_never_exported(make_plan, tiny_space, tmp_path) -> None:
    text = tiny_space().read_text(encoding="utf-8")
    space = read_space(text + "\n[protocol]\nspeaker_normalisation = true\n", "by_speaker", "here")
    plan = make_plan(spaces=(space,), trials=1, finalists=1, repeats=1)
    run_search(plan)
    results = ResultsFolder(plan.results)
    board = Results(results.root).board()
    (row,) = board.rows
    assert row.speaker_normalisation
    assert row.rank is None
    assert "transductive" in board.groups[0].title
    assert any("transductive" in note for note in board.notes)
    assert best_selected(board) is None
    with pytest.raises(UsageError, match="transductive"):
        Results(results.root).select()
    with pytest.raises(SerbenchError, match="cannot label a single file"):
        export_bundle(Results(results.root), row.entry, tmp_path / "bundle", data=plan.data)
