"""`serbench study list|show|remove`: what is told of studies, and what is never touched."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import filelock
import pytest

from serbench.records import ResultsFolder
from serbench.records.states import STATES

NAME = "crema-d-speaker-tiny_cnn1d"

LIST_KEYS = {
    "name", "run", "family", "space", "corpus", "protocol", "fold", "seed", "trials", "validation_uar", "entries",
    "parent", "created", "last_activity", "running",
}  # fmt: skip
SHOW_KEYS = {
    "schema_version", "name", "running", "family", "space", "space_hash", "corpus", "protocol", "protocol_hash", "seed",
    "sampler", "pruner", "parent", "warm_start", "init", "teacher", "environment", "created", "last_activity", "uar",
    "accuracy", "macro_f1", "validation_uar", "counted", "states", "refit_states", "broken_off", "failures", "trials",
    "probes", "refits", "entries", "folder", "files",
}  # fmt: skip


@pytest.fixture
def mine(searched: Path, tmp_path: Path) -> Path:
    """A copy of the search's results that a test may spoil."""
    return shutil.copytree(searched, tmp_path / "results")


def listed(serbench, results: Path) -> list[dict]:
    return json.loads(serbench("study", "list", "--results", results, "--format", "json").out)["rows"]


def shown(serbench, results: Path, name: str = NAME) -> dict:
    return json.loads(serbench("study", "show", name, "--results", results, "--format", "json").out)


