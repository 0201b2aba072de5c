"""From a record to the command that repeats its search: parsed by the real command line, it gives the same plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spaces_made import TEXT
from typer.main import get_command

import serbench.search
from benchmarks.simulated import simulated_study
from serbench.cli.main import app
from serbench.corpora import StudyClips, clip_table
from serbench.corpora.user.registered import RegisteredCorpus, register_corpus
from serbench.errors import UsageError
from serbench.protocols import SplitProtocol
from serbench.records.schemas import AskedBudget, CorpusChoice, InitFrom, StudyRecord, TaughtBy, WarmStart
from serbench.search import SearchPlan, SearchRequest, placeholder_note, search_command
from serbench.search.new_record import new_study_record
from serbench.search.studies.recorded import recorded_space
from serbench.search.studies.samplers import DEFAULT_SAMPLER
from serbench.search.studies.study import derived_run
from serbench.spaces import read_space
from serbench.training import choose_precision

COMMAND = get_command(app)
LABELS = ("anger", "joy", "sadness", "calm")
SPACES = ("cnn1d", "quick_2d", "own", "random_own", "changed/cnn1d")


class Parsed(Exception):  # noqa: N818
    """Carries the plan out of the command instead of running it."""

    def __init__(self, plan: SearchPlan) -> None:
        self.plan = plan


def capture(plan: SearchPlan, *_: object) -> None:
    raise Parsed(plan)


def parse(words: list[str]) -> SearchPlan:
    """The plan that `serbench search ...` would run."""
    assert words[0] == "serbench"
    with mock.patch.object(serbench.search, "run_search", capture), pytest.raises(Parsed) as caught:
        COMMAND(words[1:], standalone_mode=False)
    return caught.value.plan


def test_a_recorded_space_keeps_the_cores_of_a_split_ratio_that_its_text_has_already(tmp_path) -> None:
    text = TEXT.replace("[parameters]\n", '[parameters]\nsplit_ratio = "60/20/20"\n')
    space = read_space(text, "own", "own").with_split("60/20/20")
    with simulated_study(tmp_path, space) as study:
        again = recorded_space(study.folder, study.record)
    assert again.recorded_cores == ("20", "20")
    assert again.hash == space.hash


def made_up_clips() -> pd.DataFrame:
    rows = [
        {
            "clip_id": f"{speaker}-{sentence}-{label}", "path": f"/{speaker}/{sentence}/{label}.wav", "label": label,
            "speaker": speaker, "sex": ("female", "male")[index % 2], "sentence": sentence,
            "split": "test" if index > 8 else "train", "corpus": "tested" if index > 8 else "learned",
        }
        for index, speaker in enumerate(f"s{number:02d}" for number in range(12))
        for sentence in "abcdef"
        for label in LABELS
    ]  # fmt: skip
    table = clip_table(pd.DataFrame(rows))
    return table.assign(digest=table["clip_id"], duration_s=1.0, sample_rate=16_000, channels=1)


CLIPS = made_up_clips()


def record_of(plan: SearchPlan, warm: str | None = None) -> StudyRecord:
    """The record that a search of the plan begins with, on clips without audio."""
    (space,) = plan.spaces
    protocol = SplitProtocol(
        plan.protocol_of(space), space.test_core, space.validation_core, plan.split_seed, space.speaker_normalisation
    )
    plans = protocol.plans(CLIPS)
    clips = StudyClips(plan.corpus, CLIPS, (), (), digest="made-up", label_source=plan.label_source)
    backend = plan.backend or "tensorflow"
    record = new_study_record(
        plan, space, clips, protocol, plans[-1], folds=len(plans), backend=backend, reads_votes=space.reads_votes
    )
    # As it is read from disk.
    record = StudyRecord.model_validate_json(record.model_dump_json())
    start = None if warm is None else WarmStart(study=warm, configs={})
    return record.model_copy(
        update={"warm_start": start, "init": began_from(plan.init), "teacher": taught_by(plan.teacher)}
    )


def began_from(entry: str | None, *, bundle: bool = False) -> InitFrom | None:
    if entry is None:
        return None
    return InitFrom(
        entry=entry, bundle=bundle, study="s", refit="t0000-a0", family="cnn1d", labels=LABELS, sha256="0", heard=()
    )


def taught_by(entry: str | None) -> TaughtBy | None:
    return None if entry is None else TaughtBy(entry=entry, study="s", trial="t0000", answers="0", share=0.5)


def essence(plan: SearchPlan) -> dict[str, object]:
    """All of a plan that decides what is searched, and what it is called."""
    (space,) = plan.spaces
    protocol, corpus = plan.protocol_of(space), plan.corpus
    return {
        "space": (space.name, space.hash), "budget": plan.budget(space), "protocol": protocol,
        "corpus": (type(corpus), corpus.name, corpus.choice), "data": plan.data and plan.data.resolve(),
        "run": plan.run or derived_run(corpus.name, plan.label_source, protocol),
        "backend": plan.backend or "tensorflow",
        "sampler": plan.sampler or DEFAULT_SAMPLER,
        "precision": choose_precision(plan.precision, plan.backend or "tensorflow"),
        **{name: getattr(plan, name) for name in (
            "labels", "split_seed", "seed", "pruner", "warm_start", "init", "teacher", "workers", "threads",
            "results",
        )},
    }  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Where the tests work: spaces of several names, a folder and a table of recordings, registered corpora."""
    folder = tmp_path
    own = {"own": TEXT, "random_own": TEXT.replace("[protocol]", '[protocol]\nname = "random"')}
    for name, text in own.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    (folder / "changed").mkdir()
    (folder / "changed" / "cnn1d.toml").write_text(TEXT, encoding="utf-8")
    for name in ("my recordings", "more"):
        for label in LABELS:
            (folder / name / label).mkdir(parents=True)
    (folder / "tables").mkdir()
    (folder / "tables" / "calls.csv").write_text("path,label\n", encoding="utf-8")
    monkeypatch.setenv("SERBENCH_CONFIG", str(folder / "config"))
    for name in ("KERAS_BACKEND", "SERBENCH_RESULTS", "SERBENCH_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    for name, pattern in (("kept", None), ("named", "{label}_*")):
        choice = CorpusChoice(name=name, parts=("folder",), names=pattern)
        register_corpus(name, RegisteredCorpus(choice=choice, place=str(folder / "more")), ())
    return folder


NAMED = st.one_of(
    st.just({"corpus": "demo"}),
    st.sampled_from(["kept", "named"]).map(lambda name: {"corpus": name}),
    st.sampled_from(["crema-d", "emo-db", "crema-d+savee", "ravdess+tess+kept"]).map(
        lambda name: {"corpus": name, "data": Path("audio files")}
    ),
    st.sampled_from(["crema-d", "emo-db+savee"]).map(
        lambda name: {"corpus": name, "data": Path("audio"), "test_corpus": "ravdess"}
    ),
)
PLACED = st.tuples(
    st.sampled_from(["my recordings/", "tables/calls.csv"]), st.none() | st.sampled_from(["{speaker}_*", "-{label}-*"])
).map(lambda pair: {"corpus": pair[0], "file_names": pair[1]})
MAPS = st.lists(
    st.sampled_from(
        [
            "big6",
            "joy=happiness",
            "big6,joy=happiness",
            "BIG6",
            "four,joy=calm",
            "calm=neutral,joy=a b",
            "four",
            "joy=x=y",
        ]
    ),
    max_size=2,
).filter(lambda maps: sum("four" in one or "big6" in one.lower() for one in maps) < 2)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "label_map": MAPS.map(tuple),
        "drop": st.lists(st.sampled_from(["calm", "joy,calm", "it's"]), max_size=2).map(tuple),
        "labels": st.sampled_from(["intended", "perceived"]),
        "protocol": st.sampled_from(["speaker", "random", "sentence", "speaker-cv:3", "loso"]),
        "split_ratio": st.sampled_from(["70/10/20", "72/8/20", "60/20/20", "62.5/12.5/25"]),
        "epochs": st.integers(1, 90),
        "max_params": st.integers(1, 10**7),
        "split_seed": st.integers(0, 9),
        "seed": st.integers(0, 9),
        "trials": st.integers(1, 99),
        "finalists": st.integers(0, 9),
        "repeats": st.integers(1, 9),
        "probes": st.integers(0, 9),
        "workers": st.integers(1, 9),
        "threads": st.integers(1, 9),
        "sampler": st.sampled_from(["prior", "tpe", "random"]),
        "pruner": st.sampled_from(["percentile", "median", "hyperband", "none"]),
        "run": st.sampled_from(["mine", "crema-d-speaker", "v1.2+x"]),
        "warm_start": st.just("an-earlier-study"),
        "init": st.just("cnn1d-5ca1ab"),
        "teacher": st.just("cnn2d-c0ffee"),
        "backend": st.sampled_from(["tensorflow", "jax", "torch"]),
        "precision": st.sampled_from(["auto", "float32", "bfloat16"]),
        "results": st.sampled_from([Path("results"), Path("my results")]),
    },
)


