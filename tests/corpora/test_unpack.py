"""Archives that nobody vouches for: sound comes out, nothing else does, and nothing of a person's is lost."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hostile_archives import wav, zipped

from serbench.corpora.download import unpack as unpacking
from serbench.corpora.download.unpack import unpack
from serbench.errors import SerbenchError


def unix_link(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        entry = zipfile.ZipInfo("a.wav")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        packed.writestr(entry, "/etc/passwd")
    return path


def test_audio_and_tables_are_kept_and_nothing_else(tmp_path) -> None:
    entries = {
        "set/a/1.wav": wav(),
        "set/speakers.csv": b"x",
        "set/run.sh": b"x",
        "__MACOSX/._1.wav": b"x",
        "set/.hidden.wav": b"x",
    }
    assert unpack(zipped(tmp_path / "a.archive", entries), tmp_path / "out") == 1
    found = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert found == ["set/a/1.wav", "set/speakers.csv"]


@pytest.mark.parametrize(
    "make",
    [
        lambda path: zipped(path, {"a.wav": wav(), "../evil.wav": b"x"}),
        lambda path: zipped(path, {"/etc/evil.wav": b"x"}),
        lambda path: zipped(path, {"a\\..\\..\\evil.wav": b"x"}),
        lambda path: zipped(path, {"C:/evil.wav": b"x"}),
        unix_link,
    ],
)
def test_what_leads_out_or_is_no_file_keeps_everything_out(tmp_path, make) -> None:
    with pytest.raises(SerbenchError, match="nothing was kept"):
        unpack(make(tmp_path / "a.zip"), tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*.wav"))
    assert not list((tmp_path / "deep" / "out").iterdir())


def test_a_bomb_is_not_unpacked(tmp_path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"a.wav": bytes(64 << 20)})
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(SerbenchError, match="unpacks to more than"):
        unpack(bomb, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_what_else_lies_there_is_neither_replaced_nor_removed(tmp_path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.wav": wav(), "notes.csv": b"theirs"})
    out = tmp_path / "out"
    (out / "notes.csv").mkdir(parents=True)
    (out / "notes.csv" / "mine.txt").write_text("mine")
    with pytest.raises(SerbenchError, match="nothing was changed"):
        unpack(archive, out)
    assert (out / "notes.csv" / "mine.txt").read_text() == "mine"
    (out / "notes.csv" / "mine.txt").unlink()
    (out / "notes.csv").rmdir()
    (out / "notes.csv").write_text("mine")
    with pytest.raises(SerbenchError, match="nothing was changed"):
        unpack(archive, out)
    assert not (out / "a.wav").exists()
    (out / "notes.csv").write_bytes(b"theirs")
    assert unpack(archive, out) == 1


def test_a_folder_that_leads_elsewhere_is_not_followed(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "wav").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SerbenchError, match="nothing was changed"):
        unpack(zipped(tmp_path / "a.zip", {"wav/a.wav": wav()}), tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("names", [["a.wav", "a.wav"], ["a.wav", "a.wav/b.wav"], ["x" * 300 + ".wav"]])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_cannot_be_are_a_sentence(tmp_path, names) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for name in names:
            packed.writestr(name, wav())
    with pytest.raises(SerbenchError, match="cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_what_zipfile_unpacks_without_a_bound_is_refused(tmp_path, method) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as packed:
        packed.writestr("a.wav", wav())
    with pytest.raises(SerbenchError, match=r"a\.zip packs 'a\.wav' in an unusual way"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_archive_of_any_method_is_told(tmp_path, method) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as packed:
        packed.writestr("a.wav", wav())
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[60:200] = bytes(140)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(SerbenchError, match=r"damaged|cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_too_many_entries_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_FILES", 3)
    with pytest.raises(SerbenchError, match="more than 3 entries"):
        unpack(zipped(tmp_path / "a.zip", {f"{n}.wav": b"" for n in range(4)}), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"x" * 1000])
def test_what_is_no_archive_is_told(tmp_path, content) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(SerbenchError, match="damaged or no zip archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
