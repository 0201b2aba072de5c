"""Studies that start from a trained network, and students of a teacher: by real, tiny searches."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from tiers import starts_children

from serbench.corpora import choose_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.export import export_bundle
from serbench.records import ResultsFolder, StudyFolder, StudyRecord
from serbench.results import Results
from serbench.search import fork_study, replay_trial, run_search, search_command
from serbench.search.transfer.teacher import recorded_teacher
from serbench.spaces import load_space

pytestmark = pytest.mark.slow  # searches of a minute; quick tests have heard speakers, weights and teachers

FIRST, STUDENT, HEIR = "first-tiny_cnn1d", "student-tiny_cnn1d", "heir-tiny_cnn1d"


@pytest.fixture(scope="module")
def _made(tmp_path_factory) -> dict[str, Path]:
    return {}


@pytest.fixture
def plan(make_plan, tiny_space):
    """Plans of one trial and one final run."""

    def make(**parts):
        return make_plan(space=tiny_space(width="8"), **({"trials": 1, "shortlist": 0, "repeats": 1} | parts))

    return make


@pytest.fixture
@starts_children
def results(_made, plan, tmp_path, tmp_path_factory) -> ResultsFolder:
    """A copy of three searches: one with out-of-fold answers, its student, and one that starts from its network."""
    if not _made:
        root = _made["root"] = tmp_path_factory.mktemp("transfer") / "results"
        run_search(plan(results=root, run="first", shortlist=1))
        network, _ = entries(ResultsFolder(root).study(FIRST))
        run_search(plan(results=root, run="student", teacher=network))
        run_search(plan(results=root, run="heir", init=network))
    return ResultsFolder(shutil.copytree(_made["root"], tmp_path / "copied"))


def entries(folder: StudyFolder) -> tuple[str, str | None]:
    """The entry of a single network, and that of the bag."""
    found = list(folder.entries())
    bags = [one.entry_id for one in found if one.bag]
    return next(one.entry_id for one in found if not one.bag), bags[0] if bags else None


def networks(results: ResultsFolder) -> str:
    return entries(results.study(FIRST))[0]


def test_the_records_say_what_was_taken_over(results) -> None:
    first, student, heir = (results.study(name).record() for name in (FIRST, STUDENT, HEIR))
    assert (first.init, first.teacher) == (None, None)
    taught = student.teacher
    assert (taught.entry, taught.study, taught.share) == (networks(results), FIRST, 0.5)
    assert taught.trial == results.study(FIRST).entry(networks(results)).shortlisted
    began = heir.init
    assert (began.entry, began.bundle, began.study, began.labels) == (
        networks(results),
        False,
        FIRST,
        first.corpus.labels,
    )
    assert began.refit in results.study(FIRST).job_ids("refit")
    assert [one.study for one in began.heard] == [FIRST]
    assert student.init is None
    assert heir.teacher is None


def test_fits_copy_all_weights_of_the_same_configuration_and_say_so(results) -> None:
    for kind in ("search", "refit"):
        for fit in results.study(HEIR).jobs(kind):
            assert fit.copied_parameters == fit.parameters
        for fit in results.study(STUDENT).jobs(kind):
            assert fit.copied_parameters is None


def test_what_is_taken_over_changes_the_fit(results) -> None:
    """The first trials of the three studies have one configuration and one seed."""
    trials = [results.study(name).job("search", "t0000") for name in (FIRST, STUDENT, HEIR)]
    assert trials[0].config == trials[1].config == trials[2].config
    assert len({trial.seed for trial in trials}) == 1
    assert len({trial.epochs[0].loss for trial in trials}) == 3
    assert trials[2].epochs[0].loss < trials[0].epochs[0].loss


def test_the_answers_of_a_teacher_are_those_of_its_clips_and_of_no_test_clip(results) -> None:
    student = results.study(STUDENT).record()
    teacher = recorded_teacher(results, student, student.teacher)
    folder = results.study(FIRST)
    answers = folder.out_of_fold(student.teacher.trial).set_index("clip_id")
    tested = set(folder.predictions("refit", folder.job_ids("refit")[0]).query("subset == 'test'")["clip_id"])
    assert tested
    assert not tested & set(teacher.answers)
    assert set(teacher.answers) == set(folder.clips()["clip_id"]) - tested
    ids = list(answers.index[::-1])
    found = teacher.rows(ids, student.corpus.labels)
    names = [f"p_{label}" for label in student.corpus.labels]
    assert np.allclose(found, answers.loc[ids, names].to_numpy())


@pytest.mark.children
@pytest.mark.parametrize(("study", "job_id"), [(STUDENT, "t0000"), (STUDENT, "t0000-r0"), (HEIR, "t0000")])
def test_a_replay_repeats_what_was_taken_over(results, study, job_id) -> None:
    found = replay_trial(results, study, job_id)
    assert found.error is None
    assert found.repeated
    assert found.largest_difference == 0


@pytest.mark.children
def test_a_replay_without_the_teacher_or_the_network_is_one_sentence(results) -> None:
    results.remove_study(FIRST)
    with pytest.raises(SerbenchError, match="learns from the out-of-fold answers of entry") as caught:
        replay_trial(results, STUDENT, "t0000")
    assert "no longer in" in str(caught.value)
    with pytest.raises(SerbenchError, match=r"start from the weights of entry .* no longer where it was"):
        replay_trial(results, HEIR, "t0000")


def fewer(corpus: Path, place: Path) -> Path:
    """The corpus without one clip."""
    shutil.copytree(corpus, place)
    next(iter(sorted(place.glob("*.wav")))).unlink()
    return place


def louder(corpus: Path, place: Path) -> Path:
    """Other recordings under the same names."""
    place.mkdir()
    for path in corpus.glob("*.wav"):
        wave, rate = soundfile.read(path)
        soundfile.write(place / path.name, 1.5 * wave, rate)
    return place


def spoil(results: ResultsFolder) -> None:
    for path in (results.study(FIRST).path / "shortlist").glob("*.parquet"):
        table = pd.read_parquet(path)
        table.assign(p_anger=table["p_anger"] / 2).to_parquet(path)
    for path in (results.study(FIRST).path / "refits").glob("*/model.keras"):
        path.write_bytes(path.read_bytes() + b"more")


@pytest.mark.children
def test_answers_and_weights_that_have_changed_are_refused(results) -> None:
    spoil(results)
    with pytest.raises(SerbenchError, match="have changed since"):
        replay_trial(results, STUDENT, "t0000")
    with pytest.raises(SerbenchError, match="no longer where it was"):
        replay_trial(results, HEIR, "t0000")


@pytest.mark.children
def test_a_study_goes_on_only_with_what_it_began_with(results, plan) -> None:
    network = networks(results)
    other, _ = entries(results.study(STUDENT))
    for run, parts, change in (
        ("student", {}, f"teacher: {network} -> none"),
        ("heir", {}, f"init: {network} -> none"),
        ("heir", {"init": other}, f"init: {network} -> {other}"),
        ("first", {"init": network, "shortlist": 1}, f"init: none -> {network}"),
        ("first", {"teacher": network, "shortlist": 1}, f"teacher: none -> {network}"),
    ):
        with pytest.raises(UsageError, match=f"was begun with other settings: {change}"):
            run_search(plan(results=results.root, run=run, **parts))


@pytest.mark.children
def test_the_same_command_goes_on_and_repeats_nothing(results, plan) -> None:
    files = {path: path.stat().st_mtime_ns for path in results.root.rglob("record.json")}
    run_search(plan(results=results.root, run="student", teacher=networks(results)))
    run_search(plan(results=results.root, run="heir", init=networks(results)))
    assert {path: path.stat().st_mtime_ns for path in results.root.rglob("record.json")} == files


@pytest.mark.children
@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"split_seed": 1}, "has another split .*split seed 0; here .*split seed 1"),
        ({"protocol": "random"}, "has another split .*protocol speaker.*here protocol random"),
        ({"protocol": "speaker-cv:3"}, "has another split"),
    ],
)
def test_a_teacher_of_another_split_is_refused(results, plan, parts, sentence) -> None:
    with pytest.raises(UsageError, match=sentence):
        run_search(plan(results=results.root, run="new", teacher=networks(results), **parts))
    assert not results.study("new-tiny_cnn1d").path.exists()


@pytest.mark.children
def test_a_teacher_of_other_clips_or_without_answers_is_refused(results, plan, tone_corpus, tmp_path) -> None:
    other = fewer(tone_corpus, tmp_path / "other" / "AudioWAV")
    with pytest.raises(UsageError, match="has other clips"):
        run_search(plan(results=results.root, run="new", teacher=networks(results), data=other))
    plain, _ = entries(results.study(STUDENT))
    with pytest.raises(UsageError, match="has no out-of-fold answers"):
        run_search(plan(results=results.root, run="new", teacher=plain))
    with pytest.raises(UsageError, match="unknown entry"):
        run_search(plan(results=results.root, run="new", teacher="cnn1d-zzz"))


@pytest.mark.children
def test_a_teacher_that_started_from_its_own_clips_is_refused(results, plan) -> None:
    path = results.study(FIRST).record_path
    heir = results.study(HEIR).record()
    results.study(FIRST).record().model_copy(update={"init": heir.init}).save(path)
    with pytest.raises(UsageError, match="its answers are not out of fold"):
        run_search(plan(results=results.root, run="new", teacher=networks(results)))


@pytest.mark.children
@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"split_seed": 1}, r"has heard 1 test speaker \(1011\), so"),
        ({"protocol": "random"}, "has heard .* test speakers"),
        ({"protocol": "loso"}, "has heard 1 test speaker .* of fold "),
    ],
)
def test_a_network_that_has_heard_a_test_speaker_is_refused(results, plan, parts, sentence) -> None:
    with pytest.raises(UsageError, match=sentence):
        run_search(plan(results=results.root, run="new", init=networks(results), **parts))
    assert not list((results.root / "studies").glob("new*"))


@pytest.mark.children
def test_a_network_that_cannot_be_started_from_is_refused(results, make_plan, plan, tiny_space, tmp_path) -> None:
    network, bag = entries(results.study(FIRST))
    with pytest.raises(UsageError, match="is the mean of several networks"):
        run_search(plan(results=results.root, run="new", init=bag))
    with pytest.raises(UsageError, match="is of family cnn1d and space 'tiny_cnn2d' searches cnn2d"):
        run_search(make_plan(space=tiny_space("cnn2d"), results=results.root, run="new", init=network))
    with pytest.raises(UsageError, match="is no bundle"):
        run_search(plan(results=results.root, run="new", init=str(tmp_path)))
    with pytest.raises(UsageError, match="unknown entry"):
        run_search(plan(results=results.root, run="new", init="cnn1d-zzz"))


@pytest.mark.children
def test_all_spaces_are_checked_before_the_first_is_searched(results, plan, tiny_space) -> None:
    both = tuple(load_space(tiny_space(family)) for family in ("cnn1d", "cnn2d"))
    with pytest.raises(UsageError, match="is of family cnn1d"):
        run_search(plan(results=results.root, run="new", spaces=both, init=networks(results)))
    assert not list((results.root / "studies").glob("new*"))


@pytest.mark.children
def test_a_network_of_another_corpus_is_started_from_with_new_classes(results, plan, tone_corpus, tmp_path) -> None:
    """The other corpus has the same speakers by name, and its own words for the emotions."""
    place = louder(tone_corpus, tmp_path / "tones")
    corpus, data = choose_corpus(str(place), None, names="{speaker}_{sentence}_{label}_*")
    parts = {"results": results.root, "run": "abroad", "corpus": corpus, "data": data, "init": networks(results)}
    run_search(plan(**parts, split_seed=1, finalists=0))
    folder = results.study("abroad-tiny_cnn1d")
    assert len(folder.record().corpus.labels) == 6
    assert folder.record().corpus.labels != results.study(FIRST).record().corpus.labels
    (trial,) = folder.jobs("search")
    assert 0 < trial.copied_parameters < trial.parameters


def made_up_bundle(results: ResultsFolder, place: Path, **changes) -> Path:
    """A bundle with what `--init` reads of it."""
    folder = results.study(FIRST)
    record, refit = folder.record(), folder.entry(networks(results)).refits[0]
    place.mkdir()
    shutil.copy(folder.model_path(refit), place / "model.keras")
    facts = {
        "schema_version": 1, "entry": networks(results), "study": FIRST, "refit": refit, "family": "cnn1d",
        "labels": record.corpus.labels, "corpus": record.corpus.model_dump(mode="json"),
        "protocol": record.protocol.model_dump(mode="json"),
        "model_sha256": hashlib.sha256((place / "model.keras").read_bytes()).hexdigest(),
    }  # fmt: skip
    (place / "bundle.json").write_text(json.dumps(facts | changes), encoding="utf-8")
    return place


@pytest.mark.children
def test_a_bundle_that_may_have_heard_a_test_speaker_is_refused(results, plan, tmp_path) -> None:
    bundle, elsewhere = str(made_up_bundle(results, tmp_path / "bundle")), tmp_path / "elsewhere"
    with pytest.raises(UsageError, match="without study 'first-tiny_cnn1d' in this results folder nothing says"):
        run_search(plan(results=elsewhere, run="new", init=bundle, split_seed=1))
    with pytest.raises(UsageError, match=r"bundle '.*' has heard 1 test speaker"):
        run_search(plan(results=results.root, run="new", init=bundle, split_seed=1))
    bag = made_up_bundle(results, tmp_path / "bag", refit="t0000-bag")
    with pytest.raises(UsageError, match="is the mean of several networks"):
        run_search(plan(results=elsewhere, run="new", init=str(bag)))
    folds = made_up_bundle(results, tmp_path / "folds", joined=[{"fold": 1}, {"fold": 2}])
    with pytest.raises(UsageError, match="is the mean of several networks"):
        run_search(plan(results=elsewhere, run="new", init=str(folds)))
    (tmp_path / "bundle" / "model.keras").write_bytes(b"another")
    with pytest.raises(SerbenchError, match="is not the file that was exported"):
        run_search(plan(results=elsewhere, run="new", init=bundle))


@pytest.mark.slow
def test_a_bundle_is_started_from_and_found_again(results, plan, tone_corpus, tmp_path) -> None:
    bundle, elsewhere = tmp_path / "bundle", ResultsFolder(tmp_path / "elsewhere")
    exported = export_bundle(Results(results.root), networks(results), bundle, data=tone_corpus)
    run_search(plan(results=elsewhere.root, run="new", init=str(bundle), finalists=0))
    folder = elsewhere.study("new-tiny_cnn1d")
    record = folder.record()
    assert (record.init.bundle, record.init.entry, record.init.sha256) == (True, exported.entry, exported.model_sha256)
    assert str(tmp_path) not in folder.record_path.read_text(encoding="utf-8")
    words = search_command(record)
    assert words[words.index("--init") + 1] == "BUNDLE"
    assert replay_trial(elsewhere, "new-tiny_cnn1d", "t0000").repeated
    bundle.rename(tmp_path / "moved")
    with pytest.raises(SerbenchError, match="start from the weights of bundle of entry"):
        replay_trial(elsewhere, "new-tiny_cnn1d", "t0000")


def test_a_fork_keeps_what_its_trials_were_trained_with(results, tiny_space) -> None:
    space = load_space(tiny_space(width="8"))
    for name, option in ((STUDENT, "--teacher"), (HEIR, "--init")):
        fork = fork_study(results, name, space, f"fork{option}")
        record = results.study(fork.record.name).record()
        assert (record.init, record.teacher) == (
            results.study(name).record().init,
            results.study(name).record().teacher,
        )
        words = search_command(record)
        assert words[words.index(option) + 1] == networks(results)


def test_the_report_of_a_study_says_what_was_taken_over(results) -> None:
    found = Results(results.root)
    assert found.study_report(STUDENT).teacher == found.study_report(HEIR).init == networks(results)
    assert (found.study_report(FIRST).teacher, found.study_report(FIRST).init) == (None, None)


def test_the_leaderboard_says_which_entries_build_on_others(results) -> None:
    notes = Results(results.root).board().notes
    student, heir = (entries(results.study(name))[0] for name in (STUDENT, HEIR))
    assert any(f"{student}: distilled from the out-of-fold answers of {networks(results)}" in note for note in notes)
    assert any(
        f"{heir}: training started from the weights of {networks(results)} (trained on" in note for note in notes
    )
    assert sum("distilled" in note or "training started" in note for note in notes) == 2


def test_a_record_survives_json(results) -> None:
    for name in (STUDENT, HEIR):
        record = results.study(name).record()
        assert StudyRecord.model_validate(json.loads(record.model_dump_json())) == record
