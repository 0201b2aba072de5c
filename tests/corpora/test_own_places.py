"""Tables whose audio lies elsewhere, paths of all spellings, names of all forms, and corpora by path among several."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from corpora_files import write_clips

from serbench.corpora import (
    choose_corpus,
    corpus_options,
    corpus_places,
    lasting_place,
    load_clips,
    recorded_corpus,
)
from serbench.corpora.user.name_pattern import NamePattern
from serbench.corpora.user.table_paths import TablePaths
from serbench.errors import SerbenchError, UsageError

NAMES = ["anger/s0.wav", "anger/s1.wav", "joy/s0.wav", "joy/s1.wav"]


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    return write_clips(tmp_path / "audio", NAMES)


def table(place: Path, paths: list[str], more: str = "") -> Path:
    rows = [f"{path},{'anger' if 'anger' in path else 'joy'},s{place}" for place, path in enumerate(paths)]
    place.parent.mkdir(exist_ok=True, parents=True)
    place.write_text("\n".join(["path,label,speaker", *rows]) + more, encoding="utf-8")
    return place


def read(text: str | Path, data: Path | None = None, **options):
    corpus, place = choose_corpus(str(text), data, **options)
    return corpus.read(corpus.prepare(place))


@pytest.mark.parametrize("absolute", [False, True])
def test_a_table_need_not_lie_above_its_audio(audio, tmp_path, absolute) -> None:
    paths = [str(audio / name) if absolute else name for name in NAMES]
    place = table(tmp_path / "lists" / "clips.csv", paths)
    found = read(place, audio).table
    assert found["clip_id"].tolist() == [name.removesuffix(".wav") for name in NAMES]
    assert found["path"].tolist() == [str(audio / name) for name in NAMES]
    with pytest.raises(SerbenchError, match=r"missing|outside its folder.*--data DIR"):
        read(place)


def test_paths_from_the_table_that_lead_into_the_audio_are_read(audio, tmp_path) -> None:
    place = table(tmp_path / "lists" / "clips.csv", [f"../audio/{name}" for name in NAMES])
    assert read(place, audio).table["clip_id"].tolist() == [name.removesuffix(".wav") for name in NAMES]


@pytest.mark.parametrize("name", ["/etc/passwd", "../lists/x.wav", "anger/../../x.wav"])
def test_no_path_leads_out_of_the_audio(audio, tmp_path, name) -> None:
    place = table(tmp_path / "lists" / "clips.csv", [*NAMES, name])
    with pytest.raises(SerbenchError, match=r"1 of the 5 paths in .* lie outside .*audio"):
        read(place, audio)


def test_the_root_of_all_folders_holds_every_file(audio, tmp_path) -> None:
    place = table(tmp_path / "lists" / "clips.csv", [str(audio / name) for name in NAMES])
    found = read(place, Path("/")).table
    assert found["path"].tolist() == [str(audio / name) for name in NAMES]
    paths = TablePaths(Path("/"))
    assert paths.relative(str(audio / NAMES[0])) == f"{audio}/{NAMES[0]}".removeprefix("/")


def test_a_folder_with_data_is_still_one_word_too_many(audio, tmp_path) -> None:
    with pytest.raises(UsageError, match="leave --data out"):
        choose_corpus(str(audio), tmp_path)


def test_a_record_finds_table_and_audio_again(audio, tmp_path) -> None:
    place = table(tmp_path / "lists" / "clips.csv", NAMES)
    corpus, data = choose_corpus(str(place), audio)
    clips = load_clips(corpus, data)
    places = corpus_places(corpus)
    assert places == {"table": place, "audio": audio}
    assert load_clips(recorded_corpus(clips.facts(), places), data).digest == clips.digest
    assert load_clips(recorded_corpus(clips.facts(), places), audio).digest == clips.digest
    assert corpus_options(clips.facts()).apart


def test_windows_separators_are_read(audio) -> None:
    found = read(table(audio / "clips.csv", [name.replace("/", "\\") for name in NAMES]))
    assert found.table["clip_id"].tolist() == [name.removesuffix(".wav") for name in NAMES]


@pytest.mark.parametrize("start", ["C:\\data\\", "d:/data/", "\\\\server\\share\\"])
def test_places_on_windows_are_refused_in_words(audio, start) -> None:
    with pytest.raises(SerbenchError, match=r"4 of the 4 paths .* outside its folder.*place on Windows"):
        read(table(audio / "clips.csv", [start + name.replace("/", "\\") for name in NAMES]))


def test_a_file_that_is_missing_is_told_so(audio) -> None:
    corpus, data = choose_corpus(str(table(audio / "clips.csv", [*NAMES, "joy/s7.wav"])))
    clips = load_clips(corpus, data)
    (finding,) = [one for one in clips.findings if one.kind == "missing"]
    assert finding.severity == "error"
    assert "joy/s7 ('joy/s7.wav' does not exist)" in finding.message
    assert ("joy/s7", "missing") in clips.excluded
    assert len(clips.table) == 4


def test_a_slip_that_all_paths_share_is_told_with_the_nearest_name(audio) -> None:
    with pytest.raises(SerbenchError, match=r"all 4 files .* are missing: 'anger/s0'.*did you mean 'anger/s0\.wav'"):
        read(table(audio / "clips.csv", [name.removesuffix(".wav") for name in NAMES]))


def test_blank_rows_are_no_clips_and_a_row_without_a_path_is_told(audio) -> None:
    assert len(read(table(audio / "clips.csv", NAMES, "\n,,\n  ,,\n\n,,\n")).table) == 4
    with pytest.raises(SerbenchError, match=r"1 of the 5 rows .* have no path"):
        read(table(audio / "clips.csv", NAMES, "\n,joy,s1\n"))


def forms(text: str) -> tuple[str, str]:
    return unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)


def test_one_name_in_two_forms_is_one_label_and_one_speaker(tmp_path) -> None:
    one, other = forms("ärger")
    root = write_clips(
        tmp_path / "own", [f"{one}/{forms('zoë')[0]}_1.wav", f"{other}/{forms('zoë')[1]}_2.wav", "joy/x_1.wav"]
    )
    found = read(root, names="{speaker}_*").table
    assert set(found["label"]) == {one, "joy"}
    assert set(found["speaker"]) == {forms("zoë")[0], "x"}
    for spelled in forms("ärger"):
        assert set(read(root, names="{speaker}_*", maps=[f"{spelled}=anger"]).table["label"]) == {"anger", "joy"}
        assert set(read(root, names="{speaker}_*", drops=[spelled.upper()]).table["label"]) == {"joy"}


def test_a_table_finds_a_file_whose_name_has_another_form(tmp_path) -> None:
    one, other = forms("jörg_ä.wav")
    root = write_clips(tmp_path / "own", [one, "b.wav"])
    frame = pd.DataFrame({"path": [other, "b.wav"], "label": ["joy", "fear"], "speaker": list(forms("zoë"))})
    frame.to_csv(root / "clips.csv", index=False)
    found = read(root / "clips.csv").table
    assert found["path"].tolist() == [str(root / "b.wav"), str(root / one)]
    assert found["speaker"].nunique() == 1


def test_names_are_stored_as_written(tmp_path) -> None:
    labels = ["می‌خواهم", "👩‍🚀", "joy\u202e"]
    root = write_clips(tmp_path / "own", [f"{label}/a.wav" for label in labels])
    assert set(read(root).table["label"]) == set(labels)


def test_names_that_look_alike_are_told(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["joy/S1_a.wav", "joy\u200b/s1_b.wav", "fear/x_a.wav"])
    corpus, data = choose_corpus(str(root), names="{speaker}_*")
    told = [finding.message for finding in load_clips(corpus, data).findings if finding.kind == "names_alike"]
    assert any(message.startswith("labels that look alike") for message in told)
    assert any("'S1' and 's1'" in message for message in told)


def test_the_same_audio_under_two_names_of_speakers_is_told(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["joy/a_1.wav", "fear/b_1.wav"])
    (root / "joy" / "c_1.wav").write_bytes((root / "joy" / "a_1.wav").read_bytes())
    corpus, data = choose_corpus(str(root), names="{speaker}_*")
    (finding,) = [one for one in load_clips(corpus, data).findings if one.kind == "duplicate_speakers"]
    assert "the same audio under two speakers' names" in finding.message
    assert "joy/a_1 = joy/c_1 (speakers a, c)" in finding.message


URDU = "S{speaker+sex:1}{speaker}_*_{label:A=anger,H=happiness,N=neutral,S=sadness}*"


@pytest.mark.parametrize(
    ("pattern", "name", "facts"),
    [
        (URDU, "Angry/SM1_F10_A010.wav", {"speaker": "M1", "sex": "M", "label": "anger"}),
        (URDU, "SF11_F1_S01.wav", {"speaker": "F11", "sex": "F", "label": "sadness"}),
        (URDU, "SM1_F10_X010.wav", None),
        ("{speaker:2}{sentence:3}{label:F=joy}*", "03a01Fa.wav", {"speaker": "03", "sentence": "a01", "label": "joy"}),
        ("{speaker}_{label:a=anger,sa=sadness,su=surprise}*", "DC_sa01.wav", {"speaker": "DC", "label": "sadness"}),
        ("{speaker+sex:1}{speaker:2}{label:A=joy}*", "F01A02.wav", {"speaker": "F01", "sex": "F", "label": "joy"}),
        ("{speaker+sex:female,male}{speaker}_*", "male2_sad_1.wav", {"speaker": "male2", "sex": "male"}),
        ("{speaker}{label:1}_*", "anna7A_1.wav", {"speaker": "anna7", "label": "A"}),
        ("{speaker}{label:happy,unhappy}", "annaunhappy.wav", {"speaker": "anna", "label": "unhappy"}),
        ("{speaker}_{age}_*", "x/7_34_y.wav", {"speaker": "7", "age": "34"}),
        ("{speaker:2}_*", "anna_1.wav", None),
        ("{label:2}/*", "ab/x.wav", {"label": "ab"}),
    ],
)  # fmt: skip
def test_fields_of_fixed_width_values_and_joined_fields(pattern, name, facts) -> None:
    assert NamePattern(pattern).read(name) == facts


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{speaker:0}", "width of 0"),
        ("{label:A=,B=x}", "is no field"),
        ("{label:A=x,A=y}", "is no field"),
        ("{label:}", "is no field"),
        ("{speaker+sx:1}", "did you mean 'sex'"),
        ("{speaker}*", "not separated"),
        ("{speaker}{label:1}{sentence}", "not separated"),
    ],
)
def test_a_slip_in_a_pattern_is_told(pattern, told) -> None:
    with pytest.raises(UsageError, match=told):
        NamePattern(pattern)


def test_sexes_and_ages_of_names_are_those_of_tables(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["joy/a_w_30_1.wav", "fear/b_M_41_1.wav"])
    found = read(root, names="{speaker}_{sex}_{age}_*").table
    assert found["sex"].tolist() == ["male", "female"]
    assert found["age"].tolist() == [41, 30]
    with pytest.raises(SerbenchError, match=r"is read as \{sex\} and is none"):
        read(root, names="{sex}_*")


def test_speakers_whom_two_own_folders_name_alike_are_told(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))  # nobody has registered a corpus "one"
    for name, people in (("one", "abc"), ("two", "bcd"), ("three", "xy")):
        write_clips(tmp_path / name, [f"{label}/{speaker}_1.wav" for label in ("joy", "fear") for speaker in people])
    corpus, data = choose_corpus("./one+./two", names="{speaker}_*", test="./three")
    told = [one for one in load_clips(corpus, data).facts().warnings if "different people" in one]
    assert told == [
        "one and two both name 2 speakers, such as b, who count as different people: if they are the same, put their "
        "clips into one folder or table, or scores are too high"
    ]


def test_paths_are_parts_of_several_corpora_and_tests(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))  # nobody has registered a corpus "one"
    for name in ("one", "two", "three"):
        write_clips(tmp_path / name, [f"{label}/{speaker}_1.wav" for label in ("joy", "fear") for speaker in "ab"])
    corpus, data = choose_corpus("./one+./two", names="{speaker}_*", test="./three")
    clips = load_clips(corpus, data)
    assert corpus.name == "one+two-to-three"
    assert sorted(set(clips.table["speaker"])) == ["one/a", "one/b", "three/a", "three/b", "two/a", "two/b"]
    assert set(clips.table.loc[clips.table["split"] == "test", "corpus"]) == {"three"}
    again = recorded_corpus(clips.facts(), corpus_places(corpus))
    assert load_clips(again, None).digest == clips.digest
    options = corpus_options(clips.facts())
    assert (options.corpus, options.test, options.names) == ("./one+./two", "./three", "{speaker}_*")
    assert load_clips(*choose_corpus("./one", test="./two")).table["split"].nunique() == 2
    with pytest.raises(UsageError, match="twice"):
        choose_corpus("./one", test="one/../one")


def test_a_table_may_be_called_as_its_kind(audio) -> None:
    place = table(audio / "table.csv", NAMES)
    other = table(audio / "other.csv", NAMES)
    assert choose_corpus(str(place), test=str(other))[0].name == "table-own-to-other"
    assert choose_corpus(f"{place}+{other}")[0].name == "table-own+other"
    assert choose_corpus(str(place))[0].name == "table"


@pytest.mark.parametrize("text", ["", "crema-d+", "+", "demo+ "])
def test_a_corpus_without_a_name_is_no_folder(text) -> None:
    with pytest.raises(UsageError, match="names nothing"):
        choose_corpus(text)


@pytest.mark.parametrize("text", ["~nosuchuser/x.csv", "x" * 300])
def test_what_can_be_no_path_is_answered_in_a_sentence(text) -> None:
    with pytest.raises(SerbenchError):
        choose_corpus(text)


def test_a_field_ends_at_the_whole_text_behind_it() -> None:
    assert NamePattern("{speaker}__{label}").read("anna_b__joy.wav") == {"speaker": "anna_b", "label": "joy"}


def test_clips_are_named_by_links_and_opened_where_these_lead(audio) -> None:
    """As DVC, git-annex and Hugging Face keep them: one file by its checksum for all clips with the same bytes."""
    stored = audio / ".store" / "d41d8cd9"
    stored.parent.mkdir()
    (audio / NAMES[0]).rename(stored)
    for name in (NAMES[0], NAMES[1]):
        (audio / name).unlink(missing_ok=True)
        (audio / name).symlink_to(stored)
    found = read(table(audio / "clips.csv", NAMES), names="{sentence}").table
    assert found["clip_id"].tolist() == [name.removesuffix(".wav") for name in NAMES]
    assert found["sentence"].tolist() == ["s0", "s1", "s0", "s1"]
    assert found["path"].tolist() == [str(stored)] * 2 + [str(audio / name) for name in NAMES[2:]]


def test_a_link_outside_the_folder_to_a_file_in_it_has_the_name_of_the_file(audio, tmp_path) -> None:
    (tmp_path / "link.wav").symlink_to(audio / NAMES[0])
    place = table(audio / "clips.csv", ["../link.wav", NAMES[2]])
    assert read(place).table["clip_id"].tolist() == ["anger/s0", "joy/s0"]


def test_a_table_that_is_a_link_finds_its_audio_again(audio, tmp_path) -> None:
    place = audio / "clips.csv"
    place.symlink_to(table(tmp_path / "stored" / "clips.csv", NAMES))
    assert lasting_place(place) == place
    corpus, _ = choose_corpus(f"{place}+{write_clips(tmp_path / 'more', NAMES)}")
    again = recorded_corpus(load_clips(corpus).facts(), corpus_places(corpus))
    assert len(again.read(again.prepare()).table) == 8
    corpus, _ = choose_corpus(str(place), tmp_path)
    assert corpus_places(corpus) == {"table": place, "audio": tmp_path}


def test_the_column_of_paths_that_is_read_is_told_where_there_are_several(audio) -> None:
    rows = [f"{place}.wav,{name},joy" for place, name in enumerate(NAMES)]
    place = audio / "clips.csv"
    told = r"paths are read from the column 'filename'; to read 'filepath', rename it to 'path'"
    twice, outside = (f"0.wav,{NAMES[0]},joy", f"/x{rows[0]}")
    for more, error in ((rows[1], "all 2 files .* are missing"), (twice, "more than once"), (outside, "outside its")):
        place.write_text("\n".join(["filename,filepath,label", rows[0], more]))
        with pytest.raises(SerbenchError, match=rf"{error}.*{told}"):
            read(place)
    place.write_text("\n".join(["filename,path,label", *rows]))
    assert len(read(place).table) == 4
