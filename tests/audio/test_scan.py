"""Which files of a folder are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from serbench.audio.scan import MAX_DEPTH, scan_audio
from serbench.corpora.named.crema_d import CREMA_D
from serbench.errors import SerbenchError

WAV = (".wav",)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder.resolve()).as_posix() for path in scan_audio(folder, WAV).files]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.wav", "._a.wav", ".b.wav", ".git/c.wav", "sub/d.WAV", "e.mp3"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["a.wav", "sub/d.WAV"]


def test_descent_ends(tmp_path: Path) -> None:
    deep = tmp_path
    for level in range(MAX_DEPTH + 2):
        touch(deep / f"{level}.wav")
        deep = deep / "sub"
    assert len(names(tmp_path)) == MAX_DEPTH + 1


def test_links_out_are_not_followed_but_told(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside" / "secret.wav")
    inside = tmp_path / "corpus"
    touch(inside / "a.wav")
    (inside / "b.wav").symlink_to(outside)
    (inside / "linked").symlink_to(outside.parent)
    (inside / "notes.txt").symlink_to(outside)
    scan = scan_audio(inside, WAV)
    assert names(inside) == ["a.wav"]
    assert [path.name for path in scan.escaping] == ["b.wav", "linked"]


def test_a_link_that_nobody_can_follow_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "corpus" / "a.wav")
    (tmp_path / "corpus" / "b.wav").symlink_to("/" + 300 * "x")
    scan = scan_audio(tmp_path / "corpus", WAV)
    assert names(tmp_path / "corpus") == ["a.wav"]
    assert [path.name for path in scan.escaping] == ["b.wav"]


def test_links_inside_count_once(tmp_path: Path) -> None:
    touch(tmp_path / "sub" / "a.wav")
    (tmp_path / "b.wav").symlink_to("sub/a.wav")
    (tmp_path / "round").symlink_to(tmp_path)
    assert names(tmp_path) == ["b.wav", "sub/a.wav"]
    assert not scan_audio(tmp_path, WAV).escaping


def test_a_loop_of_links_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    touch(tmp_path / "c.wav")
    assert "c.wav" in names(tmp_path)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.wav")
    (tmp_path / "link").symlink_to("real")
    assert names(tmp_path / "link") == ["a.wav"]


def test_a_folder_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    for index in range(5):
        touch(tmp_path / f"{index}.txt")
    with pytest.raises(SerbenchError, match="more than 4 entries"):
        scan_audio(tmp_path, WAV, max_entries=4)


def test_an_audio_folder_that_is_a_link_out_is_explained(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "1001_DFA_ANG_XX.wav")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "AudioWAV").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SerbenchError, match="such as AudioWAV, which are not followed"):
        CREMA_D.read(tmp_path / "corpus")


def test_links_may_lead_into_the_folder_that_the_user_named(tmp_path: Path) -> None:
    clip, corpus = "1001_DFA_ANG_XX.wav", tmp_path / "corpus"
    stored = touch(corpus / "objects" / "d41d8cd9")
    (corpus / "AudioWAV").mkdir()
    (corpus / "AudioWAV" / clip).symlink_to(stored)
    (corpus / "AudioWAV" / "more").symlink_to(stored.parent)
    (corpus / "AudioWAV" / "out.wav").symlink_to(touch(tmp_path / "outside.wav"))
    listing = CREMA_D.read(corpus)
    assert listing.table["path"].tolist() == [str(corpus / "AudioWAV" / clip)]
    assert [path.name for path in listing.escaping] == ["more", "out.wav"]
    with pytest.raises(SerbenchError, match=rf"only links that lead out of it, such as {clip}"):
        CREMA_D.read(corpus / "AudioWAV")