@pytest.mark.long
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpus=NAMED | PLACED, options=OPTIONS, space=st.sampled_from(SPACES))
def test_parsing_the_command_of_a_record_gives_the_plan_of_the_record(place, corpus, options, space) -> None:
    if corpus.get("test_corpus"):
        options.pop("protocol", None)
    file = Path(f"{space}.toml")
    asked = SearchRequest(spaces=(str(file) if file.exists() else space,), **corpus, **options)
    plan = parse(asked.argv())
    assert essence(plan) == essence(SearchPlan.of(asked)), "what is asked for in words is what the plan has"

    record = record_of(plan, plan.warm_start)
    again = Path(f"{record.space_name}.toml")
    given_file = place / "again" / again
    given_file.parent.mkdir(exist_ok=True)
    given_file.write_text(record.space_text, encoding="utf-8")
    for words in (
        search_command(record, data=plan.data, results=plan.results),
        search_command(record, space=str(given_file), data=plan.data, results=plan.results),
    ):
        assert not placeholder_note(words)
        if words[2] == str(again):  # the record's own file lies where a person puts it
            words[2] = str(given_file)
        assert essence(parse(words)) == essence(plan)


def command_of(record: StudyRecord, **options) -> list[str]:
    """The command without its precision, which depends on the machine where nobody asks for one."""
    words = search_command(record, **options)
    place = words.index("--precision")
    assert words[place + 1] == record.precision
    return words[:place] + words[place + 2 :]


