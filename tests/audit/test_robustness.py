"""Robustness of real networks: measured, kept, continued, counted, and shown wherever an entry is."""

from __future__ import annotations

import json
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_results import Builder, judge
from tiers import starts_children

from serbench.audit import AuditPlan, audit_entry, audit_path, saved_audit
from serbench.audit.robustness import (
    CONDITIONS,
    RobustnessPlan,
    StoppedError,
    measure_robustness,
    saved_robustness,
    told_robustness,
)
from serbench.audit.robustness.conditions import Condition, NotMeasuredError
from serbench.audit.robustness.panel import panel_of
from serbench.corpora import get_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.features.distortions import scaled
from serbench.records import ResultsFolder, StudyRecord
from serbench.results import Results
from serbench.search import Observer, SearchPlan, run_search
from serbench.site import write_entry_page
from serbench.spaces import load_space

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
STUDY = "crema-d-speaker-tiny_cnn1d"
SOME = tuple(one for one in CONDITIONS if one.key in ("white-noise-0", "babble-10", "telephone-band"))


def absent(_scene):
    raise NotMeasuredError("the codec needs the program ffmpeg; install ffmpeg")


UNMEASURED = Condition("opus-12", "Opus 12 kbit/s", "transmission", absent)


@pytest.fixture(scope="module")
def _made() -> dict[str, Path]:
    return {}


@pytest.fixture
@starts_children
def results(_made, tone_corpus, tiny_space, tmp_path, tmp_path_factory) -> ResultsFolder:
    """A copy of one small search, whose final runs held the validation speakers back."""
    if not _made:
        _made["root"] = tmp_path_factory.mktemp("measured") / "results"
        plan = SearchPlan(
            spaces=(load_space(tiny_space()),), corpus=get_corpus("crema-d"), data=tone_corpus, results=_made["root"],
            trials=1, finalists=1, repeats=2, workers=1,
        )  # fmt: skip
        run_search(plan)
    return ResultsFolder(shutil.copytree(_made["root"], tmp_path / "copied"))


class Watch(Observer):
    """Notes what is computed."""

    def __init__(self, stop_at: str = "") -> None:
        self.steps: list[str] = []
        self.stop, self.stop_at = threading.Event(), stop_at

    def progress(self, what: str, done: int, total: int) -> None:
        if what.startswith("robustness") and what not in self.steps:
            self.steps.append(what)
        if self.stop_at and self.stop_at in what:
            self.stop.set()


@pytest.mark.parametrize("text", ["{", '{"schema_version": 99}'])
def test_an_audit_record_that_cannot_be_read_is_never_written_over(tmp_path, text) -> None:
    build = Builder(tmp_path / "results")
    study = build.study()
    build.entry("a", study)
    path = audit_path(build.results.study(study), "a")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    told = "newer serbench" if "99" in text else "is not a serbench record"
    for measure in (
        lambda: measure_robustness(Results(build.results.root), RobustnessPlan("a")),
        lambda: audit_entry(Results(build.results.root), AuditPlan("a", refits=False)),
    ):
        with pytest.raises(SerbenchError, match=told):
            measure()
        assert path.read_text() == text


def plan(tone_corpus, **changes) -> RobustnessPlan:
    return RobustnessPlan(STUDY, data=tone_corpus, conditions=SOME, **changes)


@pytest.mark.slow
def test_the_validation_speakers_are_judged_by_the_final_runs(results, tone_corpus) -> None:
    lines = len(results.ledger.read()[0])
    record, found = measure_robustness(Results(results.root), plan(tone_corpus))
    study = results.study(STUDY)
    (entry,) = study.entries()
    assert (found.on, found.runs, found.clips, found.speakers) == ("validation", 2, 12, 1)
    assert found.answered_by == "its 2 final runs, which held these speakers back"
    assert found.repeats < 1e-4
    assert [one.condition for one in found.conditions] == ["unaltered", *(one.key for one in SOME)]
    recorded = np.mean([study.job("refit", job_id).scores["validation"].uar for job_id in entry.refits])
    assert found.plain.uar == pytest.approx(recorded)
    assert all(sum(one.answers) == pytest.approx(1) for one in found.conditions)
    assert found.conditions[1].uar < found.plain.uar
    assert saved_audit(audit_path(study, entry.entry_id)) == record
    assert (record.findings, record.robustness) == ((), (found,))
    assert len(results.ledger.read()[0]) == lines


