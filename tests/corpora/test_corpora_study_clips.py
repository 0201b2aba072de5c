"""From a folder to the clips of a study, and a corpus in figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora_files import LFS_POINTER, noise, write, write_clips

from serbench.corpora import StudyClips, clip_set_digest, corpus_summary, load_clips
from serbench.corpora.named.crema_d import CREMA_D
from serbench.corpora.named.emo_db import EMO_DB
from serbench.errors import SerbenchError, UsageError

NAMES = ["03a01Fa", "03a01Wa", "08a02Wb", "09a02Na", "09b01Wa"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_clips(tmp_path / "data", [f"{name}.wav" for name in NAMES])


def load(folder: Path, **arguments: Any) -> StudyClips:
    return load_clips(EMO_DB, folder, cache=folder.parent / "cache", **arguments)


def test_the_usable_clips_with_what_was_found_in_them(folder: Path) -> None:
    clips = load(folder)
    assert clips.table["clip_id"].tolist() == NAMES
    assert clips.table.loc[0, ["sample_rate", "channels", "duration_s"]].tolist() == [16000, 1, 0.2]
    assert clips.labels == ("anger", "happiness", "neutral")
    assert clips.excluded == ()
    assert clips.digest == clip_set_digest(clips.table)
    assert [finding.kind for finding in clips.findings] == ["missing_clips"]


def test_what_is_unusable_is_left_out_and_told(folder: Path) -> None:
    write(folder / "03a01Wa.wav", np.zeros((3200, 1), dtype=np.int16))
    (folder / "09a02Na.wav").write_text(LFS_POINTER)
    os.mkfifo(folder / "10a01Ea.wav")
    clips = load(folder)
    assert clips.table["clip_id"].tolist() == ["03a01Fa", "08a02Wb", "09b01Wa"]
    assert clips.table.index.tolist() == [0, 1, 2]
    assert clips.table["digest"].notna().all()
    assert clips.excluded == (("03a01Wa", "silent"), ("09a02Na", "lfs_pointer"), ("10a01Ea", "undecodable"))
    assert clips.labels == ("anger", "happiness")


def test_a_source_of_labels_that_there_is_not_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="unknown labels 'percieved'; did you mean 'perceived'"):
        load(folder, labels="percieved")


def test_the_digest_is_that_of_the_audio_not_of_its_file(folder: Path, tmp_path: Path) -> None:
    elsewhere = write_clips(tmp_path / "flac", [f"{name}.flac" for name in NAMES])
    assert load(elsewhere).digest == load(folder).digest
    write(folder / "03a01Wa.wav", noise(99))
    assert load(elsewhere).digest != load(folder).digest


def test_the_rate_asked_for_is_compared(folder: Path) -> None:
    kinds = [finding.kind for finding in load(folder, sample_rate=22050).findings]
    assert "low_sample_rate" in kinds


def test_the_facts_for_a_record(folder: Path) -> None:
    (folder / "09a02Na.wav").write_bytes(b"")
    facts = load(folder).facts()
    assert (facts.name, facts.clips, facts.speakers, facts.synthetic) == ("emo-db", 4, 3, False)
    assert facts.labels == ("anger", "happiness")
    assert [(clip.clip_id, clip.reason) for clip in facts.excluded] == [("09a02Na", "empty")]
    assert str(folder) not in facts.model_dump_json()


def test_no_usable_clip_is_refused_with_the_reasons(tmp_path: Path) -> None:
    for name in ("1001_DFA_ANG_XX.wav", "1001_DFA_SAD_XX.wav"):
        (tmp_path / name).write_text(LFS_POINTER)
    with pytest.raises(SerbenchError, match=r"none of the 2 clips .* 2 Git LFS pointers .*git lfs pull"):
        load_clips(CREMA_D, tmp_path, cache=tmp_path / "cache")


def test_one_class_is_refused(folder: Path) -> None:
    for name in ("03a01Fa", "09a02Na"):
        (folder / f"{name}.wav").unlink()
    with pytest.raises(SerbenchError, match=r"all 3 usable clips .* labelled 'anger'"):
        load(folder)


def test_examinations_are_kept_in_the_cache_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERBENCH_CACHE", str(folder.parent / "own"))
    load_clips(EMO_DB, folder)
    assert len(list((folder.parent / "own" / "health").glob("*.parquet"))) == 1


def test_the_default_folder_is_the_one_in_the_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERBENCH_CACHE", str(folder.parent / "own"))
    write_clips(folder.parent / "own" / "corpora" / "emo-db" / "wav", ["03a01Fa.wav", "03a01Wa.wav"])
    assert len(load_clips(EMO_DB).table) == 2


def test_the_corpus_in_figures(folder: Path) -> None:
    write(folder / "08a02Wb.wav", noise(7, seconds=0.4))
    write(folder / "10a01Ea.wav", np.zeros((3200, 1), dtype=np.int16))
    summary = corpus_summary(load(folder))
    assert summary["clips"] == 5
    assert summary["clips_per_label"] == {"anger": 3, "happiness": 1, "neutral": 1}
    assert summary["clips_per_speaker"] == {"03": 2, "08": 1, "09": 2}
    assert summary["clips_per_label_and_sex"]["anger"] == {"female": 2, "male": 1}
    assert summary["speakers_per_sex"] == {"female": 2, "male": 1}
    assert summary["duration_s"] == {"min": 0.2, "median": 0.2, "max": 0.4}
    assert summary["sample_rates"] == {"16000": 5}
    assert summary["health"] == {"ok": 5, "silent": 1}
    assert [finding["kind"] for finding in summary["findings"]] == ["silent", "missing_clips"]
    assert json.loads(json.dumps(summary)) == summary


@pytest.mark.children
def test_the_package_imports_no_training_library_and_its_workers_no_pandas() -> None:
    probe = (
        "import sys; import serbench.audio.sound; assert 'pandas' not in sys.modules;"
        "from serbench.corpora import load_clips, get_corpus, corpus_summary; get_corpus('crema-d');"
        "assert not {'keras', 'tensorflow', 'librosa', 'sklearn', 'plotly'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)