def plan_for(*words: str) -> SearchPlan:
    return parse(["serbench", "search", *words])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["cnn1d", "--corpus", "demo"], ["cnn1d"]),
        (["cnn1d", "--corpus", "emo-db"], ["cnn1d", "--corpus", "emo-db", "--data", "DIR"]),
        (
            ["cnn1d", "--corpus", "crema-d+emo-db", "--map", "four"],
            ["cnn1d", "--corpus", "crema-d+emo-db", "--data", "DIR", "--map", "four"],
        ),
        (
            ["cnn1d", "--corpus", "crema-d", "--test-corpus", "ravdess"],
            ["cnn1d", "--corpus", "crema-d", "--data", "DIR", "--test-corpus", "ravdess"],
        ),
        (
            ["cnn1d", "--corpus", "my recordings/", "--map", "joy=happiness", "--protocol", "random"],
            ["cnn1d", "--corpus", "PATH", "--map", "joy=happiness", "--protocol", "random", "--study", "RUN"],
        ),
        (["cnn1d", "--corpus", "kept", "--drop", "calm"], ["cnn1d", "--corpus", "kept", "--drop", "calm"]),
    ],
    ids=["demo", "named", "several", "tested on another", "at a path", "registered"],
)
def test_what_no_record_says_is_a_word_to_be_filled_in(place, words, told) -> None:
    record = record_of(plan_for(*words))
    found = command_of(record)
    assert [word if word != record.run else "RUN" for word in found[2:]] == told
    note = placeholder_note(found)
    assert ("DIR" in note, "PATH" in note) == ("DIR" in told, "PATH" in told)
    assert not any(str(place) in word for word in found), "records name no folder of this machine"


