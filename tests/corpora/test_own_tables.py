"""Tables and folders of clips, well meant and hostile."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest
from corpora_files import write_clips

from serbench.corpora import choose_corpus, load_clips
from serbench.corpora.table import UNKNOWN_SPEAKER, clip_set_digest
from serbench.corpora.user import table_file
from serbench.errors import SerbenchError, UsageError

NAMES = ["audio/a_1.wav", "audio/a_2.wav", "audio/b_1.flac", "audio/b_2.ogg"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_clips(tmp_path / "mine", NAMES)


def read(place: Path, **options):
    corpus, data = choose_corpus(str(place), **options)
    return corpus.read(corpus.prepare(data))


def write_table(folder: Path, text: str, name: str = "clips.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "separator", "encoding"),
    [("c.csv", ",", "utf-8"), ("c.csv", ";", "utf-8"), ("c.tsv", "\t", "utf-8"), ("c.csv", ",", "utf-8-sig")],
)
def test_tables_of_all_spellings_are_read(folder, name, separator, encoding) -> None:
    lines = [
        "File,Emotion,Speaker_ID,Gender,split,more",
        "audio/a_1.wav,Joy ,a,F,train,x",
        "audio/b_1.flac,fear,b,male,dev,",
    ]
    place = write_table(folder, "\n".join(lines).replace(",", separator), name, encoding)
    table = read(place).table
    assert table["clip_id"].tolist() == ["audio/a_1", "audio/b_1"]
    assert table["label"].tolist() == ["joy", "fear"]
    assert table["sex"].tolist() == ["female", "male"]
    assert table["split"].tolist() == ["train", "validation"]
    assert table["path"].tolist() == [str(folder / "audio/a_1.wav"), str(folder / "audio/b_1.flac")]


def test_what_pandas_wrote_into_a_parquet_file_is_not_needed(folder) -> None:
    """Neither which column was its index, nor types of its own, which may be damaged."""
    rows = pd.DataFrame({"path": NAMES, "label": ["joy", "fear"] * 2, "speaker": list("aabb")})
    rows.set_index("path").to_parquet(folder / "clips.parquet")
    whole = read(folder / "clips.parquet").table
    assert whole["clip_id"].tolist() == ["audio/a_1", "audio/a_2", "audio/b_1", "audio/b_2"]
    data = (folder / "clips.parquet").read_bytes()
    assert b"numpy_type" in data
    (folder / "clips.parquet").write_bytes(data.replace(b"numpy_type", b"numpy_typo"))
    pd.testing.assert_frame_equal(read(folder / "clips.parquet").table, whole)


def test_parquet_and_numbers_for_speakers(folder) -> None:
    frame = pd.DataFrame(
        {"path": NAMES, "label": ["joy", "fear"] * 2, "speaker": [1, 1, 2, 2], "age": [20, 20, 31, 31]}
    )
    frame.to_parquet(folder / "clips.parquet")
    table = read(folder / "clips.parquet").table
    assert table["speaker"].tolist() == ["1", "1", "2", "2"]
    assert table["age"].tolist() == [20, 20, 31, 31]


def test_names_fill_what_columns_leave_open(folder) -> None:
    labels = ("joy", "joy", "fear", "fear")
    place = write_table(folder, "path,label\n" + "\n".join(map(",".join, zip(NAMES, labels, strict=True))))
    assert set(read(place).table["speaker"]) == {UNKNOWN_SPEAKER}
    (finding,) = [one for one in load_clips(*choose_corpus(str(place))).findings if one.kind == "unknown_speakers"]
    assert "no clip names its speaker" in finding.message
    assert set(read(place, names="{speaker}_*").table["speaker"]) == {"a", "b"}
    with pytest.raises(SerbenchError, match="do not match the pattern"):
        read(place, names="{speaker}-*")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "audio/../../mine2/x.wav", "x\x00y", "."])
def test_a_path_out_of_the_folder_is_refused(folder, name) -> None:
    frame = pd.DataFrame({"path": ["audio/a_1.wav", name], "label": ["joy", "fear"]})
    frame.to_parquet(folder / "clips.parquet")
    with pytest.raises(SerbenchError, match=r"1 of the 2 paths .* lie outside its folder"):
        read(folder / "clips.parquet")


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path) -> None:
    write_clips(tmp_path / "elsewhere", ["secret.wav"])
    (folder / "audio" / "link.wav").symlink_to(tmp_path / "elsewhere" / "secret.wav")
    place = write_table(folder, "path,label\naudio/a_1.wav,joy\naudio/link.wav,fear\n")
    with pytest.raises(SerbenchError, match=r"outside its folder, such as 'audio/link\.wav'"):
        read(place)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "has no column 'path' \\(columns: a, b\\)"),
        ("path,label\n", "has no rows"),
        ("", "has no column 'path'"),
        ("path,label\naudio/a_1.wav,joy\naudio/a_2.wav,\n", "1 of 2 clips have no label, the first is audio/a_2"),
        ("path,label\naudio/a_1.wav,\n", "no clip has a label; name a column of the table 'label'"),
        ("path,feeling\naudio/a_1.wav,joy\n", "no clip has a label; name a column of the table 'label'"),
        ("path,label\naudio/a_1.wav,joy\naudio/a_1.wav,fear\n", "more than once"),
        ("path,label,speaker\naudio/a_1.wav,joy,x\naudio/a_2.wav,joy,\n", "1 of 2 clips have no speaker"),
        ("path,label,split\naudio/a_1.wav,joy,learn\n", "has the split 'learn'"),
        ("path,label,split\naudio/a_1.wav,joy,test\naudio/a_2.wav,joy,\n", "clip 'audio/a_2' has no split"),
        ('path,label\n"audio/a_1.wav,joy\n', "cannot be read as a table|outside its folder|no label"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(folder, text, told) -> None:
    with pytest.raises(SerbenchError, match=told):
        read(write_table(folder, text))


def test_text_in_another_encoding_is_told(folder) -> None:
    place = write_table(folder, "path,label\naudio/ä.wav,joy\n" * 1, encoding="latin-1")
    with pytest.raises(SerbenchError, match="is not UTF-8"):
        read(place)


@pytest.mark.parametrize("name", ["clips.csv", "clips.parquet"])
def test_a_table_of_too_many_rows_is_refused(folder, monkeypatch, name) -> None:
    monkeypatch.setattr(table_file, "MAX_ROWS", 3)
    frame = pd.DataFrame({"path": NAMES, "label": "joy"})
    frame.to_parquet(folder / name) if name.endswith("parquet") else frame.to_csv(folder / name, index=False)
    with pytest.raises(SerbenchError, match="rows"):
        read(folder / name)


def test_a_name_is_stored_as_written_and_told_without_harm(folder) -> None:
    odd = folder / "audio" / "a\n\x1b[31m<b>.wav"
    (folder / "audio" / "a_1.wav").rename(odd)
    frame = pd.DataFrame({"path": ["audio/a\n\x1b[31m<b>.wav", "audio/a_2.wav"], "label": ["joy", "fear"]})
    frame.to_parquet(folder / "clips.parquet")
    clips = load_clips(*choose_corpus(str(folder / "clips.parquet")))
    assert clips.table["clip_id"].tolist() == ["audio/a\n\x1b[31m<b>", "audio/a_2"]
    with pytest.raises(SerbenchError, match=r"clip 'audio/a\\n\\x1b\[31m<b>' has the split 'x'"):
        read(write_table(folder, 'path,label,split\n"audio/a\n\x1b[31m<b>.wav",joy,x\n'))


def test_a_folder_per_class(tmp_path) -> None:
    root = write_clips(
        tmp_path / "My Clips", ["Joy/a_1.wav", "Joy/deep/b_1.wav", "fear/a_2.wav", "fear/a_2.flac", "loose.wav"]
    )
    listing = read(root)
    assert listing.table["clip_id"].tolist() == ["Joy/a_1", "Joy/deep/b_1", "fear/a_2"]
    assert listing.table["label"].tolist() == ["joy", "joy", "fear"]
    assert [path.name for path in listing.unparsed] == ["loose.wav"]
    assert [path.name for path in listing.shadowed] == ["a_2.flac"]
    assert read(root, names="{speaker}_*").table["speaker"].tolist() == ["a", "b", "a"]


def test_a_flat_folder_whose_names_say_the_label(tmp_path) -> None:
    root = write_clips(tmp_path / "flat", ["anna_joy_1.wav", "ben_fear_1.wav"])
    with pytest.raises(SerbenchError, match="no folder per class"):
        read(root)
    table = read(root, names="{speaker}_{label}_*").table
    assert table[["speaker", "label"]].to_numpy().tolist() == [["anna", "joy"], ["ben", "fear"]]


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("./nowhere.csv", {}, "does not exist"),
        ("./notes.txt", {}, "neither a folder nor a table"),
        ("crema", {}, "did you mean 'crema-d'"),
        ("crema-d", {"names": "{speaker}_*"}, "--names reads"),
        ("crema-d+crema-d", {}, "twice"),
        ("crema-d", {"test": "crema-d"}, "twice"),
        ("./", {"test": "./"}, "twice"),
        ("./", {"data": Path()}, "leave --data out"),
    ],
)
def test_wrong_words_for_a_corpus_are_answered(tmp_path, monkeypatch, text, options, told) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match=told):
        choose_corpus(text, **options)


def audformat_database(folder: Path) -> Path:
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("mine")
    people = {"a": {"gender": "female", "age": 30}, "b": {"gender": "male", "age": 40}}
    database.schemes["emotion"] = audformat.Scheme(labels=["joy", "fear"])
    database.schemes["speaker"] = audformat.Scheme(labels=people)
    database["files"] = audformat.Table(audformat.filewise_index(NAMES))
    for column, values in (("emotion", ["joy", "fear"] * 2), ("speaker", ["a", "a", "b", "b"])):
        database["files"][column] = audformat.Column(scheme_id=column)
        database["files"][column].set(values)
    database.save(str(folder))
    return folder


def test_an_audformat_database(folder) -> None:
    table = read(audformat_database(folder)).table
    assert table["label"].tolist() == ["joy", "fear", "joy", "fear"]
    assert table["speaker"].tolist() == ["a", "a", "b", "b"]
    assert table["sex"].tolist() == ["female", "female", "male", "male"]
    assert table["age"].tolist() == [30, 30, 40, 40]


def test_a_database_without_its_misc_table_is_read_without_these_facts(folder) -> None:
    audformat_database(folder)
    text = (folder / "db.yaml").read_text()
    begin = text.index("  speaker:")
    end = text.index("tables:")
    scheme = "  speaker: {dtype: str, labels: people}\n"
    misc = "misc_tables:\n  people: {levels: {speaker: str}, columns: {gender: {}}}\n"
    (folder / "db.yaml").write_text(text[:begin] + scheme + misc + text[end:])
    found = read(folder).table
    assert found["speaker"].tolist() == ["a", "a", "b", "b"]
    assert found["sex"].isna().all()


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_facts_about_speakers_may_lie_in_a_misc_table(folder, format_) -> None:
    """As in audformat's own EMO-DB; a file without a label must not turn speaker 3 of another table into 3.0."""
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("mine")
    database.schemes["age"] = audformat.Scheme(dtype="int")
    database.schemes["gender"] = audformat.Scheme(labels=["female", "male"])
    people = audformat.MiscTable(pd.Index([3, 8], dtype="Int64", name="speaker"))
    database["people"] = people
    for column, values in (("age", [30, 40]), ("gender", ["female", "male"])):
        people[column] = audformat.Column(scheme_id=column)
        people[column].set(values)
    database.schemes["emotion"] = audformat.Scheme(labels=["joy", "fear"])
    database.schemes["speaker"] = audformat.Scheme(dtype="int", labels="people")
    made = (("one", NAMES[:2], ["joy", "fear"], [3, 3]), ("two", NAMES[2:], ["joy", None], [8, None]))
    for table, files, emotions, speakers in made:
        database[table] = audformat.Table(audformat.filewise_index(files))
        for column, values in (("emotion", emotions), ("speaker", speakers)):
            database[table][column] = audformat.Column(scheme_id=column)
            database[table][column].set(values)
    database.save(str(folder), storage_format=format_)
    found = read(folder).table
    assert found["speaker"].tolist() == ["3", "3", "8"]
    assert found["sex"].tolist() == ["female", "female", "male"]
    assert found["age"].tolist() == [30, 30, 40]


