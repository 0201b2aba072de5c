"""Clips that cannot be used: each costs itself, by name, and neither the search nor the other clips."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from corpora_files import write_clips
from drawn_results import Builder

from serbench.corpora import choose_corpus, load_clips
from serbench.errors import SerbenchError
from serbench.features import get_front_end
from serbench.records import ResultsFolder
from serbench.search import Observer, recorded_clips, run_search


class Watch(Observer):
    def __init__(self) -> None:
        self.told: list[str] = []

    def warning(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture(autouse=True)
def nothing_is_cached(tmp_path, monkeypatch) -> None:
    """Features that another test computed would hide the front end."""
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def high_tones_have_no_features(monkeypatch):
    """The front end of the 1-D family fails for sadness, which is a tone of over 2 kHz in the tone corpus."""
    front_end = type(get_front_end("acoustic"))
    extract = front_end.extract

    def strict(self, waveforms, settings):
        crossings = np.abs(np.diff(np.signbit(waveforms), axis=1)).mean(axis=1)
        if crossings.max() > 0.45:
            raise ArithmeticError("no pitch")
        return extract(self, waveforms, settings)

    monkeypatch.setattr(front_end, "extract", strict)


@pytest.mark.children
@pytest.mark.slow
def test_a_search_names_them_and_goes_on_without_them(make_plan, high_tones_have_no_features) -> None:
    plan, watch = make_plan(repeats=1, finalists=1, trials=1), Watch()
    (name,) = run_search(plan, watch)
    told = [text for text in watch.told if "has no features: ArithmeticError: no pitch" in text]
    corpus = ResultsFolder(plan.results).study(name).record().corpus
    assert told
    assert corpus.clips == 144 - len(told)
    assert {clip.reason for clip in corpus.excluded} == {"no_features"}
    assert all(any(f"'{clip.clip_id}'" in text for text in told) for clip in corpus.excluded)
    folder = ResultsFolder(plan.results).study(name)
    assert len(recorded_clips(folder, folder.record(), plan.data)) == corpus.clips, "it can be replayed and audited"
    again = dataclasses.replace(plan, trials=2)
    assert run_search(again, Watch()) == [name]
    assert len(list(ResultsFolder(plan.results).study(name).jobs("search"))) == 2


@pytest.mark.children
def test_a_front_end_that_fails_for_every_clip_is_named(make_plan, monkeypatch) -> None:
    def broken(self, waveforms, settings):
        raise ArithmeticError("no pitch")

    monkeypatch.setattr(type(get_front_end("acoustic")), "extract", broken)
    with pytest.raises(SerbenchError, match=r"'acoustic' fails for every clip \(ArithmeticError: no pitch\); run serb"):
        run_search(make_plan(trials=1), Watch())


def test_a_clip_that_can_be_read_now_stays_out_of_its_study(tmp_path) -> None:
    """Where the search ran, ffmpeg or a permission may have been missing. Another clip more is another corpus."""
    root = write_clips(tmp_path / "own", ["joy/a.wav", "joy/b.wav", "fear/c.wav", "fear/d.wav"])
    audio = (root / "fear" / "d.wav").read_bytes()
    (root / "fear" / "d.wav").write_bytes(b"no audio")
    clips = load_clips(*choose_corpus(str(root)))
    assert [clip for clip, _ in clips.excluded] == ["fear/d"]
    build = Builder(tmp_path / "results")
    folder = build.results.study(build.study())
    record = folder.record().model_copy(update={"corpus": clips.facts()})
    folder.clips_path.write_bytes(clips.table.drop(columns="path").to_parquet(index=False))

    (root / "fear" / "d.wav").write_bytes(audio)
    assert recorded_clips(folder, record, root)["clip_id"].tolist() == ["fear/c", "joy/a", "joy/b"]
    (root / "fear" / "e.wav").write_bytes(audio)
    with pytest.raises(SerbenchError, match=r"1 are there besides \(among them fear/e\)"):
        recorded_clips(folder, record, root)


@pytest.mark.children
@pytest.mark.slow
def test_a_teacher_without_the_same_clips_is_learned_from(make_plan, high_tones_have_no_features) -> None:
    plan = make_plan(run="first", repeats=1, finalists=1, trials=1, shortlist=1)
    run_search(plan)
    first = ResultsFolder(plan.results).study("first-tiny_cnn1d")
    entry = next(one.entry_id for one in first.entries() if not one.bag)
    (name,) = run_search(dataclasses.replace(plan, run="student", shortlist=0, finalists=0, teacher=entry))
    student = ResultsFolder(plan.results).study(name).record()
    assert student.corpus.excluded
    assert student.corpus.digest == first.record().corpus.digest
    assert student.teacher.entry == entry