def test_an_older_record_was_trained_in_float32_and_repeats_in_it(place) -> None:
    record = record_of(plan_for("cnn1d", "--precision", "bfloat16"))
    assert search_command(record)[3:] == ["--precision", "bfloat16"]
    older = StudyRecord.model_validate(record.model_dump(exclude={"precision"}))
    assert search_command(older)[3:] == ["--precision", "float32"]


def test_the_place_of_a_bundle_is_a_word_to_be_filled_in(place) -> None:
    record = record_of(plan_for("cnn1d", "--corpus", "demo"))
    words = search_command(record.model_copy(update={"init": began_from("cnn1d-5ca1ab", bundle=True)}))
    assert words[words.index("--init") + 1] == "BUNDLE"
    assert placeholder_note(words) == "BUNDLE: the folder of the bundle that the study started from"


def test_a_space_that_is_no_longer_the_same_is_told_as_a_file(place) -> None:
    record = record_of(plan_for("cnn1d", "--corpus", "demo"))
    assert search_command(record)[2] == "cnn1d"
    changed = record_of(plan_for("changed/cnn1d.toml", "--corpus", "demo"))
    assert search_command(changed)[2] == "cnn1d.toml"


def test_a_record_that_does_not_say_its_budget_leaves_it_to_the_space(place) -> None:
    plan = plan_for("cnn1d", "--corpus", "demo", "--trials", "7", "--finalists", "2", "--threads", "3")
    record = record_of(plan)
    assert command_of(record)[3:] == ["--trials", "7", "--finalists", "2", "--threads", "3"]
    older = StudyRecord.model_validate(record.model_dump(exclude={"asked"}))
    assert command_of(older)[3:] == ["--shortlist", "0"], "there was no shortlist then"
    assert command_of(older, trials=9)[3:] == ["--trials", "9", "--shortlist", "0"]


def test_a_study_that_goes_on_keeps_what_the_last_search_asked_for(place, tmp_path) -> None:
    from contextlib import closing

    from serbench.records import ResultsFolder
    from serbench.search import Study

    plan = plan_for("cnn1d", "--corpus", "demo", "--trials", "7")
    results = ResultsFolder(tmp_path)
    results.prepare()
    (space,) = plan.spaces
    protocol = SplitProtocol("speaker", space.test_core, space.validation_core)
    (split_plan,) = protocol.plans(CLIPS)
    first = record_of(plan)
    for trials in (7, 20):
        record = record_of(replace(plan, trials=trials))
        with closing(Study.open(results, record, space, CLIPS, split_plan)) as study:
            assert study.record.asked is not None
            assert study.record.asked.trials == trials
    kept = results.study(first.name).record()
    assert isinstance(kept.asked, AskedBudget)
    assert kept.asked.trials == 20
    assert kept.identity != record.identity, "it is the study that was begun, under another budget"


@pytest.mark.parametrize("protocol", ["speaker", "random", "loso"])
def test_a_test_corpus_is_tested_whole_or_not_at_all(protocol) -> None:
    with pytest.raises(UsageError, match=f"--protocol {protocol} tests a part of all clips"):
        SearchPlan.of(SearchRequest(corpus="demo", test_corpus="emo-db", protocol=protocol))