@pytest.mark.parametrize("value", ["!!bool maybe", '!!int ""', "!!timestamp x", "0x" + 5000 * "F"])
def test_values_that_the_reader_of_yaml_stumbles_over_are_told(folder, value) -> None:
    audformat_database(folder)
    text = (folder / "db.yaml").read_text()
    (folder / "db.yaml").write_text(f"{text}\nmore: {{? {value} : 1}}\n".replace("more: {? 0x", "tables: {? 0x"))
    with pytest.raises(SerbenchError, match="cannot be read as an audformat database"):
        read(folder)


def test_speakers_and_ages_that_are_no_usual_numbers_are_left_out(folder) -> None:
    huge = "0x" + 3600 * "F"  # more digits than Python writes
    people = f"{{a: {{age: {huge}, gender: female}}, b: {{age: 40, gender: [{huge}]}}, ? {huge} : {{age: 30}}}}"
    (folder / "db.yaml").write_text(
        "tables: {files: {type: filewise, columns: {emotion: {}, speaker: {}}}}\n"
        f"schemes: {{speaker: {{dtype: str, labels: {people}}}}}\n"
    )
    (folder / "db.files.csv").write_text(f"file,emotion,speaker\n{NAMES[0]},joy,a\n{NAMES[2]},fear,b\n")
    table = read(folder).table
    assert table["sex"].fillna("").tolist() == ["female", ""]
    assert table["age"].fillna(-1).tolist() == [-1, 40]


