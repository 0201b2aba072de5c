"""The whole audit of a real entry on the tone corpus, in this process and on the command line."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import filelock
import pandas as pd
import pytest
from drawn_results import Builder
from tests_shared import copy_of_one_family
from tiers import starts_children

from serbench.audit import AuditPlan, audit_document, audit_entry
from serbench.audit.audit import TRAINED, _Audit
from serbench.audit.record import AuditRecord, audit_path
from serbench.audit.rerun import Fitted
from serbench.audit.shuffled_labels import shuffled_labels
from serbench.corpora import get_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.records import InitFrom, ResultsFolder, TaughtBy
from serbench.render import FORMATS, render
from serbench.results import Results
from serbench.search import Observer, SearchPlan, run_search
from serbench.spaces import load_space

STUDY = "crema-d-speaker-tiny_cnn1d"


@pytest.fixture(scope="module")
def _made() -> dict[str, Path]:
    return {}


@pytest.fixture
@starts_children
def results(_made, tone_corpus, tiny_space, tmp_path, tmp_path_factory) -> ResultsFolder:
    """A copy of one small search."""
    if not _made:
        _made["root"] = tmp_path_factory.mktemp("audited") / "results"
        plan = SearchPlan(
            spaces=(load_space(tiny_space()),), corpus=get_corpus("crema-d"), data=tone_corpus, results=_made["root"],
            trials=1, finalists=1, repeats=2, workers=1,
        )  # fmt: skip
        run_search(plan)
    return ResultsFolder(shutil.copytree(_made["root"], tmp_path / "copied"))


def levels(record: AuditRecord) -> dict[str, str]:
    return {finding.check: finding.level for finding in record.findings}


@pytest.mark.slow
@pytest.mark.children
def test_a_study_is_audited_by_its_selected_entry_and_every_check_says_something(results, tone_corpus) -> None:
    record = audit_entry(Results(results.root), AuditPlan(STUDY, split_seeds=2, data=tone_corpus, workers=1))
    (entry,) = results.study(STUDY).entries()
    assert record.entry == entry.entry_id
    found = levels(record)
    assert found["shuffled labels"] == "ok"
    assert found["exact duplicates"] == "ok"
    assert found["leakage delta"] == "note"
    assert found["draws of test speakers"] == "note"
    assert {"validation against test", "literature", "near duplicates", "speakers in the features"} <= found.keys()
    assert "doubtful labels" in found
    assert "slices by sentence" in found
    assert [(draw.protocol, draw.split_seed) for draw in record.draws] == [
        ("speaker", 0), ("random", 0), ("speaker", 1), ("random", 1),
    ]  # fmt: skip
    assert len({draw.train_clips for draw in record.draws if draw.split_seed == 0}) == 1
    assert AuditRecord.load(audit_path(results.study(STUDY), entry.entry_id)) == record
    # Looks at the entry's own test core: two refits, the draw of split seed 0, and the fit on shuffled labels.
    (row,) = Results(results.root).board().rows
    assert row.looks == 2 + 1 + 1


@pytest.mark.slow
def test_an_audit_goes_on_where_it_was_and_says_the_same(results, tone_corpus) -> None:
    plan = AuditPlan(STUDY, data=tone_corpus, workers=1)
    stop = threading.Event()
    stop.set()
    cut = audit_entry(Results(results.root), plan, stop=stop)
    assert "shuffled labels" not in levels(cut)
    first = audit_entry(Results(results.root), plan)
    fits = {path: path.stat().st_mtime_ns for path in results.root.rglob("audits/**/record.json")}
    again = audit_entry(Results(results.root), plan)
    assert again.findings == first.findings
    assert {path: path.stat().st_mtime_ns for path in results.root.rglob("audits/**/record.json")} == fits


@pytest.fixture
def copied(searched, tmp_path) -> ResultsFolder:
    """A copy of the search that many tests share."""
    return ResultsFolder(copy_of_one_family(searched, tmp_path / "copied"))


@pytest.mark.children
def test_a_stopped_audit_begins_no_further_check(copied, tone_corpus) -> None:
    stop = threading.Event()
    stop.set()
    cut = audit_entry(Results(copied.root), AuditPlan(STUDY, refits=False, data=tone_corpus), stop=stop)
    assert "exact duplicates" in levels(cut)
    assert not {"near duplicates", "speakers in the features"} & levels(cut).keys()


@pytest.mark.children
def test_every_format_has_every_verdict(copied, tone_corpus) -> None:
    record = audit_entry(Results(copied.root), AuditPlan(STUDY, refits=False, data=tone_corpus))
    document = audit_document(record)
    for form in FORMATS:
        text = render(document, form, width=200)
        for finding in record.findings:
            assert finding.check in text
    assert json.loads(render(document, "json"))["findings"][0]["level"] == record.findings[0].level
    assert max(map(len, render(document, "table", width=80).splitlines())) <= 80


@pytest.mark.children
def test_a_second_audit_at_once_is_one_sentence_and_spoils_nothing(copied, tone_corpus) -> None:
    (entry,) = copied.study(STUDY).entries()
    path = audit_path(copied.study(STUDY), entry.entry_id)
    path.parent.mkdir()
    with filelock.FileLock(path.with_name(f".{entry.entry_id}.lock"), is_singleton=False):
        with pytest.raises(SerbenchError, match="is being audited by another serbench process"):
            audit_entry(Results(copied.root), AuditPlan(STUDY, data=tone_corpus))
        assert not path.exists()
        assert audit_entry(Results(copied.root), AuditPlan(STUDY, refits=False, data=tone_corpus)).findings


def test_an_unknown_name_gets_the_nearest(tmp_path) -> None:
    build = Builder(tmp_path / "results")
    build.entry("cnn1d-abc", build.study())
    with pytest.raises(UsageError, match="unknown entry 'cnn1d-abd'; did you mean 'cnn1d-abc'"):
        audit_entry(build.read(), AuditPlan("cnn1d-abd"))


@pytest.mark.parametrize(("skill", "level"), [(0.2, "ok"), (0.5, "alarm")])
def test_a_score_on_shuffled_labels_far_above_chance_is_an_alarm(tmp_path, skill, level) -> None:
    build = Builder(tmp_path / "results")
    folder = build.results.study(build.study(test_speakers=20))
    build.entry("a", folder.path.name, skill=skill)
    found = shuffled_labels(Fitted(folder, folder.entry("a")))
    assert found.level == level
    assert found.numbers["bound"] == pytest.approx(1 / 6 + 0.15)
    assert shuffled_labels(Fitted(error="why")).verdict == "why"


@pytest.mark.parametrize(
    ("change", "reason"),
    [("folds", "each fold selected"), ("teacher", "--init or --teacher"), ("init", "--init or --teacher")],
)
def test_what_cannot_be_trained_again_is_skipped(tmp_path, change, reason) -> None:
    build = Builder(tmp_path / "results")
    name = build.study()
    build.entry("a", name)
    folder = build.results.study(name)
    record = folder.record()
    update = {
        "folds": {"protocol": record.protocol.model_copy(update={"folds": 2, "fold": 1})},
        "teacher": {"teacher": TaughtBy(entry="t", study="s", trial="t0", answers="0", share=0.5)},
        "init": {
            "init": InitFrom(entry="x", study="s", refit="r", family="cnn2d", labels=("a",), sha256="0", heard=())
        },
    }[change]
    audit = _Audit(build.read().scored_entry("a"), folder, AuditPlan("a"), Observer(), threading.Event())
    found, splits = audit._retrained(record.model_copy(update=update), pd.DataFrame())
    assert [(one.check, one.level) for one in found] == [(check, "skipped") for check in TRAINED]
    assert all(reason in one.verdict for one in found)
    assert splits.draws == ()
