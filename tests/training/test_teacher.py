"""A teacher's answers: they reach the labels of the right clips, and no others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from serbench.features import FeatureStore
from serbench.training import ClipTargets, FeatureSource, Teacher

LABELS = ("anger", "joy", "sadness")


@pytest.fixture
def teacher() -> Teacher:
    return Teacher(LABELS, {"a": (0.7, 0.2, 0.1), "b": (0.0, 1.0, 0.0)}, share=0.5)


def test_answers_follow_the_clip_ids_whatever_their_order(teacher) -> None:
    assert teacher.rows(["b", "a"], LABELS).tolist() == [
        [0, 1, 0],
        [pytest.approx(0.7), pytest.approx(0.2), pytest.approx(0.1)],
    ]
    assert teacher.rows(["a"], ("sadness", "anger", "joy")).tolist() == [pytest.approx([0.1, 0.7, 0.2])]


def test_a_clip_without_an_answer_has_none(teacher) -> None:
    rows = teacher.rows(["a", "unheard"], LABELS)
    assert np.isnan(rows[1]).all()
    assert np.isfinite(rows[0]).all()
    assert teacher.rows([], LABELS).shape == (0, 3)


def test_other_labels_are_refused(teacher) -> None:
    with pytest.raises(ValueError, match="the teacher knows anger"):
        teacher.rows(["a"], ("anger", "joy"))


def test_a_source_puts_the_answers_beside_its_clips(teacher, tmp_path) -> None:
    clips = pd.DataFrame({"clip_id": ["c", "b", "a"], "label": ["joy", "anger", "joy"]})
    found = FeatureSource(clips, FeatureStore(tmp_path), teacher).answers(LABELS)
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [0, 1, 0]
    assert found[2].tolist() == pytest.approx([0.7, 0.2, 0.1])
    assert FeatureSource(clips, FeatureStore(tmp_path)).answers(LABELS) is None


@pytest.mark.children
def test_labels_are_mixed_by_the_share_and_clips_without_an_answer_keep_theirs() -> None:
    from serbench.training.data import taught

    labels = np.eye(3, dtype=np.float32)[[0, 1]]
    answers = np.array([[0.2, 0.2, 0.6], [np.nan] * 3], dtype=np.float32)
    mixed = taught(labels, answers, 0.25)
    assert mixed.dtype == np.float32
    assert mixed.tolist() == [pytest.approx([0.8, 0.05, 0.15]), [0, 1, 0]]


@pytest.mark.children
def test_a_student_learns_what_the_teacher_answers(make_job, features, targets) -> None:
    """The teacher calls each class by the next one's name, and the labels count nothing."""
    from serbench.training.fit import fit

    answers = np.eye(3, dtype=np.float32)[(targets + 1) % 3]
    job = make_job(settings={"epochs": 12, "patience": 12}, teacher_share=1.0, predict={"test": tuple(range(48, 60))})
    outcome = fit(job, [features], ClipTargets(targets, teacher=answers))
    predicted = outcome.predictions["test"].argmax(axis=1)
    assert (predicted == (targets[48:] + 1) % 3).mean() > 0.8


@pytest.mark.children
def test_answers_of_clips_that_are_not_trained_on_are_never_read(make_job, features, targets) -> None:
    from serbench.training.fit import fit

    answers = np.eye(3, dtype=np.float32)[targets]
    spoilt = answers.copy()
    spoilt[36:48] = 1e6
    spoilt[48:] = np.nan
    job = make_job(teacher_share=0.5)
    clean, dirty = (fit(job, [features], ClipTargets(targets, teacher=one)) for one in (answers, spoilt))
    assert np.array_equal(clean.predictions["validation"], dirty.predictions["validation"])
    assert [e.loss for e in clean.epochs] == [e.loss for e in dirty.epochs]


@pytest.mark.children
@pytest.mark.slow
def test_answers_travel_to_the_child_with_the_rows_of_the_clips(make_job, source, features, targets, tmp_path) -> None:
    """A fit in its own process does as one in this, with a teacher whose answers are in another order."""
    from serbench.training import run_job
    from serbench.training.fit import fit

    ids = [f"clip{row:02}" for row in range(len(targets))]
    rows = np.random.default_rng(0).dirichlet(np.ones(3), size=len(ids)).astype(np.float32)
    order = np.random.default_rng(1).permutation(len(ids))
    teacher = Teacher(LABELS, {ids[row]: tuple(map(float, rows[row])) for row in order}, 0.5)

    class Taught(type(source)):
        def targets_for(self, job):
            return dataclasses.replace(super().targets_for(job), teacher=teacher.rows(ids, job.labels))

    source.__class__ = Taught
    job = make_job(teacher_share=0.5)
    here, there = fit(job, [features], ClipTargets(targets, teacher=rows)), run_job(job, source)
    assert there.state == "completed", there.error
    assert np.allclose(here.predictions["validation"], there.predictions["validation"], atol=1e-5)
    plain = fit(dataclasses.replace(job, teacher_share=0.0), [features], ClipTargets(targets))
    assert not np.allclose(here.predictions["validation"], plain.predictions["validation"], atol=1e-3)
