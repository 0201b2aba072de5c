"""A fork keeps what still holds under a changed space, refuses what would not compare, and is whole or not there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tiers import starts_children
from typer.testing import CliRunner

from serbench.cli.main import app
from serbench.errors import UsageError
from serbench.records import ResultsFolder
from serbench.search import fork as fork_module
from serbench.search import run_search
from serbench.search.fork import fork_study
from serbench.spaces import SearchSpace, load_space
from serbench.spaces.space import Enqueued

SOURCE = "source-tiny_cnn1d"


@pytest.fixture(scope="module")
def _made(tmp_path_factory) -> dict[str, Path]:
    return {}


@pytest.fixture
@starts_children
def results(_made, make_plan, tmp_path, tmp_path_factory) -> ResultsFolder:
    """A copy of one search of three trials, whose records a test may change."""
    if not _made:
        _made["root"] = tmp_path_factory.mktemp("fork") / "results"
        run_search(make_plan(results=_made["root"], run="source", trials=3, finalists=1, repeats=1, probes=1))
    return ResultsFolder(shutil.copytree(_made["root"], tmp_path / "copied"))


@pytest.fixture
def space(tiny_space) -> SearchSpace:
    return load_space(tiny_space())


def change(results: ResultsFolder, job_id: str, **values) -> None:
    path = results.study(SOURCE).job_path("search", job_id) / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def left_out(made) -> dict[str, str]:
    return {one.job_id: one.about for one in made.left_out}


def narrowed(results: ResultsFolder, tiny_space) -> tuple[SearchSpace, set[str]]:
    """A space that holds all but the highest learning rate of the three, and the trials that it holds."""
    rates = {fit.job_id: fit.config["learning_rate"] for fit in results.study(SOURCE).jobs("search")}
    middle, high = sorted(rates.values())[-2:]
    path = tiny_space()
    text = path.read_text(encoding="utf-8").replace("high = 1e-2", f"high = {(middle + high) / 2}")
    path.write_text(text, encoding="utf-8")
    return load_space(path), {job for job, rate in rates.items() if rate < high}


@pytest.mark.slow
def test_trials_that_fit_are_kept_as_they_were(results, tiny_space) -> None:
    space, fitting = narrowed(results, tiny_space)
    made = fork_study(results, SOURCE, space, "fork")
    old, new = results.study(SOURCE), results.existing_study("fork-tiny_cnn1d")
    assert set(made.kept) == set(new.job_ids("search")) == fitting
    assert set(left_out(made).values()) == {"learning_rate"}
    assert made.counted == 2
    for job_id in made.kept:
        before, after = old.job("search", job_id), new.job("search", job_id)
        assert after == before.model_copy(update={"study": "fork-tiny_cnn1d", "number": None})
        where = "predictions.parquet"
        assert (new.job_path("search", job_id) / where).read_bytes() == (
            old.job_path("search", job_id) / where
        ).read_bytes()


@pytest.mark.slow
def test_a_fork_is_a_study_of_its_own(results, tiny_space, tone_corpus) -> None:
    space, _ = narrowed(results, tiny_space)
    fork_study(results, SOURCE, space, "fork")
    old, new = (results.study(name) for name in (SOURCE, "fork-tiny_cnn1d"))
    before, after = old.record(), new.record()
    assert (after.parent, after.run, after.space_hash) == (SOURCE, "fork", space.hash)
    assert after.identity != before.identity
    assert after.asked.shortlist == space.budget.shortlist, "the command that goes on says nothing of it"
    assert after.space == json.loads(json.dumps(space.describe()))
    for name in ("family", "corpus", "protocol", "seed", "sampler", "pruner", "features", "environment"):
        assert getattr(after, name) == getattr(before, name), name
    assert new.clips().equals(old.clips())
    assert new.remembered_data() == tone_corpus
    assert {path.name for path in new.path.iterdir()} == {"study.json", "clips.parquet", "local.json", "trials"}
    assert list(old.jobs("refit")), "what stays behind was there"
    assert list(old.jobs("probe"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epochs": "4"}, "training epochs: 3 -> 4"),
        ({"patience": "2"}, "training patience: 3 -> 2"),
        ({"duration_s": "0.5"}, "features duration_s: 0.6 -> 0.5"),
        ({"family": '"cnn2d"'}, "family cnn1d -> cnn2d"),
    ],
)
@pytest.mark.slow
def test_scores_that_would_not_compare_are_refused_with_the_difference(results, tiny_space, changes, told) -> None:
    family = "cnn2d" if "family" in changes else "cnn1d"
    path = tiny_space(family, **{name: value for name, value in changes.items() if name != "family"})
    with pytest.raises(UsageError, match=re.escape(told)):
        fork_study(results, SOURCE, load_space(path), "fork")
    assert [folder.path.name for folder, _ in results.studies()] == [SOURCE]


@pytest.mark.slow
def test_other_cores_are_refused(results, tiny_space) -> None:
    path = tiny_space()
    path.write_text(path.read_text(encoding="utf-8") + "\n[protocol]\ntest_core = 10\n", encoding="utf-8")
    with pytest.raises(UsageError, match="protocol test_core: 20 -> 10"):
        fork_study(results, SOURCE, load_space(path), "fork")


@pytest.mark.slow
def test_what_the_next_search_would_refuse_is_refused(results, tiny_space) -> None:
    path = tiny_space()
    path.write_text(path.read_text(encoding="utf-8") + "\n[protocol]\nspeaker_normalisation = true\n", encoding="utf-8")
    with pytest.raises(UsageError, match="protocol speaker_normalisation: False -> True"):
        fork_study(results, SOURCE, load_space(path), "fork")
    text = tiny_space().read_text(encoding="utf-8").replace("[parameters]\n", "[parameters]\nsoft_labels = 0.5\n")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="soft_labels: not used -> used"):
        fork_study(results, SOURCE, load_space(path), "fork")


@pytest.mark.slow
def test_a_limit_on_parameters_leaves_out_larger_trials_only(results, space) -> None:
    for job_id, size in (("t0000", 500), ("t0001", 2000), ("t0002", 1000)):
        change(results, job_id, parameters=size)
    made = fork_study(results, SOURCE, space.with_training(max_parameters=1000), "fork")
    assert made.kept == ("t0000", "t0002")
    assert left_out(made) == {"t0001": "max_parameters"}


@pytest.mark.slow
def test_trials_are_kept_only_where_they_would_end_so_again(results, space) -> None:
    failed = {"value": None, "epochs": [], "scores": {}}
    change(results, "t0000", state="invalid", parameters=300_000, **failed)  # over 200,000
    change(results, "t0001", state="interrupted", **failed)
    change(results, "t0002", state="timeout", **failed)
    same = fork_study(results, SOURCE, space, "same")
    assert (same.kept, same.counted) == (("t0000", "t0002"), 1)
    assert left_out(same) == {"t0001": "interrupted"}
    change(results, "t0001", state="crashed", **failed)
    larger = fork_study(results, SOURCE, space.with_training(max_parameters=400_000), "larger")
    assert left_out(larger) == {"t0000": "max_parameters"}
    slower = fork_study(results, SOURCE, space.with_training(trial_timeout_s=100.0), "slower")
    assert left_out(slower) == {"t0002": "trial_timeout_s"}


@pytest.mark.slow
def test_a_known_configuration_of_the_same_name_but_other_values_is_still_tried(results, space) -> None:
    config = results.study(SOURCE).job("search", "t0000").config
    change(results, "t0000", origin="mine")
    change(results, "t0001", origin="other")
    enqueued = (Enqueued("mine", config | {"width": 24 - config["width"]}), Enqueued("other", config))
    changed = SearchSpace(**{**vars(space), "enqueued": enqueued})
    fork_study(results, SOURCE, changed, "fork")
    kept = {fit.job_id: fit.origin for fit in results.study("fork-tiny_cnn1d").jobs("search")}
    assert kept["t0000"] == f"mine of {SOURCE}"
    fork_study(results, SOURCE, SearchSpace(**{**vars(space), "enqueued": (Enqueued("mine", config),)}), "same")
    assert results.study("same-tiny_cnn1d").job("search", "t0000").origin == "mine"


@pytest.mark.slow
def test_nothing_to_keep_is_refused(results, tiny_space) -> None:
    with pytest.raises(UsageError, match=r"no trial of study .* fits .*depth = 1 is not in"):
        fork_study(results, SOURCE, load_space(tiny_space(depth="2")), "fork")
    assert [folder.path.name for folder, _ in results.studies()] == [SOURCE]


@pytest.mark.slow
def test_a_name_that_is_taken_is_refused(results, space) -> None:
    before = results.study(SOURCE).record()
    with pytest.raises(UsageError, match="exists already; name another study with --study"):
        fork_study(results, SOURCE, space, "source")
    assert results.study(SOURCE).record() == before
    with pytest.raises(UsageError, match="may hold letters"):
        fork_study(results, SOURCE, space, "../up")
    with pytest.raises(UsageError, match=f"did you mean '{SOURCE}'"):
        fork_study(results, SOURCE[:-1], space, "fork")


@pytest.mark.slow
def test_a_fork_that_is_broken_off_leaves_nothing(results, space, monkeypatch) -> None:
    copied = []

    def fail(source: Path, target: Path) -> None:
        copied.append(target)
        if len(copied) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(fork_module.shutil, "copyfile", fail)
    with pytest.raises(KeyboardInterrupt):
        fork_study(results, SOURCE, space, "fork")
    assert [path.name for path in (results.root / "studies").iterdir() if path.name != ".lock"] == [SOURCE]
    monkeypatch.undo()
    killed = results.root / "studies" / ".fork-tiny_cnn1d.abc.tmp"
    shutil.copytree(results.study(SOURCE).path, killed)
    assert [folder.path.name for folder, _ in results.studies()] == [SOURCE]
    fork_study(results, SOURCE, space, "fork")
    assert not killed.exists(), "what a kill left is cleared away"


@pytest.mark.slow
def test_a_damaged_trial_is_named(results, space) -> None:
    from serbench.errors import SerbenchError

    change(results, "t0001", seed="seven")
    with pytest.raises(SerbenchError, match=r"t0001/record\.json is damaged \(seed"):
        fork_study(results, SOURCE, space, "fork")
    assert not results.study("fork-tiny_cnn1d").path.exists()


@pytest.mark.slow
def test_the_command_that_is_printed_goes_on_with_the_fork(results, tiny_space, tone_corpus) -> None:
    """Run as printed, it finds the fork and asks for more trials than that has."""
    space = tiny_space()
    ran = CliRunner().invoke(
        app, ["study", "fork", SOURCE, "--space", str(space), "--study", "fork", "--results", str(results.root)]
    )
    assert ran.exit_code == 0, ran.output
    assert shlex.split(ran.stdout) == [
        "serbench", "search", str(space), "--corpus", "crema-d", "--data", str(tone_corpus), "--trials", "6",
        "--study", "fork", "--precision", results.study(SOURCE).record().precision, "--results", str(results.root),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_command_leaves_trials_to_the_space_where_the_fork_has_fewer(results, tiny_space) -> None:
    space = tiny_space(trials="30")
    words = ["study", "fork", SOURCE, "--space", str(space), "--study", "fork", "--results", str(results.root)]
    assert "--trials" not in CliRunner().invoke(app, words).stdout


@pytest.mark.children
@pytest.mark.slow
def test_the_command_has_the_epochs_that_the_fork_was_asked_for_with(make_plan, tiny_space) -> None:
    """They are part of what a study is: without them the search would refuse to go on."""
    plan = make_plan(run="source", trials=1, finalists=0)
    shorter = replace(plan, spaces=tuple(space.with_training(epochs=2) for space in plan.spaces))
    run_search(shorter)
    words = ["study", "fork", SOURCE, "--space", str(tiny_space()), "--epochs", "2", "--results", str(plan.results)]
    found = shlex.split(CliRunner().invoke(app, [*words, "--study", "fork"]).stdout)
    assert found[found.index("--epochs") + 1] == "2"
