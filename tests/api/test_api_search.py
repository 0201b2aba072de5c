"""Searches through the API: from a script without a guard, stopped, interrupted, watched."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import serbench
from serbench.records.results import ResultsFolder
from serbench.search.observer import Observer
from serbench.views.progress import TextProgress

SCRIPT = """
import sys
with open("runs", "a") as file:
    file.write("x")
{before}
import serbench
space, data = {arguments!r}
for trials in (1, 2):
    results = serbench.search(
        space, corpus="crema-d", data=data, results="results", trials=trials, repeats=1, workers=2, progress=trials == 2
    )
    print(results.best().id, len(results.leaderboard()))
"""
SPAWNED = """
from unittest import mock
from serbench.training import backend
with mock.patch("sys.platform", "darwin"):  # as macOS starts children
    context = backend.process_context("tensorflow")
assert context.get_start_method() == "spawn"
"""


def run_script(way: str, before: str, space: Path, data: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    text = SCRIPT.format(before=before, arguments=(str(space), str(data)))
    (folder / "script.py").write_text(text, encoding="utf-8")
    arguments = {"file": ["script.py"], "-c": ["-c", text], "standard input": ["-"]}[way]
    typed = text if way == "standard input" else ""
    return subprocess.run(
        [sys.executable, *arguments], input=typed, cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )


@pytest.mark.slow  # that children never run the script is tested without a search in test_child_processes.py
@pytest.mark.children
@pytest.mark.parametrize(
    ("way", "before"),
    [("file", ""), ("-c", ""), ("standard input", ""), pytest.param("file", SPAWNED, id="spawned")],
)
def test_a_script_without_a_guard_searches_twice_and_runs_once(
    way: str, before: str, space: Path, tone_corpus: Path, tmp_path: Path
) -> None:
    done = run_script(way, before, space, tone_corpus, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs").read_text() == "x"
    assert len(done.stdout.splitlines()) == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1  # of the second search, which shows its progress
    assert lines[0].startswith("crema-d-speaker-tiny: 2 trials, best validation UAR ")


def test_a_search_returns_what_it_found(found: serbench.Results) -> None:
    board = found.leaderboard()
    best = found.best()
    assert found.searched == ("crema-d-speaker-tiny",)
    assert best.id in board.index
    assert len(best.runs) == 2
    assert best.uar == pytest.approx(best.runs["uar"].mean())


class At(Observer):
    """Does something at the first epoch."""

    def __init__(self, action) -> None:
        self.action = action
        self.epochs = 0

    def epoch(self, job_id, metrics) -> None:
        self.epochs += 1
        if self.epochs == 1:
            self.action()


def fits(results: Path) -> tuple[int, int]:
    """Trials that ended, and attempts that were broken off and recorded."""
    folder = ResultsFolder(results).existing_study("crema-d-speaker-tiny")
    return len(list(folder.jobs("search"))), len(folder.attempts())


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal: a shell's background job ignores it, and so does all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.children
@pytest.mark.usefixtures("made_up_fits")
def test_a_stop_ends_a_search_gracefully(space, tone_corpus, tmp_path) -> None:
    stop = threading.Event()
    found = serbench.search(
        space,
        "crema-d",
        tone_corpus,
        results=tmp_path / "results",
        epochs=200,
        workers=1,
        observer=At(stop.set),
        stop=stop,
    )
    assert stop.is_set()
    assert len(found.leaderboard()) == 0
    assert fits(found.path) in {(1, 0), (0, 1)}


@pytest.mark.children
def test_ctrl_c_is_raised_after_everything_is_recorded(
    made_up_fits, space, tone_corpus, tmp_path, interruptible
) -> None:
    before = signal.getsignal(signal.SIGINT)
    observer = At(lambda: os.kill(os.getpid(), signal.SIGINT))
    results = tmp_path / "results"
    with pytest.raises(KeyboardInterrupt, match="what was done is recorded"):
        serbench.search(space, "crema-d", tone_corpus, results=str(results), epochs=200, workers=1, observer=observer)
    assert fits(results) in {(1, 0), (0, 1)}
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.children
def test_a_search_outside_the_main_thread_leaves_signals_alone(space, tone_corpus, tmp_path) -> None:
    stop = threading.Event()
    stop.set()
    found: list[object] = []

    def search() -> None:
        found.append(serbench.search(space, "crema-d", tone_corpus, results=tmp_path / "r", stop=stop, progress=False))

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert isinstance(found[0], serbench.Results)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"spaces": "cnn1"}, "did you mean 'cnn1d'"),
        ({"spaces": []}, "no space to search"),
        ({"corpus": "crema"}, "did you mean 'crema-d'"),
        ({"time": "soon"}, "is not a duration"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"trials": "5"}, "trials must be a whole number, got '5'"),
        ({"trials": 2.5}, "trials must be a whole number, got 2.5"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"test_corpus": Path("nowhere")}, "nowhere"),
        ({"spaces": [None]}, "spaces must be names, files or loaded spaces, got None"),
        ({"spaces": 3}, "spaces must be names, files or loaded spaces, got 3"),
        ({"time": []}, "time must be a number of seconds"),
        ({"time": float("nan")}, "time must be above 0 seconds, got nan"),
        ({"time": float("inf")}, "time is over a hundred years, got inf"),
        ({"time": timedelta(0)}, "time must be above 0 seconds, got 0"),
        ({"sampler": "tpee"}, "unknown sampler 'tpee'"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_written(options, sentence, tmp_path) -> None:
    with pytest.raises(serbench.UsageError, match=sentence):
        serbench.search(**({"results": tmp_path / "results"} | options))
    assert not (tmp_path / "results").exists()


def test_a_path_object_is_a_place_even_if_a_corpus_is_called_so(tmp_path, monkeypatch) -> None:
    """`Path("./demo")` has lost its `./`."""
    for speaker in ("anna", "ben"):
        for label in ("anger", "joy"):
            path = tmp_path / "demo" / label / f"{speaker}_{label}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng(len(speaker)).normal(0, 0.1, 8_000), 8_000)
    monkeypatch.chdir(tmp_path)
    view = serbench.corpus(Path("demo"), file_names="{speaker}_*")
    assert sorted(set(view.clips["label"])) == ["anger", "joy"]
    assert len(view.clips) == 4


@pytest.mark.parametrize("label", ["happy, excited", "a=b"])
def test_a_label_that_the_form_of_a_map_cannot_hold_is_refused(label) -> None:
    with pytest.raises(serbench.UsageError, match="comma or an equals sign"):
        serbench.corpus("demo", label_map={label: "happiness"})


@pytest.mark.children
def test_labels_are_renamed_by_a_dict(tone_corpus) -> None:
    view = serbench.corpus("crema-d", tone_corpus, label_map={"anger": "high", "happiness": "high"}, drop="fear")
    assert view.labels == ("disgust", "high", "neutral", "sadness")


@pytest.mark.children
def test_a_corpus_is_a_table_of_its_clips(tone_corpus) -> None:
    view = serbench.corpus("crema-d", str(tone_corpus))
    assert len(view.clips) == 144 == view.summary["clips"]
    assert view.clips.loc["1001_DFA_ANG_XX", "label"] == "anger"
    assert view.clips["duration_s"].dtype == np.float64
    assert isinstance(view.clips["speaker"].dtype, pd.StringDtype)
    assert repr(view) == "CorpusView('crema-d', 144 clips, 12 speakers, 6 labels)"
    assert "<td" in view._repr_html_()


def test_a_space_is_loaded_by_name_and_by_path(space) -> None:
    assert serbench.load_space("cnn2d").family.name == "cnn2d"
    assert serbench.load_space(space).name == "tiny"


def test_an_array_gets_the_label_of_its_file(bundle, tone_corpus) -> None:
    path = tone_corpus / "1001_DFA_ANG_XX.wav"
    samples, rate = soundfile.read(path, dtype="float32")
    integers, _ = soundfile.read(path, dtype="int16")
    expected = bundle.predict(path)
    for array in (samples, integers, np.stack([samples, samples], axis=1)):
        found = bundle.predict(array, sample_rate=rate)
        assert found["file"].isna().all()
        pd.testing.assert_frame_equal(found.drop(columns="file"), expected.drop(columns="file"), atol=1e-4)


def test_what_makes_the_answer_to_an_array_worse_is_told(bundle) -> None:
    with pytest.warns(UserWarning, match="the array"):
        found = bundle.predict(np.zeros(16_000), sample_rate=16_000)
    assert found["file"].isna().all()


def test_a_path_that_is_too_long_does_not_stop_the_other_files(bundle, tone_corpus) -> None:
    with pytest.warns(UserWarning, match="File name too long"):
        assert len(bundle.predict([Path("x" * 300), tone_corpus / "1001_DFA_ANG_XX.wav"])) == 1


def test_predictions_of_files_are_a_table(bundle, tone_corpus) -> None:
    paths = sorted(tone_corpus.glob("1001_*.wav"))
    table = bundle.predict([str(paths[0]), paths[1]])
    shares = [f"p_{label}" for label in bundle.labels]
    assert list(table.columns) == ["file", "start_s", "end_s", "label", "confidence", *shares]
    assert list(table["file"]) == [str(path) for path in paths[:2]]
    assert table["end_s"].to_numpy() == pytest.approx(0.6)
    assert table[shares].max(axis=1).tolist() == table["confidence"].tolist()
    assert len(bundle.predict(tone_corpus)) == 144


def test_an_entry_is_not_exported_over_a_bundle(bundle, searched) -> None:
    """That it is exported is tested with the examples of docs/python.md."""
    with pytest.raises(serbench.UsageError, match="already holds a bundle"):
        serbench.open_results(searched).best().export(bundle.path)


def test_windows_of_a_long_recording_are_rows(bundle) -> None:
    table = bundle.predict(np.random.default_rng(0).normal(0, 0.1, 16000), sample_rate=8000, windows=True)
    assert table["start_s"].tolist() == pytest.approx([0.0, 0.3, 0.6, 0.9, 1.2, 1.4])
    assert (table["end_s"] - table["start_s"]).to_numpy() == pytest.approx(0.6)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf_8_costs_no_answer(bundle, tone_corpus, tmp_path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav")
    shutil.copyfile(tone_corpus / "1001_DFA_ANG_XX.wav", odd)
    table = bundle.predict([odd, tone_corpus / "1001_DFA_ANG_XX.wav"])
    assert list(table["file"]) == [f"{tmp_path}/caf\\udce9.wav", str(tone_corpus / "1001_DFA_ANG_XX.wav")]


def test_a_file_that_cannot_be_read_is_left_out_with_a_warning(bundle, tone_corpus, tmp_path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    with pytest.warns(UserWarning, match=r"broken\.wav"):
        assert len(bundle.predict([broken, tone_corpus / "1001_DFA_ANG_XX.wav"])) == 1
    with pytest.raises(serbench.SerbenchError, match=r"broken\.wav"):
        bundle.predict(broken)


@pytest.mark.parametrize(
    ("array", "rate", "sentence"),
    [
        (np.zeros(8000), None, "sample rate"),
        (np.zeros((2, 8000)), 8000, "shape"),
        (np.zeros(0), 8000, "shape"),
        (np.full(8000, np.nan), 8000, "not finite numbers"),
        (np.zeros(8000, dtype=np.uint8), 8000, "uint8"),
        (np.zeros(8000), 0, "above 0"),
    ],
)
def test_what_is_no_recording_is_refused(bundle, array, rate, sentence) -> None:
    with pytest.raises(serbench.UsageError, match=sentence):
        bundle.predict(array, sample_rate=rate)


def test_a_bundle_shows_its_card(bundle) -> None:
    assert bundle.card.startswith("---\n") or bundle.card.startswith("# ")
    assert "<h1>" in bundle._repr_html_()
    path = bundle.path / "README.md"
    before = path.read_text(encoding="utf-8")
    try:
        path.write_text(f"{before}\nrun\x1b]0;owned\x07", encoding="utf-8")
        assert bundle.card == f"{before}\nrun\\x1b]0;owned\\x07"
    finally:
        path.write_text(before, encoding="utf-8")
    assert len(repr(bundle)) < 200
    assert serbench.load_bundle(str(bundle.path)).labels == bundle.labels


def test_a_terminal_shows_one_line_that_is_redrawn(found) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    study = ResultsFolder(found.path).existing_study(found.searched[0])
    view = TextProgress(stream)
    view.study_started(study.record(), 1, 0, None, None)
    for record in study.jobs("search"):
        view.trial_finished(record)
    view.warning("a note")
    view.warning("a note")
    view.study_finished(study.record())
    view.close()
    text = stream.getvalue()
    assert text.count("note: a note\n") == 1
    assert text.count("crema-d-speaker-tiny: 1 trial, best validation UAR") == 1
    assert text.endswith("\r\x1b[2K")


@pytest.mark.parametrize(("silent_s", "lines"), [(0.0, 1), (1e9, 0)])
def test_a_log_tells_what_runs_after_a_silent_minute(found, silent_s, lines) -> None:
    stream = io.StringIO()
    study = ResultsFolder(found.path).existing_study(found.searched[0])
    view = TextProgress(stream, silent_s)
    view.study_started(study.record(), 4, 0, None, None)
    assert stream.getvalue().count("crema-d-speaker-tiny: 0 of 4 trials, ") == lines
    view.study_finished(study.record())
    assert "crema-d-speaker-tiny: 0 trials" in stream.getvalue().splitlines()[-1]


@pytest.mark.children
def test_a_corpus_that_was_looked_at_is_searched_as_it_is(tone_corpus) -> None:
    view = serbench.corpus("crema-d", tone_corpus)
    corpus, data, labels = view.source
    assert (corpus.name, data, labels) == ("crema-d", tone_corpus, "intended")
    with pytest.raises(serbench.UsageError, match="brings its folder"):
        serbench.search("cnn1d", corpus=view, data=tone_corpus)


def test_a_corpus_of_another_kind_is_refused() -> None:
    with pytest.raises(serbench.UsageError, match="not a int"):
        serbench.search("cnn1d", corpus=3)