def test_a_parquet_table_that_unpacks_to_more_than_the_limit_is_refused(folder, monkeypatch) -> None:
    monkeypatch.setattr(table_file, "_MAX_BYTES", 1 << 20)
    rows = pd.DataFrame({"path": [NAMES[0]] * 4000, "label": "x" * 1000, "speaker": "a"})
    rows.to_parquet(folder / "clips.parquet")
    assert (folder / "clips.parquet").stat().st_size < 1 << 20
    with pytest.raises(SerbenchError, match="unpacks to more than 1 MiB"):
        read(folder / "clips.parquet")


@pytest.mark.parametrize("word", ["Unknown", "N/A", "nan", "?"])
def test_a_word_for_nobody_is_no_speaker(folder, word) -> None:
    rows = "".join(f"{name},joy,{who}\n" for name, who in zip(NAMES, (word, word, "b", "c"), strict=True))
    place = write_table(folder, f"path,label,speaker\n{rows}")
    listing = read(place)
    assert listing.table["speaker"].tolist() == [UNKNOWN_SPEAKER, UNKNOWN_SPEAKER, "b", "c"]
    assert f"speakers called '{word}' (2 clips) are taken for unknown" in listing.remarks[-1]
    initials = write_table(folder, f"path,label,speaker\n{rows}".replace(f",{word}\n", ",NA\n"), "initials.csv")
    assert read(initials).table["speaker"].tolist() == ["NA", "NA", "b", "c"]


def test_a_damaged_audformat_database_is_told(folder) -> None:
    audformat_database(folder)
    (folder / "db.yaml").write_text("- not\n- a database\n")
    with pytest.raises(SerbenchError, match="cannot be read as an audformat database"):
        read(folder)


def test_another_split_or_sex_is_another_set_of_clips(folder) -> None:
    place, digests = folder / "split.csv", set()
    for sex, tested in (("f", "test"), ("f", "train"), ("m", "train")):
        rows = "".join(f"{name},joy,a,{sex},{tested}\n" for name in NAMES[:1]) + f"{NAMES[1]},fear,b,m,test\n"
        place.write_text(f"path,label,speaker,sex,split\n{rows}")
        digests.add(clip_set_digest(read(place).table.assign(digest="x")))
    assert len(digests) == 3


