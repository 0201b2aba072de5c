import io
import json

import numpy as np
import pandas as pd
import pytest

from serbench.errors import UsageError
from serbench.evaluation import Evaluation
from serbench.render import render
from serbench.render.entry import caveats, config_rows, entry_document, setting_rows


@pytest.fixture
def report(build):
    build.entry("a", build.study(), refits=3, rest=10)
    return build.read().report("a")


def test_per_class_scores_are_means_over_refits(report):
    for index, row in enumerate(report.per_class):
        for score in ("precision", "recall", "f1", "correct"):
            each = [getattr(refit.per_class[index], score) for refit in report.refits]
            assert getattr(row, score) == pytest.approx(np.mean(each))
        assert row.support == 20
    assert [row.label for row in report.per_class] == list(report.corpus.labels)


def test_each_refit_agrees_with_its_own_confusion_matrix(report):
    for refit in report.refits:
        scores = Evaluation.from_confusion(refit.confusion, report.corpus.labels)
        assert refit.scores["test"].uar == pytest.approx(scores.uar)
        assert [row.f1 for row in refit.per_class] == [row.f1 for row in scores.per_class]


def test_confusion_is_summed_over_refits_and_divided_by_row(report):
    assert np.array_equal(np.sum([refit.confusion for refit in report.refits], axis=0), report.confusion)
    assert np.sum(report.confusion_by_row, axis=1) == pytest.approx(np.ones(6))
    assert report.confusion_by_row[0][0] == pytest.approx(report.per_class[0].recall)


def test_a_run_has_no_validation_score_where_other_fits_were_judged(report):
    def scores(shown):
        (runs,) = [sheet for sheet in entry_document(shown).sheets if sheet.title == "Runs"]
        return {row[3] for row in runs.rows}

    assert "-" not in scores(report)
    judged = report.model_copy(update={"row": report.row.model_copy(update={"out_of_fold": True})})
    assert scores(judged) == {"-"}


def test_subsets_are_means_and_training_comes_from_the_record(report):
    subsets = {one.subset: one for one in report.subsets}
    assert list(subsets) == ["train", "validation", "test", "test_own"]
    assert (subsets["train"].accuracy, subsets["train"].uar, subsets["train"].clips) == (0.9, 0.88, 500)
    assert subsets["test"].uar == pytest.approx(report.row.uar)
    assert subsets["validation"].uar == pytest.approx(report.row.validation_uar)
    assert (subsets["test"].clips, subsets["test_own"].clips) == (120, 130)


def test_a_subset_that_no_refit_has_is_left_out(build):
    build.entry("a", build.study(), train=False)
    report = build.read().report("a")
    assert [one.subset for one in report.subsets] == ["validation", "test"]


def test_the_rank_is_that_on_the_leaderboard(build):
    study = build.study()
    build.entry("a", study, skill=0.4)
    build.entry("b", study, skill=0.9)
    assert build.read().report("a").row.rank == 2


def test_an_absent_class_has_neither_recall_nor_row_percent(build):
    build.entry("a", build.study(absent=("fear",)))
    report = build.read().report("a")
    fear = report.per_class[2]
    assert (fear.label, fear.recall, fear.support) == ("fear", None, 0)
    assert set(report.confusion_by_row[2]) == {None}
    assert json.loads(render(report, "json"))["per_class"][2]["recall"] is None


def test_an_entry_without_refits_still_has_a_report(build):
    build.entry("a", build.study(), refits=0, failed=("a-r0",))
    report = build.read().report("a")
    assert report.per_class == ()
    assert "no interval: no run was completed" in caveats(report)
    assert "Configuration" in render(report)


def test_an_unknown_entry_names_the_nearest(build):
    build.entry("cnn2d-12", build.study())
    with pytest.raises(UsageError, match="did you mean 'cnn2d-12'"):
        build.read().report("cnn2d-13")


def test_json_has_the_leaderboards_keys_and_everything_else(report):
    data = json.loads(render(report, "json"))
    assert (data["entry"], data["corpus"], data["protocol"]) == ("a", "demo", "speaker")
    assert data["uar"] == report.row.uar
    assert data["corpus_facts"]["licence"] == "ODbL 1.0"
    assert data["corpus_facts"]["excluded"] == [{"clip_id": "silent_one", "reason": "silent"}]
    assert data["config"] == {"learning_rate": 0.001, "batch_size": 32, "layers": {"depth": 4}}
    assert len(data["refits"]) == 3
    assert len(data["refits"][0]["epochs"]) == 20
    assert data["environment"]["backend"] == "tensorflow"


def test_csv_is_the_per_class_table(report):
    frame = pd.read_csv(io.StringIO(render(report, "csv")))
    assert list(frame.columns) == ["label", "precision", "recall", "f1", "support", "correct"]
    assert frame["recall"].tolist() == pytest.approx([row.recall for row in report.per_class])


def test_the_table_says_all_that_the_founding_report_said(report):
    text = render(report)
    for part in ("precision %", "recall %", "F1 %", "clips", "training", "validation", "best class", "worst class"):
        assert part in text
    assert "by number correct" in text
    assert "silent_one (silent)" in text
    assert "ODbL 1.0" in text
    assert max(map(len, text.splitlines())) <= 80


def test_caveats_name_synthetic_speech_and_too_few_speakers_once(build):
    build.entry("a", build.study(synthetic=True, test_speakers=3))
    said = caveats(build.read().report("a"))
    assert sum("synthetic" in sentence for sentence in said) == 1
    assert sum("3 test" in sentence for sentence in said) == 1


def test_a_plain_entry_has_no_caveats(report):
    assert caveats(report) == []


def test_settings_are_shown_flat():
    config = {"dropout": 0.123456, "layers": {"depth": 4}, "activation": "relu", "norm": True, "none": None}
    assert config_rows(config) == [
        ("activation", "relu"),
        ("dropout", "0.1235"),
        ("layers.depth", "4"),
        ("none", "null"),
        ("norm", "true"),
    ]


def test_a_folded_entry_has_one_row_a_setting_with_the_folds_that_chose_it():
    config = {f"fold {k}": {"depth": 4 if k == 2 else 3, "width": 16} for k in (1, 2, 3, 4, 10)}
    assert config_rows(config) == [("depth", "3 (folds 1, 3-4, 10); 4 (fold 2)"), ("width", "16")]


def test_settings_that_play_no_part_are_not_listed(report):
    used = replace_config(report, {"functionals": "alone", "depth": 4, "optimizer": "adam", "momentum": 0.5})
    assert dict(setting_rows(used)) == {"functionals": "alone", "optimizer": "adam"}
    assert ("depth", "4") in setting_rows(replace_config(report, {"functionals": "branch", "depth": 4}))


def test_settings_of_a_family_that_is_not_here_are_listed_as_they_are(report):
    row = report.row.model_copy(update={"family": "theirs"})
    assert setting_rows(report.model_copy(update={"row": row, "config": {"x": 1}})) == [("x", "1")]


def replace_config(report, config):
    row = report.row.model_copy(update={"family": "cnn1d"})
    return report.model_copy(update={"row": row, "config": config})
