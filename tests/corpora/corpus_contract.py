"""What every corpus must do; a corpus is tested by one subclass that says what its names look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from corpora_files import noise, write, write_clips
from hypothesis import given
from hypothesis import strategies as st

from serbench.corpora import get_corpus
from serbench.corpora.base import Corpus
from serbench.corpora.download import source_names
from serbench.errors import SerbenchError
from serbench.testing import check_corpus


class CorpusContract:
    corpus: ClassVar[Corpus]
    good: ClassVar[Mapping[str, Mapping[str, object]]]
    """File names without suffix -> what they say; of at least two labels."""
    bad: ClassVar[tuple[str, ...]]
    """File names without suffix that are not of this corpus."""
    layout: ClassVar[str]
    """The folder that holds the audio in the official layout."""

    def test_is_registered_under_its_name(self) -> None:
        assert get_corpus(self.corpus.name) is self.corpus

    def test_keeps_the_contract_of_all_corpora(self) -> None:
        check_corpus(self.corpus)
        assert self.corpus.citation

    def test_labels_are_full_words_in_alphabetical_order(self) -> None:
        assert list(self.corpus.labels) == sorted(set(self.corpus.labels))
        assert all(label.isalpha() and label.islower() and len(label) > 3 for label in self.corpus.labels)

    def test_reads_names(self) -> None:
        for name, facts in self.good.items():
            parsed = self.corpus.parse(Path(f"{name}.wav"))
            assert parsed is not None, name
            assert {key: parsed.get(key) for key in facts} == facts, name
            assert parsed["label"] in self.corpus.labels

    def test_passes_over_other_names(self) -> None:
        for name in self.bad:
            assert self.corpus.parse(Path(f"{name}.wav")) is None, name

    def test_no_name_breaks_parsing(self) -> None:
        @given(st.text(st.characters(exclude_characters="/\x00"), max_size=20))
        def parse_anything(name: str) -> None:
            parsed = self.corpus.parse(Path(f"x{name}.wav"))
            assert parsed is None or parsed["label"] in self.corpus.labels

        parse_anything()

    @pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
    def test_official_bare_and_flat_layouts_agree(self, tmp_path: Path, suffix: str) -> None:
        names = [f"{name}{suffix}" for name in self.good]
        official = write_clips(tmp_path / "official" / self.layout, names).parent
        flat = write_clips(tmp_path / "some where", names)
        read = [self.corpus.read(folder).table for folder in (official, official / self.layout, flat)]
        for table in read:
            assert table.drop(columns="path").equals(read[0].drop(columns="path"))
            assert len(table) == len(self.good)
            assert all(Path(path).is_file() and Path(path).is_absolute() for path in table["path"])

    def test_a_wav_is_kept_before_its_flac(self, tmp_path: Path) -> None:
        name = next(iter(self.good))
        write_clips(tmp_path, [f"{name}.flac", f"{name}.wav"])
        listing = self.corpus.read(tmp_path)
        assert [Path(path).suffix for path in listing.table["path"]] == [".wav"]
        assert [path.suffix for path in listing.shadowed] == [".flac"]

    def test_other_files_are_listed_as_unparsed_or_not_at_all(self, tmp_path: Path) -> None:
        write_clips(tmp_path, [f"{name}.wav" for name in (*self.good, self.bad[0])])
        write(tmp_path / f"._{next(iter(self.good))}.wav", noise())
        (tmp_path / "notes.txt").write_text("nothing")
        listing = self.corpus.read(tmp_path)
        assert [path.name for path in listing.unparsed] == [f"{self.bad[0]}.wav"]
        assert len(listing.table) == len(self.good)

    def test_all_names_are_as_many_as_were_published_and_each_is_read(self) -> None:
        names = self.corpus.names() or self.published()
        if not names:
            pytest.skip("nothing lists the names of this corpus")
        parsed = [self.corpus.parse(Path(f"{name}.wav")) for name in names]
        assert len(names) == self.corpus.expected_clips
        assert {facts.get("clip_id", name) for name, facts in zip(names, parsed, strict=True)} == set(names)
        assert {facts["label"] for facts in parsed} == set(self.corpus.labels)

    def published(self) -> tuple[str, ...]:
        """Clip ids as published, where only a test can list them."""
        return ()

    def test_names_what_is_missing(self, tmp_path: Path) -> None:
        names = self.corpus.names()
        listing = self.corpus.read(write_clips(tmp_path, [f"{name}.wav" for name in self.good]))
        assert set(listing.absent) == set(names) - set(listing.table["clip_id"])

    def test_counts_missing_clips(self, tmp_path: Path) -> None:
        write_clips(tmp_path, [f"{name}.wav" for name in self.good])
        expected = self.corpus.expected_clips
        assert expected is not None
        assert self.corpus.read(tmp_path).missing == expected - len(self.good)

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        for call in (self.corpus.read, self.corpus.prepare):
            with pytest.raises(SerbenchError, match="gone does not exist"):
                call(tmp_path / "gone")

    def test_a_file_instead_of_a_folder_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(SerbenchError, match="is a file"):
            self.corpus.prepare(tmp_path / "file")

    def test_without_data_the_way_to_get_it_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path))
        with pytest.raises(SerbenchError, match="--data DIR") as caught:
            self.corpus.prepare()
        assert str(tmp_path / "corpora" / self.corpus.name) in str(caught.value)
        way = (
            f"serbench corpus download {self.corpus.name}"
            if self.corpus.name in source_names()
            else self.corpus.homepage
        )
        assert way in str(caught.value)

    def test_an_empty_folder_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SerbenchError, match="holds no audio files"):
            self.corpus.read(tmp_path)

    def test_only_foreign_names_are_explained_with_an_example(self, tmp_path: Path) -> None:
        write_clips(tmp_path, [f"{name}.wav" for name in self.bad])
        with pytest.raises(SerbenchError) as caught:
            self.corpus.read(tmp_path)
        assert self.corpus.name_form in str(caught.value)
        assert any(f"'{name}.wav'" in str(caught.value) for name in self.bad)