HEADER = """
tables:
  emotion.train: {type: filewise, split_id: train, columns: {emotion: {}}}
  emotion.dev: {type: filewise, split_id: dev, columns: {emotion: {}}}
  emotion.test: {type: filewise, split_id: test, columns: {emotion: {}}}
"""


def test_tables_of_splits_are_the_given_split(folder) -> None:
    (folder / "db.yaml").write_text(HEADER)
    for part, name in zip(("train", "dev", "test"), NAMES, strict=False):
        (folder / f"db.emotion.{part}.csv").write_text(f"file,emotion\n{name},joy\n")
    assert sorted(read(folder).table["split"]) == ["test", "train", "validation"]


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self):
        return (Path.touch, (self.sprung,))


@pytest.mark.parametrize("beside", [True, False])
def test_a_pickle_of_a_database_is_never_opened(folder, tmp_path, beside) -> None:
    (folder / "db.yaml").write_text("tables: {files: {type: filewise, columns: {emotion: {}}}}")
    (folder / "db.files.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    if beside:
        (folder / "db.files.csv").write_text(f"file,emotion\n{NAMES[0]},joy\n{NAMES[1]},fear\n")
        assert read(folder).table["label"].tolist() == ["joy", "fear"]
    else:
        with pytest.raises(SerbenchError, match=r"a \.pkl is never read"):
            read(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("tables: [", "cannot be read as an audformat database"),
        ("tables: {}\nmeta: !!python/object/apply:os.system ['touch {sprung}']", "cannot be read"),
        ("a: &a [1]\nb: *a\ntables: {}", "YAML aliases"),
        ("tables: {x: {type: segmented, columns: {emotion: {}}}}", "no table of whole files"),
        ("tables: {../x: {type: filewise, columns: {emotion: {}}}}", "is not there"),
    ],
)
def test_a_hostile_header_runs_nothing(folder, tmp_path, header, told) -> None:
    (folder / "db.yaml").write_text(header.replace("{sprung}", str(tmp_path / "sprung")))
    with pytest.raises(SerbenchError, match=told):
        read(folder)
    assert not (tmp_path / "sprung").exists()


def test_a_database_that_leads_out_of_its_folder_is_refused(folder) -> None:
    (folder / "db.yaml").write_text("tables: {files: {type: filewise, columns: {emotion: {}}}}")
    (folder / "db.files.csv").write_text("file,emotion\n../x.wav,joy\n")
    with pytest.raises(SerbenchError, match="lies outside its folder"):
        read(folder)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_says_the_encoding(folder, encoding) -> None:
    """Excel saves "Unicode text" as UTF-16 with tabs."""
    text = "path\tlabel\tspeaker\naudio/a_1.wav\tÄrger\tJörg\naudio/b_1.flac\tjoy\tana\n"
    table = read(write_table(folder, text, "c.csv", encoding)).table
    assert table["label"].tolist() == ["ärger", "joy"]
    assert table["speaker"].tolist() == ["Jörg", "ana"]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("cp1252", r"is not UTF-8 text \(line 3: byte 0xe4, .*'ä'\); save it as UTF-8"), ("utf-16-le", "zero bytes")],
)
def test_another_encoding_is_named_with_its_line(folder, encoding, words) -> None:
    text = "path,label\naudio/a_1.wav,joy\naudio/b_1.flac,\u00e4rger\n"
    with pytest.raises(SerbenchError, match=words):
        read(write_table(folder, text, encoding=encoding))


def test_line_breaks_between_quotes_are_no_rows(folder) -> None:
    text = '"path","label","what\nwas said"\naudio/a_1.wav,joy,"one\n\ntwo, three"\naudio/b_1.flac,fear,"x"\n'
    assert read(write_table(folder, text)).table["label"].tolist() == ["joy", "fear"]


def test_columns_that_are_not_read_are_named_once(folder) -> None:
    text = "file,label,Speakers,arousal,\x1b[31m\naudio/a_1.wav,joy,a,1,2\naudio/b_1.flac,fear,b,1,2\n"
    corpus, data = choose_corpus(str(write_table(folder, text)))
    (found,) = [one for one in load_clips(corpus, data).findings if one.kind == "unread_columns"]
    assert found.message == (
        "columns of clips.csv that are not read: Speakers (did you mean 'speaker'?), arousal, \\x1b[31m "
        "(read: file, label)"
    )
    plain = choose_corpus(str(write_table(folder, "path,label\naudio/a_1.wav,joy\naudio/b_1.flac,fear\n")))
    assert not [one for one in load_clips(*plain).findings if one.kind == "unread_columns"]


def test_addresses_are_read_as_paths(folder) -> None:
    (folder / "audio/a 1.wav").write_bytes((folder / "audio/a_1.wav").read_bytes())
    (folder / "audio/50%25.wav").write_bytes((folder / "audio/a_2.wav").read_bytes())
    names = ["audio/a%201.wav", f"file://{folder}/audio/a_2.wav", "audio/50%25.wav"]
    rows = "".join(f"{name},{label}\n" for name, label in zip(names, ("joy", "fear", "calm"), strict=True))
    table = read(write_table(folder, "path,label\n" + rows)).table
    assert table["clip_id"].tolist() == ["audio/50%25", "audio/a 1", "audio/a_2"]
    for name in ("file:///etc/passwd", "..%2f..%2fetc%2fpasswd", "audio/%00.wav"):
        with pytest.raises(SerbenchError):
            read(write_table(folder, f"path,label\n{name},joy\n"))


