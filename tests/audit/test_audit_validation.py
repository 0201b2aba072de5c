"""Does the validation core promise more than the test core keeps?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_results import Builder

from serbench.audit.validation import ScoredClips, against_validation, validation_finding
from serbench.corpora import UNKNOWN_SPEAKER
from serbench.evaluation.jackknife import SpeakerRecalls, Spread
from serbench.records import StudyRecord

LABELS = ["anger", "fear"]


def core(skill, rng, speakers=10, clips=40, spread=0.05, refits=2, first=0):
    true = np.tile([0, 1], speakers * clips // 2)
    who = np.repeat(np.arange(speakers) + first, clips)
    ease = rng.normal(0, spread, speakers).repeat(clips)
    guesses = [np.where(rng.random(len(true)) < skill + ease, true, 1 - true) for _ in range(refits)]
    return ScoredClips(true, guesses, who)


def judged(validation, test, seed=0, shares=False, **kwargs):
    rng = np.random.default_rng(seed)
    cores = core(validation, rng, first=100, **kwargs), core(test, rng, **kwargs)
    return validation_finding(*cores, LABELS, shares_speakers=shares)


def test_a_gap_that_speakers_explain_is_fine():
    found = judged(0.66, 0.65)
    assert found.level == "ok"
    assert "within" in found.verdict
    assert "10 validation and 10 test speakers" in found.verdict


def test_a_gap_beyond_them_is_a_warning():
    found = judged(0.85, 0.65)
    assert found.level == "warning"
    assert found.numbers["gap_points"] == pytest.approx(20, abs=6)
    assert found.numbers["gap_points"] > found.numbers["explained_points"] > 0
    assert found.numbers["validation_uar"] - found.numbers["test_uar"] == pytest.approx(
        found.numbers["gap_points"] / 100
    )


def test_what_a_teacher_explains_is_no_warning(tmp_path):
    build = Builder(tmp_path / "results")
    name = build.study(test_speakers=20, validation_speakers=20)
    build.entry("a", name, skill=0.3, validation=0.95)

    def found():
        folder = build.results.study(name)
        return against_validation(build.read().scored_entry("a"), folder.clips())

    assert (found().level, "does less well on others" in found().verdict) == ("warning", True)
    folder = build.results.study(name)
    teacher = {"entry": "taught", "study": "s", "trial": "t0000", "answers": "d", "share": 0.5}
    StudyRecord.model_validate(folder.record().model_dump(mode="json") | {"teacher": teacher}).save(folder.record_path)
    assert (found().level, "does less well on others" in found().verdict) == ("note", False)
    assert found().verdict.endswith("had heard the validation clips")


def test_a_test_core_that_is_far_easier_is_worth_a_note():
    assert judged(0.65, 0.85).level == "note"


def test_too_few_speakers_explain_nothing():
    found = judged(0.85, 0.65, speakers=7)
    assert found.level == "note"
    assert "7 validation speakers, fewer than 8: too few" in found.verdict
    assert "explained_points" not in found.numbers


def test_unknown_speakers_explain_nothing():
    rng = np.random.default_rng(0)
    validation, test = core(0.85, rng), core(0.65, rng)
    who = np.where(np.asarray(test.speakers) == 3, UNKNOWN_SPEAKER, np.asarray(test.speakers).astype(str))
    found = validation_finding(validation, replace(test, speakers=who), LABELS, shares_speakers=True)
    assert found.level == "note"
    assert "the speakers of some test clips are unknown" in found.verdict
    assert "explained_points" not in found.numbers


def test_an_absent_class_is_no_uar():
    whole = core(0.7, np.random.default_rng(0))
    angry = np.asarray(whole.y_true) == 0
    few = ScoredClips(
        np.asarray(whole.y_true)[angry],
        [guess[angry] for guess in whole.predictions],
        np.asarray(whole.speakers)[angry],
    )
    found = validation_finding(few, whole, LABELS, shares_speakers=False)
    assert found.level == "skipped"
    assert "'fear'" in found.verdict


def test_equal_cores_are_called_apart_about_as_often_as_alpha_says():
    wrong = sum(judged(0.7, 0.7, seed, spread=0.08).level != "ok" for seed in range(300))
    assert 0.02 <= wrong / 300 <= 0.08


def test_spreads_of_two_cores_add_up_as_in_welchs_test():
    """With as many clips of each class for each speaker: Welch's two-sample t, one refit."""
    from scipy import stats

    rng = np.random.default_rng(4)
    cores = [core(0.7, rng, speakers=count, refits=1) for count in (9, 14)]
    counts = [SpeakerRecalls.count(one.y_true, one.predictions, one.speakers, 2) for one in cores]
    means = [(count.correct[0] / count.support).mean(axis=1) for count in counts]
    expected = stats.ttest_ind(*means, equal_var=False)
    spread = Spread.of_independent(*counts)
    assert spread.p_value(means[0].mean() - means[1].mean()) == pytest.approx(expected.pvalue)
    assert spread.freedom == pytest.approx(expected.df)
