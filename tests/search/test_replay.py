"""A replay repeats what was recorded, tells where it does not, and writes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiers import starts_children

from serbench.errors import SerbenchError, UsageError
from serbench.export import export_bundle
from serbench.records import ResultsFolder
from serbench.results import Results, publish_studies
from serbench.search import run_search
from serbench.search.replay import replay_trial
from serbench.spaces import load_space

STUDY = "tried-tiny_cnn1d"


@pytest.fixture(scope="module")
def _made(tmp_path_factory) -> dict[str, Path]:
    return {}


@pytest.fixture
@starts_children
def results(_made, make_plan, tiny_space, tmp_path, tmp_path_factory) -> ResultsFolder:
    """A copy of one search on fewer epochs and another split than its space says, with a probe."""
    if not _made:
        _made["root"] = tmp_path_factory.mktemp("replay") / "results"
        space = load_space(tiny_space(epochs="8", patience="8")).with_training(epochs=4).with_split("50/20/30")
        run_search(make_plan(results=_made["root"], spaces=(space,), run="tried", trials=1, finalists=0, probes=1))
    return ResultsFolder(shutil.copytree(_made["root"], tmp_path / "copied"))


def change(path: Path, **values) -> dict:
    """Edits a record by hand; what it held before."""
    before = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(before | values), encoding="utf-8")
    return before


def record_path(results: ResultsFolder, job_id: str = "t0000", kind="search") -> Path:
    return results.study(STUDY).job_path(kind, job_id) / "record.json"


@pytest.mark.children
def test_a_trial_and_a_probe_repeat_exactly_and_nothing_is_written(results) -> None:
    files = {path: path.read_bytes() for path in results.root.rglob("*") if path.is_file()}
    for job_id, kind, epochs in (("t0000", "search", 4), ("p0000", "probe", 1)):
        found = replay_trial(results, STUDY, job_id)
        assert (found.kind, found.replayed_epochs, found.recorded_epochs) == (kind, epochs, epochs)
        assert found.replayed_uar == found.recorded_uar is not None
        assert found.largest_difference == 0
        assert found.repeated
    assert {path: path.read_bytes() for path in results.root.rglob("*") if path.is_file()} == files


@pytest.mark.children
def test_a_model_is_kept_of_final_runs_only(results) -> None:
    with pytest.raises(UsageError, match="t0000 is no final run and no fold"):
        replay_trial(results, STUDY, "t0000", keep_model=True)


@pytest.mark.slow
def test_a_model_that_gives_the_recorded_answers_is_kept_and_can_be_exported(
    make_plan, tiny_space, tone_corpus, tmp_path
) -> None:
    space = load_space(tiny_space())
    plan = make_plan(results=tmp_path / "results", spaces=(space,), run="tried", trials=1, finalists=1, repeats=1)
    run_search(plan)
    list(publish_studies(ResultsFolder(tmp_path / "results"), [STUDY], tmp_path / "shared"))
    results = ResultsFolder(tmp_path / "shared")
    entry = Results(results.root).select().entry
    run = results.study(STUDY).job_ids("refit")[0]
    with pytest.raises(SerbenchError, match=f"serbench study replay {STUDY} {run} --keep-model --results"):
        export_bundle(Results(results.root), entry, tmp_path / "bundle", data=tone_corpus)
    found = replay_trial(results, STUDY, run, tone_corpus, keep_model=True)
    path = results.study(STUDY).model_path(run)
    assert (found.kept, found.largest_difference) == (str(path), 0)
    record = export_bundle(Results(results.root), entry, tmp_path / "bundle", data=tone_corpus)
    assert record.check.largest_difference < 1e-5
    path.unlink()
    change(record_path(results, run, "refit"), seed=5)
    assert not replay_trial(results, STUDY, run, tone_corpus, keep_model=True).kept
    assert not path.exists()


@pytest.mark.slow
def test_a_published_fold_has_a_digest_in_place_of_its_answers_and_gets_its_model_back(
    make_plan, tiny_space, tone_corpus, tmp_path
) -> None:
    plan = make_plan(
        results=tmp_path / "results", spaces=(load_space(tiny_space()),), run="tried", trials=2, finalists=1,
        repeats=1, shortlist=2,
    )  # fmt: skip
    run_search(plan)
    list(publish_studies(ResultsFolder(tmp_path / "results"), [STUDY], tmp_path / "shared"))
    results = ResultsFolder(tmp_path / "shared")
    fold = results.study(STUDY).job_ids("fold")[0]
    found = replay_trial(results, STUDY, fold, tone_corpus, keep_model=True)
    path = results.study(STUDY).model_path(fold, "fold")
    assert (found.kept, found.unkept, found.largest_difference) == (str(path), "", None)
    path.unlink()
    change(record_path(results, fold, "fold"), seed=5)
    found = replay_trial(results, STUDY, fold, tone_corpus, keep_model=True)
    assert (found.kept, found.unkept) == ("", "its answers are not the recorded ones")
    assert not path.exists()


@pytest.mark.children
def test_a_pruned_trial_ends_after_the_same_epoch(results) -> None:
    path = record_path(results)
    before = json.loads(path.read_text(encoding="utf-8"))
    value = max(epoch["val_uar"] for epoch in before["epochs"][:2])
    change(path, state="pruned", epochs=before["epochs"][:2], value=value)
    found = replay_trial(results, STUDY, "t0000")
    assert (found.replayed_state, found.replayed_epochs) == ("pruned", 2)
    assert found.replayed_uar == pytest.approx(value)
    assert found.repeated


@pytest.mark.children
def test_a_changed_record_does_not_repeat_and_the_reason_is_named(results) -> None:
    study = results.study(STUDY).record_path
    environment = json.loads(study.read_text(encoding="utf-8"))["environment"]
    change(study, environment=environment | {"cpu": "Abacus", "packages": environment["packages"] | {"keras": "3.0.0"}})
    value = change(record_path(results), value=0.123456, seed=4)["value"]
    found = replay_trial(results, STUDY, "t0000")
    assert not found.repeated
    assert found.largest_difference > 1e-3, "the seed decides the weights"
    assert found.recorded_uar == 0.123456 != value
    assert "0.123456" in found.complaint()
    assert "cpu Abacus ->" in found.complaint()
    assert "keras 3.0.0 ->" in found.complaint()


@pytest.mark.children
def test_a_trial_without_a_score_shows_how_it_ends(results) -> None:
    change(record_path(results), state="crashed", value=None, epochs=[], scores={}, digests={}, error="boom")
    (record_path(results).parent / "predictions.parquet").unlink()
    found = replay_trial(results, STUDY, "t0000")
    assert (found.recorded_state, found.replayed_state, found.recorded_uar) == ("crashed", "completed", None)
    assert found.replayed_uar is not None
    assert (found.largest_difference, found.same_answers) == (None, None)
    assert not found.repeated
    assert "t0000 of study" in found.complaint()
    assert "was crashed and is now completed" in found.complaint()


@pytest.mark.children
def test_a_configuration_that_makes_no_model_is_an_outcome(results) -> None:
    config = json.loads(record_path(results).read_text(encoding="utf-8"))["config"]
    change(record_path(results), config=config | {"waveform_copies": 1, "noise_snr_db": 0.0, "shift_s": 0.0})
    found = replay_trial(results, STUDY, "t0000")
    assert (found.replayed_state, found.repeated) == ("invalid", False)
    assert "waveform_copies" in found.error


@pytest.mark.parametrize("job_id", ["t000", "../t0000", ".", ""])
def test_an_unknown_trial_is_a_name_and_never_a_path(results, job_id) -> None:
    with pytest.raises(UsageError, match="unknown trial"):
        replay_trial(results, STUDY, job_id)


def test_the_nearest_trial_is_named(results) -> None:
    with pytest.raises(UsageError, match="did you mean 't0000'"):
        replay_trial(results, STUDY, "t00000")


def test_other_audio_is_refused(results, tone_corpus, tmp_path) -> None:
    other = tmp_path / "other" / "AudioWAV"
    shutil.copytree(tone_corpus, other)
    first, second = sorted(other.iterdir())[:2]
    shutil.copyfile(first, second)
    with pytest.raises(SerbenchError, match=r"are not those of study .*audio, labels or speakers differ.*--data DIR"):
        replay_trial(results, STUDY, "t0000", other)
    first.unlink()
    with pytest.raises(SerbenchError, match=r"1 are missing \(among them"):
        replay_trial(results, STUDY, "t0000", other)


def test_audio_that_is_gone_is_named(results, tmp_path) -> None:
    with pytest.raises(SerbenchError, match="nowhere does not exist"):
        replay_trial(results, STUDY, "t0000", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"space_text": "[space"}, r"study\.json is not valid TOML.*restore the record"),
        ({"space_text": '[space]\nfamily = "cnn1d"\n[parameters]\nmagic = 3\n'}, "magic"),
        ({"space": {}}, r"study\.json is damaged \(space.training"),
        ({"features": {"kind": "log_mel", "n_mels": -1}}, r"study\.json is damaged \(features"),
    ],
)
def test_a_damaged_study_is_one_sentence(results, changes, told) -> None:
    change(results.study(STUDY).record_path, **changes)
    with pytest.raises(SerbenchError, match=told):
        replay_trial(results, STUDY, "t0000")


def test_a_protocol_that_splits_otherwise_is_refused(results) -> None:
    path = results.study(STUDY).record_path
    protocol = json.loads(path.read_text(encoding="utf-8"))["protocol"]
    change(path, protocol=protocol | {"hash": "f" * 16})
    with pytest.raises(SerbenchError, match="splits clips differently"):
        replay_trial(results, STUDY, "t0000")
    change(path, protocol=protocol | {"fold": 3})
    with pytest.raises(SerbenchError, match="fold 3 of 1"):
        replay_trial(results, STUDY, "t0000")


def test_a_record_of_another_fit_is_refused(results) -> None:
    change(record_path(results), job_id="t0007")
    with pytest.raises(SerbenchError, match="holds the record of 't0007'"):
        replay_trial(results, STUDY, "t0000")


def test_a_backend_that_is_not_installed_is_named(results) -> None:
    path = results.study(STUDY).record_path
    environment = json.loads(path.read_text(encoding="utf-8"))["environment"]
    change(path, environment=environment | {"backend": "abacus"})
    with pytest.raises(UsageError, match="unknown backend 'abacus'"):
        replay_trial(results, STUDY, "t0000")