def test_a_stray_quote_that_swallows_rows_is_told(folder) -> None:
    rows = [
        "path\tlabel\ttext",
        *(
            f"{name}\t{label}\t{text}"
            for name, label, text in zip(NAMES, ["joy", "fear"] * 2, ['"Well', "ok", '"Hi" he said', "no"], strict=True)
        ),
    ]
    place = write_table(folder, "\n".join(rows) + "\n", "clips.tsv")
    with pytest.raises(SerbenchError, match=r"clips.tsv: a quotation mark in line 2 opens a text"):
        read(place)


def test_line_breaks_between_quotes_and_quotes_within_a_text_are_read(folder) -> None:
    text = (
        f'path,label,text\n{NAMES[0]},joy,"two\nlines ""quoted""" \n{NAMES[1]},fear,he said "no"\n'
        f'{NAMES[2]},joy,"Hi" he said\n{NAMES[3]},fear,"{"x" * 200_000}"\n'
    )
    assert read(write_table(folder, text)).table["label"].tolist() == ["joy", "fear"] * 2


def test_a_long_field_in_the_first_row_is_read(folder) -> None:
    text = f'path,label,base64\n{NAMES[0]},joy,"{"x" * 200_000}"\n{NAMES[1]},fear,""\n'
    assert read(write_table(folder, text)).table["label"].tolist() == ["joy", "fear"]


def test_remarks_behind_the_last_column_are_no_row_names(folder) -> None:
    rows = [f"{name},{label},good" for name, label in zip(NAMES, ["joy", "fear"] * 2, strict=True)]
    assert read(write_table(folder, "\n".join(["path,label", *rows]))).table["label"].tolist() == ["joy", "fear"] * 2


def test_separators_at_the_ends_of_rows_and_blank_lines_before_them_change_nothing(folder) -> None:
    rows = [f"{name},{label},{name[6]},x," for name, label in zip(NAMES, ["joy", "fear"] * 2, strict=True)]
    place = write_table(folder, "\n".join(["", "  ", "path,label,speaker,notes", *rows]))
    table = read(place).table
    assert table["label"].tolist() == ["joy", "fear"] * 2
    assert table["speaker"].tolist() == list("aabb")


def test_row_names_as_r_writes_them_are_passed_over(folder) -> None:
    pairs = zip(NAMES, ["joy", "fear"] * 2, strict=True)
    rows = [f'"{number}","{name}","{label}"' for number, (name, label) in enumerate(pairs)]
    assert (
        read(write_table(folder, "\n".join(['"path","label"', *rows]))).table["label"].tolist() == ["joy", "fear"] * 2
    )


def test_a_spelling_of_the_sex_that_is_not_read_is_told(folder) -> None:
    rows = [f"{name},joy,{sex}" for name, sex in zip(NAMES, ["Femme", "f", "unknown", "Femme"], strict=True)]
    found = read(write_table(folder, "\n".join(["path,label,sex", *rows])))
    assert found.table["sex"].fillna("-").tolist() == ["-", "female", "-", "-"]
    assert any("2 clips have a sex that is not read ('Femme')" in remark for remark in found.remarks)


def test_an_age_of_blanks_is_unknown(folder) -> None:
    assert read(write_table(folder, f"path,label,age\n{NAMES[0]},joy, \n")).table["age"].isna().all()


def test_facts_of_each_table_of_a_database_are_read_and_a_file_has_one_split(folder) -> None:
    header = HEADER.replace("{emotion: {}}", "{emotion: {}, speaker: {}}")
    (folder / "db.yaml").write_text(header)
    for part, name in zip(("train", "dev", "test"), NAMES, strict=False):
        (folder / f"db.emotion.{part}.csv").write_text(f"file,emotion,speaker\n{name},joy,{part}\n")
    table = read(folder).table
    assert dict(zip(table["clip_id"], table["speaker"], strict=True)) == {
        "audio/a_1": "train", "audio/a_2": "dev", "audio/b_1": "test",
    }  # fmt: skip
    (folder / "db.emotion.test.csv").write_text(f"file,emotion,speaker\n{NAMES[0]},joy,train\n")
    found = read(folder)
    assert "split" not in found.table
    assert any("1 files, such as 'audio/a_1.wav', are in the tables of two" in remark for remark in found.remarks)


@pytest.mark.parametrize(("name", "separator"), [("c.csv", ","), ("c.csv", ";"), ("c.tsv", "\t")])
def test_a_separator_without_quotes_shifts_no_row_silently(folder, name, separator) -> None:
    """The clip would have the label `b` and the speaker `then`."""
    rows = [f"{path},ok,{path[6]},{label}" for path, label in zip(NAMES, ["joy", "fear"] * 2, strict=True)]
    rows[2] = rows[2].replace(",ok,", ",Well, then,")
    text = "\n".join(["path,text,speaker,label", *rows]).replace(",", separator)
    with pytest.raises(SerbenchError, match=r"c\..sv: line 4 has 5 fields, the line of names has 4; put a text that"):
        read(write_table(folder, text, name))
    quoted = text.replace(f"Well{separator} then", f'"Well{separator} then"')
    assert read(write_table(folder, quoted, name)).table["label"].tolist() == ["joy", "fear"] * 2


