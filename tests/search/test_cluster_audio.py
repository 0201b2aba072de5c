"""How a worker on another machine finds a study's audio."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from serbench.corpora.inspection.inspect import inspect_clips
from serbench.errors import SerbenchError
from serbench.features import FeatureSpec
from serbench.search.engines.dask.audio import DATA_VARIABLE, StudyAudio
from serbench.training import FitSettings, Teacher, TrialJob

SPEC = FeatureSpec(kind="acoustic", sample_rate=8000, duration_s=0.6, window_length=256, hop_length=128, n_mels=24)
JOB = TrialJob("t0000", "search", "s", "cnn1d", {}, 0, FitSettings(), SPEC, (), ("anger",), (0,), {"validation": (1,)})


@pytest.fixture
def coordinator(tone_corpus: Path, tmp_path: Path, monkeypatch) -> Path:
    """The folder of a corpus as the coordinator has it; the cache is a machine's that has computed nothing yet."""
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "coordinator" / "corpus"
    (home / "AudioWAV").mkdir(parents=True)
    for path in sorted(tone_corpus.glob("*.wav"))[:6]:
        shutil.copy(path, home / "AudioWAV")
    return home


@pytest.fixture
def audio(coordinator: Path) -> StudyAudio:
    paths = sorted((coordinator / "AudioWAV").iterdir())
    clips = pd.DataFrame({"clip_id": [path.stem for path in paths], "path": [str(path) for path in paths]})
    clips["label"], clips["speaker"] = "anger", "1001"
    clips["digest"] = inspect_clips(clips)["digest"]
    return StudyAudio.of(clips, coordinator)


def test_a_shared_folder_is_read_where_it_lies(audio, coordinator) -> None:
    source = audio.source(JOB)
    assert [Path(path).parent for path in source.clips["path"]] == [coordinator / "AudioWAV"] * 6
    assert source.paths(SPEC)[0].is_file()


def test_another_folder_is_named_by_the_worker(audio, coordinator, tmp_path, monkeypatch) -> None:
    elsewhere = tmp_path / "worker" / "data"
    elsewhere.parent.mkdir()
    coordinator.rename(elsewhere)
    monkeypatch.setenv(DATA_VARIABLE, str(elsewhere))
    assert {Path(path).parent for path in audio.source(JOB).clips["path"]} == {elsewhere / "AudioWAV"}


def test_the_folder_of_the_files_is_the_root_where_no_folder_was_given(audio, coordinator) -> None:
    clips = pd.DataFrame(audio.columns)
    assert StudyAudio.of(clips).root == str(coordinator / "AudioWAV")
    assert StudyAudio.of(clips, coordinator / "elsewhere").root == str(coordinator / "AudioWAV")
    assert audio.root == str(coordinator)


def test_audio_that_is_nowhere_is_a_sentence(audio, coordinator, tmp_path, monkeypatch) -> None:
    coordinator.rename(tmp_path / "hidden")
    with pytest.raises(SerbenchError, match=rf"not in {coordinator}; share that folder .* SERBENCH_DATA=FOLDER"):
        audio.source(JOB)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(SerbenchError, match=rf"nor in {tmp_path} \(SERBENCH_DATA\)"):
        audio.source(JOB)


def test_computed_features_need_no_audio(audio, coordinator, tmp_path) -> None:
    audio.source(JOB).paths(SPEC)
    coordinator.rename(tmp_path / "hidden")
    assert audio.source(JOB).paths(SPEC)[0].is_file()


def test_other_audio_under_the_same_names_is_refused(audio, coordinator) -> None:
    path = Path(audio.columns["path"][0])
    wave, rate = soundfile.read(path)
    soundfile.write(path, wave[::-1], rate)
    with pytest.raises(SerbenchError, match=rf"{path} is another recording than the coordinator's"):
        audio.source(JOB)


def test_a_teachers_answers_reach_the_worker_with_the_clips(coordinator) -> None:
    paths = sorted((coordinator / "AudioWAV").iterdir())
    clips = pd.DataFrame({"clip_id": [path.stem for path in paths], "path": [str(path) for path in paths]})
    clips["label"], clips["speaker"] = "anger", "1001"
    clips["digest"] = inspect_clips(clips)["digest"]
    answers = {paths[2].stem: (0.25, 0.75), paths[0].stem: (0.5, 0.5)}
    sent = pickle.dumps(StudyAudio.of(clips, coordinator, Teacher(("anger", "joy"), answers)))
    found = pickle.loads(sent).source(JOB).answers(("anger", "joy"))  # noqa: S301 - made here
    assert found[[0, 2]].tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert np.isnan(found[[1, 3, 4, 5]]).all()


def test_the_weights_to_start_from_travel_with_the_job() -> None:
    asked = dataclasses.replace(JOB, init=b"weights", init_labels=("anger",), teacher_share=0.5)
    job = pickle.loads(pickle.dumps(asked))  # noqa: S301 - made here
    assert (job.init, job.init_labels, job.teacher_share) == (b"weights", ("anger",), 0.5)