@pytest.mark.slow
def test_a_measurement_goes_on_where_it_was_stopped(results, tone_corpus) -> None:
    whole = measure_robustness(Results(shutil.copytree(results.root, results.root.parent / "other")), plan(tone_corpus))
    watch = Watch("babble")
    with pytest.raises(StoppedError, match="the same command goes on from here"):
        measure_robustness(Results(results.root), plan(tone_corpus), watch, watch.stop)
    assert [step.split(", ")[1] for step in watch.steps] == ["unaltered clips", "white noise 0 dB", "babble 10 dB"]
    again = Watch()
    _, found = measure_robustness(Results(results.root), plan(tone_corpus), again)
    assert [step.split(", ")[1] for step in again.steps] == ["telephone band"]
    assert found.conditions == whole[1].conditions
    last = Watch()
    assert measure_robustness(Results(results.root), plan(tone_corpus), last)[1].conditions == found.conditions
    assert last.steps == []


@pytest.mark.slow
def test_the_test_set_is_counted_once_before_a_score_is_kept(results, tone_corpus) -> None:
    before = Results(results.root).board().rows[0].looks
    watch = Watch("white noise")
    with pytest.raises(StoppedError):
        measure_robustness(Results(results.root), plan(tone_corpus, on="test"), watch, watch.stop)
    (line,) = [line for line in results.ledger.read()[0] if line.kind == "audit"]
    assert line.predictions
    for _ in range(2):
        _, found = measure_robustness(Results(results.root), plan(tone_corpus, on="test"))
    assert [line.kind for line in results.ledger.read()[0]].count("audit") == 1
    row = Results(results.root).board().rows[0]
    assert row.looks == before + 1
    assert found.on == "test"
    assert found.plain.uar == pytest.approx(row.uar)
    assert found.answered_by == "its 2 final runs"
    record, _ = measure_robustness(Results(results.root), plan(tone_corpus))
    assert [one.on for one in record.robustness] == ["validation", "test"]


@pytest.mark.slow
def test_a_ledger_that_cannot_be_written_keeps_no_answer(results, tone_corpus) -> None:
    shutil.rmtree(results.root / "ledger")
    (results.root / "ledger").write_text("a file in the way")
    with pytest.raises(SerbenchError):
        measure_robustness(Results(results.root), plan(tone_corpus, on="test"))
    assert not list(results.root.rglob("audits/robustness/**/*.parquet"))


@pytest.mark.slow
def test_a_condition_that_cannot_be_measured_says_so_and_an_audit_keeps_the_rest(results, tone_corpus) -> None:
    asked = RobustnessPlan(STUDY, data=tone_corpus, conditions=(UNMEASURED, SOME[0]))
    record, found = measure_robustness(Results(results.root), asked)
    assert [one.condition for one in found.left_out] == ["opus-12"]
    assert found.conditions[2].loss is not None
    audited = audit_entry(Results(results.root), AuditPlan(STUDY, refits=False, data=tone_corpus))
    assert audited.findings
    assert audited.robustness == (found,)
    again, _ = measure_robustness(Results(results.root), asked)
    assert again.findings == audited.findings
    assert saved_robustness(Results(results.root), record.entry) == again.robustness