def test_a_separator_without_quotes_shifts_no_row_of_named_rows_either(folder) -> None:
    rows = [f"{n},{path},ok,joy" for n, path in enumerate(NAMES)]
    text = "\n".join(["path,text,label", *rows * 30]) + f"\n9,{NAMES[0]},Well, then,joy\n"
    with pytest.raises(
        SerbenchError,
        match=r"line 122 has 5 fields \(the first is .* row\), the line of names has 3; .* and the first one names",
    ):
        read(write_table(folder, text))


def test_a_remark_behind_one_row_needs_a_name_for_its_column(folder) -> None:
    rows = [f"{NAMES[0]},joy", f"{NAMES[1]},fear,check this one", f"{NAMES[2]},joy"]
    with pytest.raises(SerbenchError, match=r"line 3 has 3 fields, .* or give the further column a name"):
        read(write_table(folder, "\n".join(["path,label", *rows])))
    named = read(write_table(folder, "\n".join(["path,label,remark", *rows])))
    assert named.table["label"].tolist() == ["joy", "fear", "joy"]


def test_columns_behind_thousands_of_features_are_read(folder) -> None:
    features = [f"F0semitoneFrom27.5Hz_sma3nz_percentile{number:05}" for number in range(6400)]
    header = ",".join(["path", *features, "label"])
    assert len(header) > 1 << 17
    rows = [f"{name},{','.join(['0'] * 6400)},{label}" for name, label in zip(NAMES, ["joy", "fear"] * 2, strict=True)]
    assert read(write_table(folder, "\n".join([header, *rows]))).table["label"].tolist() == ["joy", "fear"] * 2


def test_a_line_of_names_without_end_is_refused(folder) -> None:
    with pytest.raises(SerbenchError, match=r"line of column names has 1,048,576 characters or more; keep only"):
        read(write_table(folder, f"path,{'x,' * (1 << 19)}label\n{NAMES[0]},joy\n"))


@pytest.mark.parametrize("text", ["x" * 200_000, f'"path,label\n{"audio/a_1.wav,joy" * 10_000}'])
def test_a_column_name_without_end_is_told(folder, text) -> None:
    with pytest.raises(SerbenchError, match=r"c\.csv: a column name has more than 131,072 characters; begin the table"):
        read(write_table(folder, text, "c.csv"))


def test_ids_that_differ_in_blanks_at_their_ends_are_one(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["joy/a .wav", "joy/a.wav", "fear/b.wav"])
    listing = read(root)
    assert listing.table["clip_id"].tolist() == ["fear/b", "joy/a"]
    assert [path.name for path in listing.shadowed] == ["a.wav"]
    with pytest.raises(SerbenchError, match=r"clips\.csv names the clip 'joy/a' more than once"):
        read(write_table(root, "path,label\njoy/a.wav,joy\njoy/a .wav,joy\n"))


def two_tables(folder: Path, first: dict[str, str], second: dict[str, str]) -> Path:
    """A database whose tables `desired` and `gold` label the same files."""
    (folder / "db.yaml").write_text(
        "tables:\n"
        "  desired: {type: filewise, columns: {emotion: {}}}\n"
        "  gold: {type: filewise, columns: {emotion: {}}}\n"
    )
    for name, labels in (("desired", first), ("gold", second)):
        rows = "".join(f"{file},{label}\n" for file, label in labels.items())
        (folder / f"db.{name}.csv").write_text(f"file,emotion\n{rows}")
    return folder


def test_tables_of_a_database_that_disagree_on_labels_are_told(folder) -> None:
    desired = dict.fromkeys(NAMES, "joy")
    found = read(two_tables(folder, desired, {**desired, NAMES[1]: "fear", NAMES[2]: "calm", NAMES[3]: "Joy "}))
    assert found.table["label"].tolist() == ["joy"] * 4
    assert found.remarks == (
        "2 files, such as 'audio/a_2.wav', have other labels in table 'gold' than in 'desired', which is read",
    )


def test_gaps_are_filled_from_a_table_that_agrees_alone(folder) -> None:
    desired = {**dict.fromkeys(NAMES, "joy"), NAMES[3]: ""}
    agreeing = read(two_tables(folder, desired, {NAMES[0]: "joy", NAMES[3]: "fear"}))
    assert agreeing.table["label"].tolist() == ["joy"] * 3 + ["fear"]
    assert agreeing.remarks == ()
    apart = read(two_tables(folder, desired, {NAMES[0]: "calm", NAMES[3]: "fear"}))
    assert apart.table["clip_id"].tolist() == ["audio/a_1", "audio/a_2", "audio/b_1"]
    assert apart.remarks[1:] == (
        "1 files, such as 'audio/b_2.ogg', have no label in table 'desired', which is read, and are left out",
    )


