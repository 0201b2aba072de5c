"""Several corpora as one, one tested on another, corpora that were added, and how a record makes each again."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpora_files import write_clips

from serbench.corpora import choose_corpus, get_corpus, is_acted, load_clips, recorded_corpus
from serbench.corpora.registry import installed_names
from serbench.corpora.user.registered import RegisteredCorpus, register_corpus, registered_corpora, unregister_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.protocols import Ratio, SplitProtocol
from serbench.records.schemas import CorpusChoice

CREMA = [f"{who}_IEO_{code}_XX.wav" for who in range(1001, 1013) for code in ("ANG", "DIS", "HAP", "SAD")]
EMO = [f"{who}a01{code}a.wav" for who in ("03", "08", "09", "10") for code in "WFTL"]


@pytest.fixture
def both(tmp_path: Path) -> Path:
    write_clips(tmp_path / "data" / "crema-d" / "AudioWAV", CREMA)
    write_clips(tmp_path / "data" / "emo-db" / "wav", EMO)
    return tmp_path / "data"


def test_merged_corpora_share_labels_and_keep_their_speakers_apart(both) -> None:
    corpus, data = choose_corpus("crema-d+emo-db", both)
    clips = load_clips(corpus, data)
    assert clips.labels == ("anger", "happiness", "sadness")
    assert (corpus.name, corpus.title) == ("crema-d+emo-db", "CREMA-D + EMO-DB")
    assert clips.table["corpus"].value_counts().to_dict() == {"crema-d": 36, "emo-db": 12}
    assert clips.table["speaker"].nunique() == 16
    assert set(clips.table["speaker"].str.partition("/")[0]) == {"crema-d", "emo-db"}
    assert "EMO-DB: CC0" in clips.facts().licence
    assert is_acted(clips.facts())


@pytest.mark.children
def test_a_map_brings_labels_together_and_need_not_fit_every_part(both) -> None:
    corpus, data = choose_corpus("crema-d+emo-db", both, maps=["disgust=dislike,boredom=dislike"])
    assert load_clips(corpus, data).labels == ("anger", "dislike", "happiness", "sadness")


def test_parts_without_shared_labels_are_told(both) -> None:
    corpus, data = choose_corpus("crema-d+emo-db", both, drops=["anger", "happiness"])
    with pytest.raises(SerbenchError, match=r"share 1 label, .*crema-d: disgust, sadness; emo-db: boredom, sadness"):
        load_clips(corpus, data)


def test_a_missing_part_is_told(both) -> None:
    corpus, data = choose_corpus("crema-d+ravdess", both)
    with pytest.raises(SerbenchError, match="has no folder 'ravdess'"):
        load_clips(corpus, data)


def test_all_of_the_other_corpus_is_tested_and_nothing_of_it_learned(both) -> None:
    corpus, data = choose_corpus("crema-d", both, test="emo-db")
    clips = load_clips(corpus, data)
    protocol = SplitProtocol("cross-corpus")
    (plan,) = protocol.plans(clips.table)
    split = plan.split(Ratio.parse("70/10/20"))
    tested = clips.table["corpus"].iloc[list(split.test)]
    assert set(tested) == {"emo-db"}
    assert len(tested) == 12
    learned = clips.table.iloc[[*split.train, *split.validation]]
    assert set(learned["corpus"]) == {"crema-d"}
    assert not set(clips.table["speaker"].iloc[list(split.train)]) & set(
        clips.table["speaker"].iloc[list(split.validation)]
    )
    assert not protocol.facts(clips.table, plan).shares_speakers
    assert clips.facts().name == "crema-d-to-emo-db"


def test_cross_corpus_without_another_corpus_is_told(both) -> None:
    clips = load_clips(get_corpus("crema-d"), both / "crema-d")
    with pytest.raises(SerbenchError, match="name it with --test-corpus"):
        SplitProtocol("cross-corpus").plans(clips.table)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("crema-d", {"maps": ["four"]}),
        ("crema-d", {"drops": ["disgust"]}),
        ("crema-d+emo-db", {}),
        ("crema-d", {"test": "emo-db", "drops": ["sadness"]}),
    ],
)
def test_a_record_makes_the_same_corpus_again(both, text, options) -> None:
    corpus, data = choose_corpus(text, both if options.get("test") or "+" in text else both / "crema-d", **options)
    first = load_clips(corpus, data)
    facts = first.facts()
    again = load_clips(recorded_corpus(type(facts).model_validate_json(facts.model_dump_json())), data)
    assert again.digest == first.digest
    assert again.facts() == facts
    assert str(both) not in facts.model_dump_json()


@pytest.fixture
def configured(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path / "config"))
    return write_clips(tmp_path / "own", ["joy/a_1.wav", "joy/b_1.wav", "fear/a_2.wav", "fear/b_2.wav"])


def mine(place: Path) -> RegisteredCorpus:
    return RegisteredCorpus(choice=CorpusChoice(name="mine", parts=("folder",), names="{speaker}_*"), place=str(place))


def test_an_added_corpus_is_known_by_its_name_until_it_is_removed(configured) -> None:
    register_corpus("mine", mine(configured), installed_names())
    corpus, data = choose_corpus("mine")
    assert data == configured
    facts = load_clips(corpus, data).facts()
    assert (facts.name, facts.clips, facts.speakers) == ("mine", 4, 2)
    unregister_corpus("mine")
    assert not registered_corpora()
    assert load_clips(recorded_corpus(facts), configured).digest == facts.digest, "a record does without the name"
    with pytest.raises(UsageError, match="no corpus 'mine' was added"):
        unregister_corpus("mine")
    assert (configured / "joy" / "a_1.wav").is_file()


@pytest.mark.parametrize("name", ["crema-d", "Mine", "../x", ""])
def test_what_cannot_be_a_name_is_refused(configured, name) -> None:
    with pytest.raises(UsageError, match=r"another name|cannot be"):
        register_corpus(name, mine(configured), installed_names())


@pytest.mark.parametrize("text", ["{", '{"version": 2}', '{"corpora": {"x": {"place": 1}}}', "[]"])
def test_a_damaged_file_of_added_corpora_is_told(configured, text) -> None:
    path = configured.parent / "config" / "corpora.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(SerbenchError, match=r"corpora\.json is "):
        registered_corpora()


def test_a_label_that_no_part_has_is_a_slip_of_the_pen(both) -> None:
    for options in ({"maps": ["angr=anger"]}, {"drops": ["angr"]}):
        corpus, data = choose_corpus("crema-d+emo-db", both, **options)
        with pytest.raises(SerbenchError, match=r"no clip is labelled 'angr'; .* did you mean 'anger'"):
            load_clips(corpus, data)


def test_unknown_speakers_of_merged_corpora_stay_unknown(tmp_path) -> None:
    for name in ("one", "two", "three"):
        write_clips(tmp_path / name, [f"{name}{i}.wav" for i in range(4)])
        rows = "".join(f"{name}{i}.wav,{'joy' if i % 2 else 'fear'}\n" for i in range(4))
        (tmp_path / name / "t.csv").write_text(f"path,label\n{rows}")
        register_corpus(
            name,
            RegisteredCorpus(choice=CorpusChoice(name=name, parts=("table",)), place=str(tmp_path / name / "t.csv")),
            (),
        )
    corpus, data = choose_corpus("one+two+three")
    table = corpus.read(corpus.prepare(data)).table
    assert set(table["speaker"]) == {"unknown"}
    with pytest.raises(SerbenchError, match="this corpus names none"):
        SplitProtocol("speaker").plans(table)


@pytest.fixture
def twice(both, tmp_path) -> Path:
    """`recordings`, which also lies in the folder that --data names, in another version."""
    write_clips(both / "recordings", ["anger/old_1.wav", "sadness/old_2.wav"])
    return write_clips(tmp_path / "v2" / "recordings", ["anger/new_1.wav", "sadness/new_2.wav"])


def paths_of_test(corpus, data) -> set[str]:
    table = corpus.read(corpus.prepare(data)).table
    return set(table.loc[table["split"] == "test", "path"])


def test_a_corpus_that_was_given_by_its_path_is_read_from_there_whatever_data_holds(both, twice) -> None:
    corpus, data = choose_corpus("crema-d", both, test=str(twice))
    assert paths_of_test(corpus, data) == {str(path) for path in twice.glob("*/*.wav")}
    elsewhere = recorded_corpus(load_clips(corpus, data).facts())
    assert paths_of_test(elsewhere, data) == {str(path) for path in (both / "recordings").glob("*/*.wav")}


def test_the_audio_of_a_table_may_lie_in_the_folder_that_data_names(both, tmp_path) -> None:
    write_clips(both / "mine", ["a.wav", "b.wav"])
    (tmp_path / "mine.csv").write_text("path,label\na.wav,anger\nb.wav,sadness\n")
    corpus, data = choose_corpus("crema-d", both, test=str(tmp_path / "mine.csv"))
    assert paths_of_test(corpus, data) == {str(both / "mine" / name) for name in ("a.wav", "b.wav")}


def test_labels_that_merged_corpora_do_not_share_are_told_with_the_map_that_brings_them_together(
    both, tmp_path
) -> None:
    own = ["angry/a_1.wav", "angry/b_2.wav", "happy/a_3.wav", "disgust/a_4.wav", "sadness/b_5.wav", "boredom/a_6.wav"]
    text = f"crema-d+{write_clips(tmp_path / 'mine', own)}"
    corpus, data = choose_corpus(text, both)
    crema, mine = [one for one in corpus.read(corpus.prepare(data)).remarks if "left out" in one]
    way = "; --map angry=anger,happy=happiness gives each emotion one name"
    assert crema.startswith("CREMA-D: 24 clips are left out, since another corpus lacks their labels (")
    assert crema.endswith(way)
    assert mine.startswith("mine: 4 clips are left out, since another corpus lacks their labels (angry 2, ")
    assert mine.endswith(way)
    corpus, data = choose_corpus(text, both, maps=["angry=anger,happy=happiness"])
    (left,) = [one for one in corpus.read(corpus.prepare(data)).remarks if "left out" in one]
    assert left == "mine: 1 clip is left out, since another corpus lacks their labels (boredom 1)"


def test_parts_that_share_labels_under_other_words_are_told_the_words(both, tmp_path) -> None:
    own = write_clips(tmp_path / "mine", ["angry/a_1.wav", "happy/a_3.wav"])
    corpus, data = choose_corpus(f"crema-d+{own}", both)
    with pytest.raises(SerbenchError, match=r"share 0 labels, .*together with --map angry=anger,happy=happiness$"):
        corpus.read(corpus.prepare(data))


def test_missing_clips_of_a_published_corpus_are_told_of_its_part(both) -> None:
    corpus, data = choose_corpus("crema-d+emo-db", both)
    remarks = corpus.read(corpus.prepare(data)).remarks
    assert remarks[-2:] == ("CREMA-D: 7,394 of 7,442 clips are not there", "EMO-DB: 519 of 535 clips are not there")


def test_a_corpus_of_unknown_place_is_told_so(configured) -> None:
    facts = load_clips(*choose_corpus(str(configured))).facts()
    with pytest.raises(SerbenchError, match="it is not known where the corpus 'own' is; name its place with --data"):
        recorded_corpus(facts).prepare()
