"""An entry's configuration fitted again on other draws: recorded beside it, resumed, and on no leaderboard."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from tiers import starts_children

from serbench.audit import rerun
from serbench.audit.rerun import Rerun, Reruns
from serbench.protocols import recorded_plan, recorded_protocol
from serbench.records import ResultsFolder
from serbench.render import render
from serbench.results import Results, load_entry
from serbench.search import run_search
from serbench.search.observer import Observer
from serbench.search.studies.recorded import recorded_clips, recorded_space
from serbench.training import SeedTree

STUDY = "crema-d-speaker-tiny_cnn1d"


@pytest.fixture(scope="module")
def _made(tmp_path_factory) -> dict[str, Path]:
    return {}


@pytest.fixture
@starts_children
def reruns(_made, make_plan, tmp_path, tmp_path_factory, tone_corpus) -> Reruns:
    """On a copy of one small search."""
    if not _made:
        _made["root"] = tmp_path_factory.mktemp("rerun") / "results"
        run_search(make_plan(results=_made["root"], trials=1, finalists=1, repeats=1))
    results = ResultsFolder(shutil.copytree(_made["root"], tmp_path / "copied"))
    folder = results.study(STUDY)
    record = folder.record()
    (entry,) = folder.entries()
    judged = entry.model_copy(update={"shortlisted": "t0000", "out_of_fold": 0.5, "finals": "all", "bag": 3})
    clips = recorded_clips(folder, record, tone_corpus)
    return Reruns(folder, record, recorded_space(folder, record), judged, clips, Observer(), threading.Event())


@pytest.mark.slow
@pytest.mark.children
def test_equal_sizes_under_both_protocols_and_speakers_apart_only_under_one(reruns) -> None:
    base = recorded_protocol(reruns.folder, reruns.record)
    pair = [replace(base, name=name, split_seed=3) for name in ("speaker", "random")]
    size = min(reruns.train_size(one) for one in pair) - 5
    speaker_of = dict(zip(reruns.clips["clip_id"], reruns.clips["speaker"], strict=True))
    seeds = set()
    for protocol in pair:
        folder, entry = reruns.fit(Rerun(protocol, size), 1)
        record = folder.job("refit", entry.refits[0])
        seeds.add(record.seed)
        assert record.train_clips == size
        assert load_entry(folder, folder.record(), entry).mean_score("test", "uar") == record.scores["test"].uar
        predictions = folder.predictions("refit", entry.refits[0])
        sets = {
            subset: {speaker_of[clip] for clip in rows["clip_id"]} for subset, rows in predictions.groupby("subset")
        }
        assert bool(sets["train"] & sets["test"]) == (protocol.name == "random")
        assert (predictions["subset"] == "train").sum() == size
        assert not folder.model_path(entry.refits[0]).exists()
    assert seeds == {SeedTree(reruns.record.seed).rerun(3, 0)}, "both protocols of a split begin alike"


@pytest.mark.slow
@pytest.mark.children
def test_reruns_side_by_side_are_those_made_one_by_one_and_one_that_cannot_start_says_why(reruns) -> None:
    base = recorded_protocol(reruns.folder, reruns.record)
    too_few = Rerun(replace(base, test_core=Decimal(88)))
    wanted = [Rerun(replace(base, split_seed=4)), Rerun(base, shuffled=True), too_few]
    shown: list[str] = []
    watched = replace(reruns, observer=_Watched(shown))
    fitted = watched.fit_all(dict.fromkeys(wanted, 1), workers=2)
    assert list(fitted) == wanted
    for asked in wanted[:2]:
        one = fitted[asked]
        assert one.entry is not None
        assert one.folder is not None
        answers = one.folder.predictions("refit", one.entry.refits[0])
        shutil.rmtree(one.folder.path)
        folder, entry = reruns.fit(asked, 1)
        assert answers.equals(folder.predictions("refit", entry.refits[0]))
    assert fitted[too_few].folder is None
    assert "test" in fitted[too_few].error
    assert {f"training {asked.name}, r0" for asked in wanted[:2]} <= set(shown)


class _Watched(Observer):
    def __init__(self, shown: list[str]) -> None:
        self._shown = shown

    def progress(self, what: str, done: int, total: int) -> None:
        self._shown.append(what)


@pytest.mark.slow
@pytest.mark.children
def test_a_rerun_is_kept_goes_on_and_shows_on_no_leaderboard(reruns) -> None:
    root = reruns.folder.path.parents[1]
    before = json.loads(render(Results(root).board(), "json"))
    rerun = Rerun(replace(recorded_protocol(reruns.folder, reruns.record), split_seed=1))
    folder, entry = reruns.fit(rerun, 1)
    first = (folder.job_path("refit", entry.refits[0]) / "record.json").read_bytes()
    _, again = reruns.fit(rerun, 2)
    assert again.refits == ("t0000-r0", "t0000-r1")
    assert (folder.job_path("refit", "t0000-r0") / "record.json").read_bytes() == first
    seeds = {folder.job("refit", job).seed for job in again.refits}
    assert len(seeds) == 2
    after = json.loads(render(Results(root).board(), "json"))
    assert after["rows"] == before["rows"]
    # Each test set has a file of its own, and files come in the order of their digests.
    assert sorted(line.kind for line in ResultsFolder(root).ledger.read()[0]) == ["audit", "audit", "run"]
    (tested,) = (group["tested"] for group in after["groups"])
    assert (tested["evaluations"], tested["split_seeds"]) == (1, 2), "another draw of test speakers"


@pytest.mark.children
@pytest.mark.slow
def test_shuffled_labels_are_traded_among_all_but_the_test_core(reruns) -> None:
    protocol = recorded_protocol(reruns.folder, reruns.record)
    folder, entry = reruns.fit(Rerun(protocol, shuffled=True), 1)
    table = folder.predictions("refit", entry.refits[0])
    truth = dict(zip(reruns.clips["clip_id"], reruns.clips["label"], strict=True))
    true = np.array([truth[clip] for clip in table["clip_id"]])
    tested = (table["subset"] == "test").to_numpy()
    assert (table["label"].to_numpy()[tested] == true[tested]).all()
    trained = ~tested
    shuffled = table["label"].to_numpy()[trained]
    assert (shuffled != true[trained]).mean() > 0.5
    assert sorted(shuffled) == sorted(true[trained])


@pytest.mark.slow
def test_votes_are_traded_with_the_labels_they_belong_to(reruns) -> None:
    protocol = recorded_protocol(reruns.folder, reruns.record)
    (plan,) = protocol.plans(reruns.clips)
    voted = reruns.clips.assign(votes=reruns.clips["label"])
    traded = rerun._shuffled(voted, plan, protocol)
    assert (traded["votes"] == traded["label"]).all()
    assert (traded["label"] != voted["label"]).any()


@pytest.mark.slow
def test_a_fold_is_found_again_by_its_number(reruns) -> None:
    protocol = replace(recorded_protocol(reruns.folder, reruns.record), name="loso")
    plans = protocol.plans(reruns.clips)
    for plan in (plans[0], plans[-1]):
        facts = protocol.facts(reruns.clips, plan, len(plans))
        record = reruns.record.model_copy(update={"protocol": facts})
        assert recorded_plan(reruns.folder, record, reruns.clips) == plan


@pytest.mark.children
@pytest.mark.slow
def test_a_stop_keeps_nothing_half_done(reruns) -> None:
    reruns.stop.set()
    folder, entry = reruns.fit(Rerun(replace(recorded_protocol(reruns.folder, reruns.record), split_seed=2)), 1)
    assert entry is None
    assert not folder.job_ids("refit")