def test_files_on_which_listeners_agreed_on_no_label_are_left_out(folder) -> None:
    """Nor does what else a database says of them count: here they have no speaker and two splits."""
    parts = ("train", "dev", "test")
    tables = "".join(f"  {part}: {{type: filewise, split_id: {part}, columns: {{emotion: {{}}}}}}\n" for part in parts)
    people = "  people: {type: filewise, columns: {speaker: {}}}\n"
    (folder / "db.yaml").write_text(f"tables:\n{tables}{people}")
    rows = "".join(f"{name},{name[6]}\n" for name in NAMES[:3])
    (folder / "db.people.csv").write_text(f"file,speaker\n{rows}")
    for part, name, blank in zip(parts, NAMES, ("", " ", ""), strict=False):
        (folder / f"db.{part}.csv").write_text(f"file,emotion\n{name},joy\n{NAMES[3]},{blank}\n")
    found = read(folder)
    assert sorted(found.table["split"]) == ["test", "train", "validation"]
    assert found.remarks == (
        "1 files, such as 'audio/b_2.ogg', have no label in table 'train', which is read, and are left out",
    )
    with pytest.raises(SerbenchError, match="no clip has a label"):
        read(two_tables(folder, dict.fromkeys(NAMES, ""), {}))


def test_a_pattern_of_names_labels_the_files_of_a_database_that_have_no_label(folder) -> None:
    gold = {**dict.fromkeys(NAMES, "joy"), NAMES[3]: ""}
    found = read(two_tables(folder, gold, {}), names="{label}_*")
    assert found.table["label"].tolist() == ["joy"] * 3 + ["b"]
    assert found.remarks == ()
    assert len(read(two_tables(folder, gold, {}), names="{speaker}_*").table) == 3


@pytest.mark.parametrize(
    ("splits", "found"),
    [
        ("{train-1: {type: train}, dev-1: {type: dev}, test-1: {type: test}}", ["test", "train", "validation"]),
        ("{train-1: {type: other}, dev-1: {type: dev}, test-1: {type: test}}", None),
    ],
)
def test_the_type_of_a_split_says_what_it_is_for(folder, splits, found) -> None:
    header = HEADER
    for part in ("train", "dev", "test"):
        header = header.replace(f"split_id: {part}", f"split_id: {part}-1")
    (folder / "db.yaml").write_text(f"splits: {splits}\n{header}")
    for part, name in zip(("train", "dev", "test"), NAMES, strict=False):
        (folder / f"db.emotion.{part}.csv").write_text(f"file,emotion\n{name},joy\n")
    table = read(folder).table
    assert (sorted(table["split"]) if "split" in table else None) == found


def test_the_name_of_a_split_counts_where_nobody_stated_its_type(folder) -> None:
    """audformat writes `other` then."""
    (folder / "db.yaml").write_text(f"splits: {{train: {{type: other}}, dev: {{type: dev}}}}\n{HEADER}")
    for part, name in zip(("train", "dev", "test"), NAMES, strict=False):
        (folder / f"db.emotion.{part}.csv").write_text(f"file,emotion\n{name},joy\n")
    assert sorted(read(folder).table["split"]) == ["test", "train", "validation"]


def test_what_is_missing_in_a_table_of_a_database_is_unknown_or_in_another(folder) -> None:
    (folder / "db.yaml").write_text(
        "tables:\n"
        "  files: {type: filewise, columns: {emotion: {}, gender: {}, speaker: {}}}\n"
        "  people: {type: filewise, columns: {speaker: {}}}\n"
    )
    (folder / "db.files.csv").write_text(f"file,emotion,gender,speaker\n{NAMES[0]},joy,female,a\n{NAMES[2]},joy,,\n")
    (folder / "db.people.csv").write_text(f"file,speaker\n{NAMES[2]},b\n")
    table = read(folder).table
    assert table["speaker"].tolist() == ["a", "b"]
    assert table["sex"].fillna("-").tolist() == ["female", "-"]


@pytest.mark.parametrize(
    "lines",
    [
        ["path,label,text", f'{NAMES[0]},joy,"Well', f'{NAMES[1]},fear,no"', f"{NAMES[2]},joy,ok"],
        ["path,text,label", f'{NAMES[0]},"Well,joy', f'{NAMES[1]},no",fear', f"{NAMES[2]},ok,joy"],
        ["text,label,path", f'"Well,joy,{NAMES[0]}', f'no",fear,{NAMES[1]}', f"ok,joy,{NAMES[2]}"],
        ["path,label,text", f'1,{NAMES[0]},joy,"Well', f'2,{NAMES[1]},fear,no"', f"3,{NAMES[2]},joy,ok"],
    ],
)
def test_a_stray_quote_that_closes_where_a_field_ends_is_told(folder, lines) -> None:
    with pytest.raises(SerbenchError, match=r"a quotation mark in line 2 opens a text .* holds a further row of the"):
        read(write_table(folder, "\n".join(lines) + "\n"))


def test_texts_of_several_lines_may_name_files(folder) -> None:
    text = f'text,path,label\n"a.wav, then\n{NAMES[1]}\nb.wav, and, so on",{NAMES[0]},joy\n"x\ny",{NAMES[1]},fear\n'
    assert read(write_table(folder, text)).table["label"].tolist() == ["joy", "fear"]


@pytest.mark.parametrize("word", ["NA", "nan", "N/A", "null", "<NA>"])
def test_a_word_for_a_missing_value_is_no_label(folder, word) -> None:
    place = write_table(folder, f"path,label\n{NAMES[0]},joy\n{NAMES[1]},{word}\n{NAMES[2]},none\n")
    with pytest.raises(SerbenchError, match="1 of 3 clips have no label, the first is audio/a_2"):
        read(place)
    assert read(place, names="{label}_*").table["label"].tolist() == ["joy", "a", "none"]
    found = read(two_tables(folder, {**dict.fromkeys(NAMES, "joy"), NAMES[3]: word}, {}))
    assert found.table["clip_id"].tolist() == ["audio/a_1", "audio/a_2", "audio/b_1"]


