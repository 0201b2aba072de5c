"""Published architectures judged again: spaces, faults that let test clips choose, and the page of the results."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from spaces_made import REJUDGED

from benchmarks.faults import Fitter, Part, chosen_and_held_out, copies_fits, dealt, epoch_job, honest_parts, pooled
from benchmarks.rejudged import FAULTS, arm_facts, as_text, step_facts
from benchmarks.rejudged_page import FOLDER, PRINTED, inside, read_results, table
from serbench.corpora import StudyClips, get_corpus
from serbench.spaces import load_space

ROOT = Path(__file__).parents[1]
LABELS = ("anger", "fear")


def made_clips(speakers: int = 10, each: int = 8) -> StudyClips:
    """Clips that have no audio: enough to split them."""
    rows = [
        {
            "clip_id": f"s{who}-{n}",
            "label": LABELS[n % 2],
            "speaker": f"s{who}",
            "sex": "female",
            "digest": f"{who}-{n}",
        }
        for who in range(speakers)
        for n in range(each)
    ]
    return StudyClips(get_corpus("demo"), pd.DataFrame(rows), (), (), "made")


@pytest.fixture
def fitter() -> Fitter:
    return Fitter(load_space("rejudged_tim_net"), made_clips(), threads=1)


def test_every_publication_has_a_space_a_fault_and_a_printed_score() -> None:
    assert set(FAULTS) == set(PRINTED) == set(REJUDGED)
    for name in REJUDGED:
        space = load_space(name)
        assert space.protocol is None, "the benchmark names the protocol"
        assert len(space.enqueued) == 1
        assert (space.budget.trials, space.budget.finalists) == (1, 1)


@pytest.mark.children
@pytest.mark.parametrize("name", REJUDGED)
def test_the_network_of_a_space_can_be_built(name: str) -> None:
    from serbench.families import build_model, parameter_count, parse_hyperparameters

    space = load_space(name)
    hp = parse_hyperparameters(space.family, space.enqueued[0].config)
    size = space.features.shape[space.family.feature_axis]
    model = build_model(space.family, hp, space.features.shape, 7, np.zeros(size), np.ones(size), 0)
    assert parameter_count(model) <= space.training.max_parameters
    kinds = {type(layer).__name__ for layer in model.layers}
    assert {
        "rejudged_light_sernet": "Concatenate", "rejudged_tim_net": "GlobalAveragePooling1D",
        "rejudged_res_lstm": "Bidirectional", "rejudged_notebook_cnn": "Flatten",
    }[name] in kinds  # fmt: skip


def test_the_fault_lets_the_test_clips_choose_and_the_honest_fit_does_not(fitter: Fitter) -> None:
    faulty, tested = epoch_job(fitter, split_seed=0, seed=0, fault="epoch")
    honest, same = epoch_job(fitter, split_seed=0, seed=0, fault="none")
    assert tested.tolist() == same.tolist()
    assert set(faulty.predict["validation"]) == set(tested)
    assert not set(honest.predict["validation"]) & set(tested)
    assert not set(honest.train) & set(tested)
    assert not set(faulty.train) & set(tested), "test clips choose; they are not trained on"
    assert len(faulty.train) == len(fitter.clips.table) - len(tested)


@pytest.mark.children
def test_the_epoch_that_is_kept_is_the_best_one_on_the_test_clips(fitter: Fitter) -> None:
    from serbench.training import ClipTargets
    from serbench.training.fit import fit

    job, tested = epoch_job(fitter, split_seed=0, seed=0, fault="epoch")
    settings = job.settings.model_copy(update={"epochs": 6, "patience": 6})
    features = job.features.model_copy(update={"duration_s": 0.5})
    config = job.config | {"batch_size": 8}
    job = dataclasses.replace(job, config=config, settings=settings, features=features, precision="float32")
    made = np.random.default_rng(0).standard_normal((len(fitter.targets), *features.shape)).astype(np.float32)
    made[:, :, 0] += 0.3 * fitter.targets[:, None]
    outcome = fit(job, [made], ClipTargets(fitter.targets))
    true = fitter.targets[tested]
    assert outcome.curve is not None
    scores = [
        np.mean([(answers.argmax(1) == true)[true == label].mean() for label in (0, 1)]) for answers in outcome.curve
    ]
    assert outcome.best_epoch == int(np.argmax(scores)), "epochs are counted from 0"
    assert len(set(scores)) > 1, "else any epoch would pass"


def test_copies_of_a_test_clip_are_trained_on() -> None:
    clips, versions = 100, 3
    test, train = dealt(clips * versions, draw=0, test_share=0.2)
    assert len(test) == 60
    assert not set(test) & set(train)
    heard = {row % clips for row in train}
    assert np.mean([row % clips in heard for row in test]) > 0.9


class Hearing(Fitter):
    """Stands in for training: it knows every clip, and no copy of one."""

    def fit(self, job, source=None):
        rows = np.array(job.predict["validation"])
        true, clips = source.targets(self.clips.labels)[rows], len(self.clips.table)
        answers = np.where(rows < clips, true, 1 - true)
        return SimpleNamespace(curve=[np.eye(2)[1 - answers], np.eye(2)[answers]])


def test_the_last_epoch_answers_and_no_copy_is_counted(monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.faults._WithCopies.paths", lambda *_: ())
    fitter = Hearing(load_space("rejudged_notebook_cnn"), made_clips(), threads=1)
    (found,) = copies_fits(fitter, draws=1, seeds=1)
    assert (found.answered == found.true).all()
    assert len(found.true) < 0.2 * 3 * 80, "copies are tested as well, and not counted"
    assert found.trained == round(0.8 * 3 * 80)


def part(answered: list[int], true: list[int], seed: int = 0) -> Part:
    return Part(seed, np.array(true), np.array(answered), np.array([f"s{n % 2}" for n in range(len(true))]), 10)


def test_the_choice_on_test_folds_and_without_them() -> None:
    """The first configuration is best on all folds together; without the first fold, the second is."""
    true = [0, 1, 0, 1]
    right, half, wrong = [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]
    first = [part(right, true), part(half, true)]
    second = [part(wrong, true), part(right, true)]
    chosen, held_out = chosen_and_held_out([first, second], classes=2)
    assert [one.answered.tolist() for one in chosen] == [right, half]
    assert [one.answered.tolist() for one in held_out] == [wrong, half]


def test_draws_are_pooled_by_repetition() -> None:
    true = [0, 0, 1, 1]
    recalls = pooled(
        [part([0, 0, 1, 1], true), part([1, 1, 1, 1], true), part([0, 0, 0, 0], true, 1), part(true, true, 1)], 2
    )
    assert recalls.per_refit().tolist() == [0.75, 0.75]
    facts = arm_facts(recalls, LABELS, [part(true, true)])
    assert (facts["uar"], facts["tested"], facts["seeds"], facts["trained"]) == (0.75, 8, 2, 10)
    assert facts["low"] is None, "two speakers are too few for an interval"
    assert step_facts(recalls, recalls)["difference"] == 0


def test_counts_are_kept_a_line_each_so_that_scores_can_be_computed_again() -> None:
    true = [0, 0, 1, 1]
    facts = arm_facts(pooled([part([0, 1, 1, 1], true)], 2), LABELS, [part(true, true)])
    text = as_text({"arms": {"fault": facts}})
    assert json.loads(text)["arms"]["fault"] == facts
    assert text.count("\n") == 15, "eleven values and brackets around them"
    correct, support = np.array(facts["correct"]), np.array(facts["support"])
    assert (correct.sum(axis=1) / support.sum(axis=0)).mean() == facts["uar"] == 0.75


def test_honest_answers_are_those_of_the_test_subset() -> None:
    rows = pd.DataFrame(
        {"clip_id": ["b", "a", "c"], "subset": ["test", "test", "validation"], "label": ["fear", "anger", "fear"],
         "p_anger": [0.9, 0.6, 0.1], "p_fear": [0.1, 0.4, 0.9]}
    )  # fmt: skip
    found = honest_parts(rows, 0, LABELS, {"a": "x", "b": "y", "c": "z"}, 5)
    assert found.true.tolist() == [0, 1]
    assert found.answered.tolist() == [0, 0]
    assert found.speakers.tolist() == ["x", "y"]


def test_the_table_of_the_page_is_made_of_the_committed_files() -> None:
    _, made, _ = inside((ROOT / "docs" / "rejudged.md").read_text(encoding="utf-8"))
    assert made == table(read_results()), "run `uv run python benchmarks/rejudged.py --page`"


def test_the_committed_files_are_small_and_fit_their_spaces() -> None:
    for path in FOLDER.glob("*.json"):
        assert path.stat().st_size < 50 * 1024
        facts = json.loads(path.read_text(encoding="utf-8"))
        assert path.stem == f"{facts['corpus']}-{facts['space']}"
        assert facts["fault"] == FAULTS[facts["space"]]
        space = load_space(facts["space"]).with_training(epochs=facts["epochs"])
        assert facts["space_hash"] == space.hash, "the space was edited after it was fitted"
        for step, cost in facts["steps"].items():
            one, other = step.split(" - ")
            assert cost["difference"] == pytest.approx(
                facts["arms"][one]["uar"] - facts["arms"][other]["uar"], abs=2e-4
            )
            assert cost["low"] <= cost["difference"] <= cost["high"]