@pytest.mark.slow
def test_report_page_and_card_show_it(results, tone_corpus, serbench_command, tmp_path) -> None:
    record, found = measure_robustness(Results(results.root), plan(tone_corpus))
    report = json.loads(serbench_command("report", record.entry, "--results", results.root, "--format", "json"))
    assert [one["uar"] for one in report["robustness"][0]["conditions"]] == [one.uar for one in found.conditions]
    table = serbench_command("report", record.entry, "--results", results.root)
    assert "Robustness: " in table
    assert "white noise 0 dB" in table
    page = tmp_path / "entry.html"
    write_entry_page(Results(results.root), record.entry, page)
    html = page.read_text(encoding="utf-8")
    assert "How it fails in the world" in html
    assert 'id="plot-robustness-validation"' in html
    assert "This entry was not audited" in html
    from serbench.export import export_bundle

    export_bundle(Results(results.root), record.entry, tmp_path / "bundle", data=tone_corpus)
    card = (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    assert "## Robustness on validation speakers" in card
    assert card.count("| white noise 0 dB |") == 1
    metrics = json.loads((tmp_path / "bundle" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["robustness"][0]["on"] == "validation"


@pytest.fixture
def serbench_command():
    """Runs a command that succeeds and returns what it prints."""
    from typer.testing import CliRunner

    from serbench.cli.main import app

    def run(*arguments: object) -> str:
        ran = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert ran.exit_code == 0, ran.stderr
        return ran.stdout

    return run


@pytest.mark.slow
def test_the_command_prints_a_table(results, tone_corpus, serbench_command, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    table = serbench_command("audit", STUDY, "--robustness", "--data", tone_corpus, "--results", results.root)
    assert table.startswith("Robustness of cnn1d-")
    assert "Recall of each class in %" in table
    assert max(map(len, table.splitlines())) <= 80
    for condition in CONDITIONS:
        assert condition.title in table


def test_options_that_mean_nothing_together_are_refused(tmp_path) -> None:
    from typer.testing import CliRunner

    from serbench.cli.main import app

    ran = CliRunner().invoke(app, ["audit", STUDY, "--on", "test", "--results", str(tmp_path)])
    assert isinstance(ran.exception, UsageError)
    assert "--on belongs to --robustness" in str(ran.exception)


@pytest.mark.slow
def test_networks_that_were_changed_or_removed_are_one_sentence(results, tone_corpus) -> None:
    study = results.study(STUDY)
    (entry,) = study.entries()
    first, second = (study.model_path(job_id) for job_id in entry.refits)
    shutil.copyfile(second, first)
    with pytest.raises(SerbenchError, match="do not repeat their recorded answers"):
        measure_robustness(Results(results.root), plan(tone_corpus))
    first.write_bytes(b"no network")
    with pytest.raises(SerbenchError, match=rf"{re.escape(str(first))}: .*cannot be loaded"):
        measure_robustness(Results(results.root), plan(tone_corpus))
    first.unlink()
    with pytest.raises(SerbenchError, match="published results hold none"):
        measure_robustness(Results(results.root), plan(tone_corpus))


@pytest.mark.slow
def test_kept_answers_of_other_networks_are_not_taken(results, tone_corpus) -> None:
    measure_robustness(Results(results.root), plan(tone_corpus))
    (kept,) = results.root.rglob("audits/robustness/*/white-noise-0-*.parquet")
    table = pd.read_parquet(kept)
    pd.concat([table.iloc[1:], table.iloc[:1]]).to_parquet(kept, index=False)
    watch = Watch()
    measure_robustness(Results(results.root), plan(tone_corpus), watch)
    assert [step.split(", ")[1] for step in watch.steps] == ["white noise 0 dB"]


# Which networks may answer which clips: drawn records, no network is loaded.


@pytest.fixture
def drawn(tmp_path):
    """An entry trained on all clips outside the test set, and two fold models of its configuration."""
    build = Builder(tmp_path / "results")
    name = build.study()
    build.entry("cnn2d-abc123", name)
    folder = build.results.study(name)
    judge(folder, "cnn2d-abc123")
    record = folder.shortlisted("t0").model_copy(update={"folds": ("t0-f1", "t0-f2")})
    record.save(folder.path / "shortlist" / "t0.json")
    folder.save_entry(folder.entry("cnn2d-abc123").model_copy(update={"finals": "all"}))
    answers = folder.out_of_fold("t0").assign(subset="validation")
    fold_of = answers["clip_id"].str.split("-").str[2].astype(int) % 2
    for fold in (1, 2):
        fit = build._trial(name, "fold", f"t0-f{fold}", "completed", None, 0.5)
        folder.publish_job(fit, answers[fold_of == fold - 1].drop(columns="fold"), model=b"network")
    return build


def panel(build: Builder, on="validation", most: int = 1000):
    tested = build.read().scored_entry("cnn2d-abc123")
    folder = build.results.study(tested.study.name)
    clips = folder.clips().assign(path="nowhere", digest="d")
    return panel_of(tested, folder, clips, on, most, 0)


def test_fold_models_answer_the_clips_that_they_never_heard(drawn) -> None:
    found = panel(drawn)
    (run,) = found.runs
    assert [network.path.parent.name for network in run] == ["t0-f1", "t0-f2"]
    assert sorted(np.concatenate([network.rows for network in run]).tolist()) == list(range(len(found.clips)))
    for fold, network in enumerate(run):
        clips = found.clips["clip_id"].iloc[network.rows]
        assert {int(clip.split("-")[2]) % 2 for clip in clips} == {fold}
    assert found.clips["clip_id"].str.startswith("validation").all()
    assert found.answered_by == "the 2 fold models of its configuration, each on speakers that it never heard"
    recorded = drawn.results.study("demo-speaker-cnn2d").out_of_fold("t0").set_index("clip_id").filter(regex="^p_")
    np.testing.assert_allclose(found.recorded[0], recorded.loc[found.clips["clip_id"]].to_numpy(), rtol=1e-6)


def test_drawn_clips_keep_their_networks_and_answers(drawn) -> None:
    whole, part = panel(drawn), panel(drawn, most=24)
    assert (len(part.clips), part.clips_known) == (24, len(whole.clips))
    place = {clip: row for row, clip in enumerate(whole.clips["clip_id"])}
    rows = [place[clip] for clip in part.clips["clip_id"]]
    np.testing.assert_array_equal(part.recorded[0], whole.recorded[0][rows])
    for some, every in zip(part.runs[0], whole.runs[0], strict=True):
        assert {rows[row] for row in some.rows} <= set(every.rows.tolist())


def begun_with_a_network_of_the_corpus(build: Builder) -> None:
    folder = build.results.study("demo-speaker-cnn2d")
    record = folder.record()
    heard = {"study": "first", "corpus": "demo", "parts": ["demo"], "digest": record.corpus.digest, "protocol": "h"}
    init = {
        "entry": "first-1", "study": "first", "refit": "t0-r0", "family": "cnn2d", "labels": list(record.corpus.labels),
        "sha256": "s", "heard": [heard],
    }  # fmt: skip
    StudyRecord.model_validate(record.model_dump(mode="json") | {"init": init}).save(folder.record_path)


def test_networks_that_began_with_one_that_heard_these_speakers_are_not_measured_on_them(drawn) -> None:
    audit = saved_audit(PUBLISHED / "studies" / "s24-cnn2d" / "audits" / "cnn2d-f046c2.json")
    assert "validation" in {
        one.on for one in told_robustness(audit, drawn.results.study("demo-speaker-cnn2d").record())
    }
    begun_with_a_network_of_the_corpus(drawn)
    with pytest.raises(SerbenchError, match=r"started from 'first-1', which has heard .*add --on test"):
        panel(drawn)
    told = told_robustness(audit, drawn.results.study("demo-speaker-cnn2d").record())
    assert "validation" not in {one.on for one in told}


def test_without_fold_models_the_way_out_is_named(drawn) -> None:
    folder = drawn.results.study("demo-speaker-cnn2d")
    folder.model_path("t0-f2", "fold").unlink()
    with pytest.raises(SerbenchError, match=r"fold models are not in .*add --on test"):
        panel(drawn)
    folder.save_entry(folder.entry("cnn2d-abc123").model_copy(update={"shortlisted": None}))
    with pytest.raises(SerbenchError, match="no fold models that were not; add --on test"):
        panel(drawn)


def test_on_test_the_final_runs_answer(drawn) -> None:
    folder = drawn.results.study("demo-speaker-cnn2d")
    for job_id in folder.entry("cnn2d-abc123").refits:
        folder.model_path(job_id).write_bytes(b"network")
    found = panel(drawn, "test")
    assert len(found.runs) == 2
    assert found.clips["clip_id"].str.startswith("test").all()


def test_pooled_folds_and_ensembles_are_refused(tmp_path) -> None:
    build = Builder(tmp_path / "results")
    for fold in (1, 2):
        name = build.study(f"demo-loso-cnn2d-fold{fold}", protocol="loso", fold=fold, folds=2)
        build.entry(f"cnn2d-fold{fold}", name)
    pooled = build.read().board().rows[0].entry
    with pytest.raises(UsageError, match="an entry of protocol 'speaker' instead"):
        panel_of(build.read().scored_entry(pooled), build.results.study(name), pd.DataFrame(), "test", 10, 0)
    assert saved_robustness(build.read(), pooled) == ()


@pytest.mark.slow
def test_answers_over_several_windows_are_repeated(tone_corpus, tiny_space, tmp_path) -> None:
    space = tiny_space(duration_s="0.4")
    space.write_text(space.read_text(encoding="utf-8") + "\nprediction_crops = 2\n", encoding="utf-8")
    plan = SearchPlan(
        spaces=(load_space(space),), corpus=get_corpus("crema-d"), data=tone_corpus, results=tmp_path / "results",
        trials=1, finalists=1, repeats=1, workers=1,
    )  # fmt: skip
    run_search(plan)
    asked = RobustnessPlan(STUDY, data=tone_corpus, conditions=SOME[:1])
    _, found = measure_robustness(Results(tmp_path / "results"), asked)
    assert found.repeats < 1e-5


@pytest.mark.slow
def test_a_front_end_sees_the_altered_clip(results, tone_corpus) -> None:
    """A condition that makes all clips silent but for a millionth takes what was recognised."""
    soft = Condition("soft", "soft", "level", lambda _scene: (lambda waveform, _: scaled(waveform, -200.0), ""))
    asked = RobustnessPlan(STUDY, data=tone_corpus, conditions=(soft,))
    _, found = measure_robustness(Results(results.root), asked)
    assert found.conditions[1].loss > 0.3