def test_a_folder_may_be_called_as_a_missing_value(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["na/a.wav", "joy/b.wav"])
    assert read(root).table["label"].tolist() == ["joy", "na"]


def test_ages_that_are_unknown_or_not_read_cost_no_corpus(folder) -> None:
    rows = [f"{name},joy,{age}" for name, age in zip(NAMES, ["20-29", "NA", "34", "unknown"], strict=True)]
    found = read(write_table(folder, "\n".join(["path,label,age", *rows])))
    assert found.table["age"].fillna(0).tolist() == [0, 0, 34, 0]
    assert found.remarks == ("1 clips have an age that is not read ('20-29') and counts as unknown; write it in years",)


def test_folders_of_a_split_are_no_labels_and_a_pattern_reads_both(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["Train/joy/a_1.wav", "Train/fear/a_2.wav", "test/joy/b_1.wav"])
    with pytest.raises(SerbenchError, match=r"parts of a split \(Train, test\) .* '\{split\}/\{label\}/\*'"):
        read(root)
    table = read(root, names="{split}/{label}/*").table
    assert table[["split", "label"]].to_numpy().tolist() == [["train", "fear"], ["train", "joy"], ["test", "joy"]]
    more = write_clips(root, ["anger/c_1.wav"])
    assert set(read(more).table["label"]) == {"train", "test", "anger"}


def test_folders_of_sexes_are_no_emotions_and_a_pattern_reads_the_labels(tmp_path) -> None:
    """As ShEMO is packed; a model of them would tell women from men."""
    root = write_clips(tmp_path / "own", ["Female/F01A02.wav", "Female/F02H01.wav", "male/M01A01.wav"])
    with pytest.raises(SerbenchError, match=r"are sexes \(Female, male\) and no emotions; .* '\{speaker\+sex:1\}"):
        read(root)
    table = read(root, names="{speaker+sex:1}{speaker:2}{label:A=anger,H=happiness}*").table
    assert table[["speaker", "sex", "label"]].to_numpy().tolist() == [
        ["F01", "female", "anger"], ["F02", "female", "happiness"], ["M01", "male", "anger"],
    ]  # fmt: skip
    more = write_clips(root, ["anger/c_1.wav"])
    assert set(read(more).table["label"]) == {"female", "male", "anger"}


def test_ages_and_words_for_nobody_in_names_are_read_as_those_of_tables(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["joy/ana_20-29_1.wav", "joy/nan_34_1.wav", "fear/ben_NA_1.wav"])
    found = read(root, names="{speaker}_{age}_*")
    assert found.table["age"].fillna(0).tolist() == [0, 0, 34]
    assert found.table["speaker"].tolist() == ["ben", "ana", UNKNOWN_SPEAKER]
    assert found.remarks == (
        "1 clips have an age that is not read ('20-29') and counts as unknown; write it in years",
        "speakers called 'nan' (1 clips) are taken for unknown; rename one that is a person",
    )


def test_what_a_table_says_of_ages_and_speakers_comes_before_the_names(folder) -> None:
    rows = [f"{name},joy,{who},{age}" for name, who, age in zip(NAMES, "x-yz", ("31", "old", "", "32"), strict=True)]
    found = read(write_table(folder, "\n".join(["path,label,speaker,age", *rows])), names="{speaker}_{age}")
    assert found.table["speaker"].tolist() == ["x", UNKNOWN_SPEAKER, "y", "z"]
    assert found.table["age"].tolist() == [31, 2, 1, 32]
    assert not any("age that is not read" in remark for remark in found.remarks), "the name of the file has one"


def test_an_age_that_neither_table_nor_name_says_in_years_is_told_once(folder) -> None:
    rows = [f"{name},joy,{age}" for name, age in zip(NAMES, ("31", "old", "", "32"), strict=True)]
    found = read(write_table(folder, "\n".join(["path,label,age", *rows])), names="{age}_*")
    (told,) = (remark for remark in found.remarks if "age" in remark)
    assert told.startswith("2 clips have an age that is not read")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "evaluation", "Test", "train"), "splits 'evaluation' and 'test' are both read as the test set"),
        (("train", "eval", "testing", "train"), "splits 'eval' and 'testing' are both read as the test set"),
        (("train", "evaluation", "test", "dev"), None),
        (("train", "evaluation", "evaluation", "dev"), None),
        (("train", "test", "testing", "train"), None),
    ],
)
def test_two_words_that_are_read_as_the_test_set_are_told(folder, words, told) -> None:
    """ESD's `evaluation` is what others call validation."""
    rows = [f"{name},joy,{word}" for name, word in zip(NAMES, words, strict=True)]
    found = read(write_table(folder, "\n".join(["path,label,split", *rows])))
    assert [remark.partition(";")[0] for remark in found.remarks] == ([told] if told else [])


def test_words_of_a_split_in_the_names_of_folders_are_told_too(tmp_path) -> None:
    root = write_clips(tmp_path / "own", ["joy/train/a_1.wav", "fear/evaluation/b_1.wav", "joy/test/c_1.wav"])
    found = read(root, names="{label}/{split}/{speaker}_*")
    assert found.table["split"].tolist() == ["test", "test", "train"]
    assert found.remarks == (
        "splits 'evaluation' and 'test' are both read as the test set; if one of them is for validation, call it "
        "'validation'",
    )