def change(path: Path, **values) -> None:
    """Edits a record by hand."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_list_has_every_study_with_stable_keys(serbench, searched) -> None:
    rows = listed(serbench, searched)
    assert [row["name"] for row in rows] == [NAME, "crema-d-speaker-tiny_cnn2d"]
    assert all(row.keys() >= LIST_KEYS for row in rows)
    assert [(row["family"], row["trials"], row["entries"], row["running"]) for row in rows] == [
        ("cnn1d", 2, 1, False), ("cnn2d", 2, 1, False),
    ]  # fmt: skip
    fits = [fit.value for fit in ResultsFolder(searched).study(NAME).jobs("search") if fit.state == "completed"]
    assert rows[0]["validation_uar"] == max(fits)
    out = serbench("study", "list", "--results", searched).out
    assert all(row["name"] in out for row in rows)


def test_a_study_that_a_process_runs_is_marked(serbench, mine) -> None:
    with filelock.FileLock(mine / "studies" / NAME / ".lock"):
        assert [row["running"] for row in listed(serbench, mine)] == [True, False]
        assert "running now" in serbench("study", "show", NAME, "--results", mine).out
    assert [row["running"] for row in listed(serbench, mine)] == [False, False]


def test_broken_off_fits_that_are_no_trials_are_not_counted_among_them(serbench, mine) -> None:
    folder = ResultsFolder(mine).study(NAME)
    for kind, job_id in (("search", "t0000"), ("refit", folder.job_ids("refit")[0])):
        record = folder.job(kind, job_id).model_copy(update={"state": "interrupted", "scores": {}, "digests": None})
        folder.publish_job(record)
    assert shown(serbench, mine)["broken_off"] == 1


def test_one_damaged_study_hides_no_other(serbench, mine) -> None:
    (mine / "studies" / NAME / "study.json").write_text("{", encoding="utf-8")
    ran = serbench("study", "list", "--results", mine, "--format", "json")
    assert ran.code == 0
    assert [row["family"] for row in json.loads(ran.out)["rows"]] == ["cnn2d"]
    assert f"{NAME}/study.json is not a serbench record" in ran.err
    leaderboard = serbench("leaderboard", "--results", mine)
    assert leaderboard.code == 0
    assert f"studies/{NAME}/study.json" in "".join(leaderboard.out.split()), "a ranking of the rest says so"
    choice = serbench("export", "--results", mine, "--to", mine / "bundle")
    assert (choice.code, f"{NAME}/study.json" in choice.sentence) == (1, True)
    ran = serbench("study", "show", NAME, "--results", mine)
    assert (ran.code, "is not a serbench record" in ran.sentence) == (1, True)


def test_half_made_studies_are_none(serbench, mine) -> None:
    shutil.copytree(mine / "studies" / NAME, mine / "studies" / ".fork.abc.tmp")
    assert len(listed(serbench, mine)) == 2


def test_looking_writes_nothing(serbench, searched) -> None:
    before = everything(searched)
    listed(serbench, searched)
    shown(serbench, searched)
    assert everything(searched) == before


def test_show_tells_what_came_of_a_study(serbench, searched) -> None:
    study = shown(serbench, searched)
    assert study.keys() >= SHOW_KEYS
    assert (study["family"], study["corpus"], study["protocol"], study["seed"]) == ("cnn1d", "crema-d", "speaker", 0)
    assert study["counted"] == sum(study["states"].values()) == len(study["trials"]) == 2
    assert [entry["selected"] for entry in study["entries"]] == [True]
    row = next(
        row for row in json.loads(serbench("leaderboard", "--results", searched, "--format", "json").out)["rows"]
        if row["family"] == "cnn1d"
    )  # fmt: skip
    for key in ("uar", "accuracy", "macro_f1"):
        assert study[key] == study["entries"][0][key] == row[key]
    assert study["trials"][0]["config"]["depth"] == 1
    assert {fit["kind"] for fit in study["refits"]} == {"refit"}


@pytest.mark.parametrize("columns", [80, 120])
def test_show_fits_the_screen(serbench, searched, monkeypatch, columns) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = serbench("study", "show", NAME, "--results", searched).out
    long = [line for line in out.splitlines() if len(line) > columns and str(searched) not in line]
    assert not long
    assert "learning rate" in out
    assert "Entries" in out


def test_failures_are_grouped_and_states_keep_the_order_of_the_table(serbench, mine) -> None:
    trials = mine / "studies" / NAME / "trials"
    for number in range(2, 7):
        shutil.copytree(trials / "t0000", trials / f"t{number:04}")
        ended = {"state": "crashed", "value": None, "error": "ValueError: no such layer", "error_kind": "ValueError"}
        change(trials / f"t{number:04}" / "record.json", job_id=f"t{number:04}", **ended)
    change(trials / "t0006" / "record.json", state="invalid", error="too large")
    change(trials / "t0005" / "record.json", state="pruned", value=0.99, error=None)
    study = shown(serbench, mine)
    assert list(study["states"]) == [state for state in STATES if state in study["states"]]
    assert study["states"] == {"completed": 2, "pruned": 1, "crashed": 3, "invalid": 1}
    assert study["counted"] == 6, "an invalid trial does not count"
    assert [(row["state"], row["count"], row["jobs"]) for row in study["failures"]] == [
        ("crashed", 3, ["t0002", "t0003", "t0004"]), ("invalid", 1, ["t0006"]),
    ]  # fmt: skip
    assert study["validation_uar"] < 0.99, "a pruned trial's score is of fewer epochs"
    out = serbench("study", "show", NAME, "--results", mine).out
    assert "ValueError: no such layer" in out


def test_a_damaged_trial_is_named_and_the_rest_is_shown(serbench, mine) -> None:
    (mine / "studies" / NAME / "trials" / "t0001" / "record.json").write_text('{"schema_version": 1}')
    ran = serbench("study", "show", NAME, "--results", mine, "--format", "json")
    assert ran.code == 0
    assert [trial["job_id"] for trial in json.loads(ran.out)["trials"]] == ["t0000"]
    assert "t0001/record.json is damaged" in ran.err


@pytest.mark.parametrize("command", ["show", "remove"])
def test_an_unknown_study_is_answered_with_the_nearest(serbench, searched, command) -> None:
    ran = serbench("study", command, "crema-d-speaker-tiny_cnn1", "--results", searched)
    assert (ran.code, f"did you mean '{NAME}'?" in ran.sentence) == (2, True)
    assert serbench("study", command, f"../studies/{NAME}", "--results", searched).code == 2


def test_no_studies_say_what_to_run(serbench, tmp_path) -> None:
    ran = serbench("study", "list", "--results", tmp_path / "none")
    assert (ran.code, ran.out) == (0, "")
    assert "run `serbench search`" in ran.err
    assert listed(serbench, tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_nothing_is_removed_unasked(serbench, mine) -> None:
    before = everything(mine)
    ran = serbench("study", "remove", NAME, "--results", mine)
    assert (ran.code, "--yes" in ran.sentence) == (2, True)
    assert everything(mine) == before


def test_remove_takes_one_study_and_leaves_the_other(serbench, mine) -> None:
    other = everything(mine / "studies" / "crema-d-speaker-tiny_cnn2d")
    assert serbench("study", "remove", NAME, "--yes", "--results", mine).code == 0
    assert [row["name"] for row in listed(serbench, mine)] == ["crema-d-speaker-tiny_cnn2d"]
    assert everything(mine / "studies" / "crema-d-speaker-tiny_cnn2d") == other
    assert not list(mine.rglob("*.tmp"))


def test_a_study_that_is_being_run_is_not_removed(serbench, mine) -> None:
    with filelock.FileLock(mine / "studies" / NAME / ".lock"):
        ran = serbench("study", "remove", NAME, "--yes", "--results", mine)
    assert (ran.code, "is being run" in ran.sentence) == (1, True)
    assert (mine / "studies" / NAME / "study.json").is_file()


def test_links_are_not_followed(serbench, mine, tmp_path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(mine / "studies" / NAME, elsewhere)
    (mine / "studies" / NAME).symlink_to(elsewhere)
    ran = serbench("study", "remove", NAME, "--yes", "--results", mine)
    assert (ran.code, "is a link" in ran.sentence) == (2, True)
    assert (elsewhere / "study.json").is_file()
    (mine / "studies" / NAME).unlink()
    shutil.move(elsewhere, mine / "studies" / NAME)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work", encoding="utf-8")
    (mine / "studies" / NAME / "trials" / "link").symlink_to(precious)
    assert serbench("study", "remove", NAME, "--yes", "--results", mine).code == 0
    assert (precious / "thesis.txt").is_file()


REPLAY_KEYS = {
    "schema_version", "study", "job_id", "kind", "recorded_state", "replayed_state", "recorded_uar", "replayed_uar",
    "recorded_epochs", "replayed_epochs", "largest_difference", "same_answers", "seconds", "error", "changed",
    "repeated", "uncounted", "kept", "unkept",
}  # fmt: skip


@pytest.mark.parametrize(("study", "trial"), [("crema-d-speaker-tiny_cnn2d", "t0000"), (NAME, "refit")])
def test_a_replay_gives_the_recorded_score(serbench, mine, study, trial) -> None:
    if trial == "refit":
        trial = shown(serbench, mine, study)["refits"][0]["job_id"]
    ran = serbench("study", "replay", study, trial, "--results", mine, "--format", "json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found.keys() == REPLAY_KEYS
    assert found["recorded_uar"] == found["replayed_uar"] is not None
    assert (found["largest_difference"], found["repeated"], found["job_id"]) == (0, True, trial)


def test_a_tampered_seed_is_found_out(serbench, mine) -> None:
    record = mine / "studies" / NAME / "trials" / "t0000" / "record.json"
    for seed in range(1, 5):  # a score is a share of twelve clips: one other seed may chance on the same
        change(record, seed=seed)
        ran = serbench("study", "replay", NAME, "t0000", "--results", mine)
        assert "the same probabilities" not in ran.out
        if ran.code:
            break
    assert ran.code == 1
    assert "the score does not repeat" in ran.out
    assert "scored" in ran.sentence
    assert "changed" in ran.sentence


def test_a_replay_without_its_trial_or_data(serbench, searched, tmp_path) -> None:
    ran = serbench("study", "replay", NAME, "t00001", "--results", searched)
    assert (ran.code, "did you mean 't0001'?" in ran.sentence) == (2, True)
    ran = serbench("study", "replay", NAME, "t0000", "--results", searched, "--data", tmp_path / "none")
    assert (ran.code, "does not exist" in ran.sentence) == (1, True)


@pytest.mark.slow
def test_a_fork_goes_on_with_the_command_it_prints(serbench, mine, tiny_space) -> None:
    trials = {trial["job_id"]: trial for trial in shown(serbench, mine)["trials"]}
    rates = {job_id: trial["config"]["learning_rate"] for job_id, trial in trials.items()}
    limit = sum(rates.values()) / 2
    space = tiny_space()
    space.write_text(space.read_text(encoding="utf-8").replace("high = 1e-2", f"high = {limit}"), encoding="utf-8")
    ran = serbench("study", "fork", NAME, "--space", space, "--study", "narrow", "--results", mine)
    assert ran.code == 0, ran.err
    (kept,) = (job_id for job_id, rate in rates.items() if rate < limit)
    assert "1 of 2 trials kept" in ran.err
    assert "left out by learning_rate: 1" in ran.err
    name = "narrow-tiny_cnn1d"
    before = everything(mine / "studies" / name)
    del before["study.json"]  # says what the last search asked for
    program, *words = shlex.split(ran.out)
    assert program == "serbench"
    went_on = serbench(*words, "--repeats", 1)
    assert went_on.code == 0, went_on.err
    hints = dict(line.split(maxsplit=1) for line in went_on.err.splitlines() if line.startswith(("report ", "export ")))
    assert shlex.split(hints["export"])[-2:] == ["--results", str(mine)]
    page = shlex.split(hints["report"].replace("report.html", shlex.quote(str(mine / "report.html"))))
    assert serbench(*page[1:]).code == 0, "the report runs as printed, in a folder of results that is not the usual one"
    study = shown(serbench, mine, name)
    assert (study["parent"], study["counted"], study["states"]) == (NAME, 3, {"completed": 3})
    after = everything(mine / "studies" / name)
    assert {path: after[path] for path in before} == before, "kept trials are not run again"
    assert f"trial {kept} " not in went_on.err
    assert all(trial["config"]["learning_rate"] <= limit for trial in study["trials"])
    assert len({trial["job_id"] for trial in study["trials"]}) == 3
    assert len(study["entries"]) == 1


def test_a_fork_that_would_not_compare_is_refused(serbench, mine, tiny_space, monkeypatch) -> None:
    space = tiny_space(epochs="9")
    ran = serbench("study", "fork", NAME, "--space", space, "--study", "longer", "--results", mine)
    assert (ran.code, "training epochs: 3 -> 9" in ran.sentence) == (2, True)
    assert len(listed(serbench, mine)) == 2
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    arguments = ["study", "fork", NAME, "--space", space, "--study", "same", "--results", mine, "--epochs", 3]
    ran = serbench(*arguments)
    assert (ran.code, "--epochs 3" in ran.out) == (0, True), ran.err
    assert ran.out.startswith("uv run serbench search "), "as this command was started"
    ran = serbench(*arguments)
    assert (ran.code, "exists already" in ran.sentence) == (2, True)
