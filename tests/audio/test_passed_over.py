"""What a scan does not list is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sounds_made import pcm, saved, voice, wav_bytes

from serbench.audio.scan import MAX_DEPTH, scan_audio
from serbench.corpora import choose_corpus, load_clips, survey_clips
from serbench.errors import SerbenchError


def survey(folder: Path):
    corpus, place = choose_corpus(str(folder), None)
    return survey_clips(corpus, place, cache=folder.parent / "cache")


def fill(folder: Path, labels: tuple[str, ...] = ("anger", "joy")) -> Path:
    for number, label in enumerate(labels):
        for clip in range(2):
            saved(folder / label / f"{clip}.wav", voice(seed=10 * number + clip))
    return folder


def passed_over(folder: Path) -> list[tuple[str, str]]:
    return [(path.name, reason) for reason, path in scan_audio(folder).passed_over]


def test_files_of_no_known_suffix_are_named_and_documents_are_not(tmp_path: Path) -> None:
    for name in ("a.xyz", "b", "README", "notes.txt", "c.wav"):
        (tmp_path / name).write_bytes(b"x")
    assert passed_over(tmp_path) == [("a.xyz", ".xyz is no suffix of audio"), ("b", "the name has no suffix")]
    assert [path.name for path in scan_audio(tmp_path).documents] == ["README", "notes.txt"]


def test_folders_that_lie_too_deep_are_named(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["deeper"] * MAX_DEPTH, "last")
    deep.mkdir(parents=True)
    ((name, reason),) = passed_over(tmp_path)
    assert (name, reason) == ("last", f"lies more than {MAX_DEPTH} folders deep")


def test_a_layout_of_six_levels_is_read(tmp_path: Path) -> None:
    saved(tmp_path / "Session1" / "sentences" / "wav" / "a" / "b" / "c" / "0.wav")
    assert len(scan_audio(tmp_path).files) == 1


def test_the_check_of_a_corpus_counts_what_was_passed_over(tmp_path: Path) -> None:
    fill(tmp_path / "own")
    (tmp_path / "own" / "anger" / "0.dss").write_bytes(b"x")
    (finding,) = [finding for finding in survey(tmp_path / "own").findings if finding.kind == "passed_over"]
    assert finding.clips == ("0.dss",)
    assert ".dss is no suffix of audio" in finding.message


def test_names_that_are_not_utf8_are_left_out_by_name(tmp_path: Path) -> None:
    folder = os.fsencode(fill(tmp_path / "own"))
    with open(folder + b"/joy/m\xfcller.wav", "wb") as file:  # noqa: PTH123
        file.write(wav_bytes(pcm(voice(seed=77))))
    clips = survey(tmp_path / "own")
    assert len(clips.table) == 4
    (finding,) = [finding for finding in clips.findings if finding.kind == "passed_over"]
    assert "not UTF-8" in finding.message


def test_a_place_whose_name_is_not_utf8_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/m\xfcller"
    os.mkdir(folder)  # noqa: PTH102
    with pytest.raises(SerbenchError, match="not UTF-8"):
        survey(Path(os.fsdecode(folder)))


@pytest.mark.parametrize(("spoilt", "words"), [(("anger",), "all 2 usable"), (("anger", "joy"), "none of the 4")])
def test_a_survey_reports_where_no_study_is_possible(tmp_path: Path, spoilt: tuple[str, ...], words: str) -> None:
    fill(tmp_path / "own")
    for label in spoilt:
        for path in (tmp_path / "own" / label).iterdir():
            path.write_bytes(path.read_bytes()[:9000])
    clips = survey(tmp_path / "own")
    (finding,) = [finding for finding in clips.findings if finding.kind == "cut_off"]
    assert len(finding.clips) == 2 * len(spoilt)
    assert clips.obstacle is not None
    assert words in clips.obstacle
    corpus, place = choose_corpus(str(tmp_path / "own"), None)
    with pytest.raises(SerbenchError, match=words):
        load_clips(corpus, place, cache=tmp_path / "cache")
