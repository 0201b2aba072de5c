"""A fit in this process: what it learns from, what it returns, and how it ends."""

from __future__ import annotations

import io
import math
import os
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

from serbench.evaluation import evaluate
from serbench.features import WaveformAugmentation, even_crops
from serbench.records import EpochMetrics
from serbench.training import ClipTargets, FitSettings, Verdict

pytestmark = pytest.mark.children


def fit(job, arrays, classes, *exchange, votes=None, **more):
    """Fits in this process; the module imports Keras, so that it is imported late."""
    from serbench.training.fit import fit

    return fit(job, arrays, ClipTargets(classes, votes=votes), *exchange, **more)


@pytest.mark.slow
def test_an_easy_task_is_learnt(make_job, features, targets) -> None:
    outcome = fit(make_job(settings={"epochs": 12}), [features], targets)
    assert outcome.state == "completed"
    assert outcome.value > 0.8
    assert outcome.predictions["validation"].shape == (12, 3)
    assert np.allclose(outcome.predictions["validation"].sum(axis=1), 1, atol=1e-5)


def test_the_value_is_that_of_the_best_epoch_and_of_the_returned_predictions(make_job, features, targets) -> None:
    outcome = fit(make_job(config={"learning_rate": 0.05}, settings={"epochs": 8}), [features], targets)
    uars = [epoch.val_uar for epoch in outcome.epochs]
    assert outcome.value == pytest.approx(max(uars))
    assert outcome.best_epoch == uars.index(max(uars))
    predicted = outcome.predictions["validation"].argmax(axis=1)
    truth = targets[36:48]
    recalls = [(predicted[truth == c] == c).mean() for c in range(3)]
    assert outcome.value == pytest.approx(np.mean(recalls))


def test_of_equal_epochs_the_first_is_kept_whatever_the_last_bits_say() -> None:
    from serbench.training.fit import _kept

    epochs = [
        EpochMetrics(epoch=number, loss=1.0, accuracy=0.5, val_loss=1.0, val_accuracy=0.5, val_uar=uar,
                     learning_rate=0.1, seconds=1.0)
        for number, uar in enumerate((0.3, 0.5, 0.4, 0.5 + 1e-12))
    ]  # fmt: skip
    assert _kept(epochs).epoch == 1


@pytest.mark.slow
def test_the_same_seed_repeats_and_another_does_not(make_job, features, targets) -> None:
    config = {"mixup": 0.3, "dropout": 0.2, "time_mask": 5}
    first, again, other = (fit(make_job(config=config, seed=seed), [features], targets) for seed in (1, 1, 2))
    assert [e.loss for e in first.epochs] == [e.loss for e in again.epochs]
    assert np.array_equal(first.predictions["validation"], again.predictions["validation"])
    assert [e.loss for e in first.epochs] != [e.loss for e in other.epochs]


def test_clips_outside_the_training_rows_do_not_touch_the_model(make_job, features, targets) -> None:
    """Rows that are not trained on may hold anything: the same weights, the same scores on validation."""
    job = make_job(config={"class_weights": True})
    spoilt, wrong = features.copy(), targets.copy()
    spoilt[48:] = 1e6
    wrong[48:] = 0
    clean, dirty = fit(job, [features], targets), fit(job, [spoilt], wrong)
    assert np.array_equal(clean.predictions["validation"], dirty.predictions["validation"])


def test_augmented_copies_of_validation_and_test_clips_are_never_read(make_job, features, targets) -> None:
    copy = features + 0.1
    poisoned = copy.copy()
    poisoned[36:] = np.nan
    job = make_job()
    clean, dirty = fit(job, [features, copy], targets), fit(job, [features, poisoned], targets)
    assert dirty.state == "completed"
    assert np.array_equal(clean.predictions["validation"], dirty.predictions["validation"])


def test_an_answer_is_the_mean_over_its_windows_which_are_never_trained_on(make_job, features, targets) -> None:
    from serbench.training.loading import load_network

    windows = [features + 0.2, np.where(features > 0.5, features, 0)]
    job = make_job(augmentations=(WaveformAugmentation(speed=0.9),), keep_model=True)
    usual = fit(job, [features, features - 0.1], targets)
    averaged = fit(replace(job, crops=even_crops(2)), [features, features - 0.1, *windows], targets)
    assert [epoch.loss for epoch in averaged.epochs] == [epoch.loss for epoch in usual.epochs]
    model = load_network(averaged.model, job.family)
    expected = np.mean([model.predict_on_batch(window[36:48]) for window in windows], axis=0)
    np.testing.assert_allclose(averaged.predictions["validation"], expected, atol=1e-6)
    assert np.abs(averaged.predictions["validation"] - usual.predictions["validation"]).max() > 1e-3


def test_a_loss_that_is_not_finite_is_named_diverged(make_job, features, targets) -> None:
    copy = features.copy()
    copy[5] = np.nan
    outcome = fit(make_job(config={"activation": "elu"}), [features, copy], targets)
    assert outcome.state == "diverged"
    assert outcome.value is None
    assert not outcome.predictions


def test_too_many_parameters_are_refused_before_training(make_job, features, targets) -> None:
    outcome = fit(make_job(settings={"max_parameters": 10}), [features], targets)
    assert outcome.state == "invalid"
    assert "over the budget of 10" in outcome.error
    assert not outcome.epochs


@pytest.mark.parametrize(("verdict", "state"), [(Verdict.PRUNE, "pruned"), (Verdict.STOP, "interrupted")])
def test_the_answer_to_an_epoch_is_obeyed(make_job, features, targets, verdict, state) -> None:
    answers = iter([Verdict.CONTINUE, verdict])
    outcome = fit(make_job(settings={"epochs": 9, "patience": 9}), [features], targets, lambda _: next(answers))
    assert outcome.state == state
    assert len(outcome.epochs) == 2


def test_a_stop_is_heard_in_mid_epoch(make_job, features, targets) -> None:
    outcome = fit(make_job(), [features], targets, should_stop=lambda: True)
    assert outcome.state == "interrupted"
    assert not outcome.epochs


def test_patience_ends_training_and_restores_the_best(make_job, features, targets) -> None:
    shuffled = np.random.default_rng(1).permutation(targets)
    outcome = fit(make_job(settings={"epochs": 30, "patience": 2}), [features], shuffled)
    assert len(outcome.epochs) < 30
    assert outcome.best_epoch == len(outcome.epochs) - 3


@pytest.mark.parametrize(
    "config",
    [
        {"schedule": "plateau", "plateau_patience": 1},
        {"schedule": "constant", "optimizer": "sgd", "momentum": 0.9},
        {"escape": "kick", "escape_patience": 1, "escape_strength": 0.5},
        {"class_weights": True, "mixup": 0.4, "label_smoothing": 0.2, "clip_norm": 1.0},
        {"optimizer": "nadam", "regulariser": "l1_l2", "representation": "summary", "schedule": "cosine"},
        {"weight_averaging": 0.99, "escape": "kick", "escape_patience": 1, "optimizer": "rmsprop", "regulariser": "l1"},
        {"time_shift": 2.0, "time_stretch": 0.1, "block": "residual", "squeeze": 4},
    ],
)
@pytest.mark.slow
def test_every_way_of_training_completes(make_job, features, targets, config) -> None:
    outcome = fit(make_job(config=config, settings={"epochs": 2}), [features], targets)
    assert outcome.state == "completed"


def test_averaged_weights_are_judged_and_kept_while_training_goes_on_with_its_own() -> None:
    import keras

    from serbench.training.callbacks import AveragedWeights

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    averaged = AveragedWeights(0.9)
    averaged.set_model(model)
    restore = averaged.restore()
    expected = None
    for step, weight in enumerate((1.0, 3.0, 5.0), start=1):
        model.set_weights([np.array([[weight]])])
        averaged.on_train_batch_end(step)
        momentum = min(0.9, step / (step + 9))
        expected = weight if expected is None else expected + (1 - momentum) * (weight - expected)
    averaged.on_epoch_end(0)
    assert model.get_weights()[0].item() == pytest.approx(expected)
    restore.on_epoch_end(0, {})
    assert model.get_weights()[0].item() == pytest.approx(5.0)


def test_without_validation_clips_no_kick_comes_too_late_to_recover_from(make_job, features, targets) -> None:
    still = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 1e-6}  # nothing is learnt, so each epoch stalls
    kick = still | {"escape": "kick", "escape_patience": 3, "escape_strength": 0.5}
    answers = {}
    for name, config, late in (("none", still, False), ("spared", kick, False), ("older", kick, True)):
        job = make_job(config=config, settings={"epochs": 5}, predict={"train": tuple(range(36))}, late_kicks=late)
        answers[name] = fit(job, [features], targets).predictions["train"]
    np.testing.assert_array_equal(answers["spared"], answers["none"])
    assert np.abs(answers["older"] - answers["none"]).max() > 1e-3


@pytest.mark.parametrize(("until", "kicks"), [(math.inf, 8), (6, 6), (0, 0)])
def test_kicks_end_after_so_many_epochs(until, kicks) -> None:
    import keras

    from serbench.training.callbacks import Kick

    kick = Kick(1, 0.5, 0, until)
    kick.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    for epoch in range(8):
        kick.on_epoch_end(epoch, {"loss": math.nan})
    assert kick.kicks == kicks


@pytest.mark.slow
def test_the_value_of_averaged_weights_is_that_of_the_returned_predictions(make_job, features, targets) -> None:
    job = make_job(config={"weight_averaging": 0.95}, settings={"epochs": 6, "patience": 3})
    outcome = fit(job, [features], targets)
    rows = np.asarray(job.predict["validation"])
    found = evaluate(targets[rows], outcome.predictions["validation"], job.labels).mean_recall_present
    assert outcome.value == pytest.approx(found) == pytest.approx(max(one.val_uar for one in outcome.epochs))


@pytest.mark.slow
def test_a_plateau_lowers_the_learning_rate(make_job, features, targets) -> None:
    shuffled = np.random.default_rng(1).permutation(targets)
    config = {"schedule": "plateau", "plateau_patience": 1, "optimizer": "adam"}
    outcome = fit(make_job(config=config, settings={"epochs": 12, "patience": 12}), [features], shuffled)
    rates = [epoch.learning_rate for epoch in outcome.epochs]
    assert rates[-1] < rates[0]


def test_a_learning_rate_is_recorded_without_digits_that_float32_does_not_hold(make_job, features, targets) -> None:
    job = make_job(config={"schedule": "constant", "learning_rate": 0.001}, settings={"epochs": 1})
    assert [epoch.learning_rate for epoch in fit(job, [features], targets).epochs] == [0.001]


def test_a_refit_carries_its_model_and_says_what_a_prediction_costs(make_job, features, targets) -> None:
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    outcome = fit(make_job(keep_model=True), [features], targets)
    assert outcome.cost.model_bytes == len(outcome.model)
    with zipfile.ZipFile(io.BytesIO(outcome.model)) as archive:
        assert "config.json" in archive.namelist()
        weights = archive.read("model.weights.h5")
    with h5py.File(io.BytesIO(weights)) as kept:
        assert "optimizer" not in kept
    # Two convolutions of 3 over as many frames each, and what follows them: of this order, and no parameter count.
    assert outcome.cost.multiply_accumulates > outcome.parameters
    assert outcome.cost.model_ms > 0
    if before is not None:
        assert os.sched_getaffinity(0) == before
    assert fit(make_job(), [features], targets).cost is None


def test_a_layer_that_fails_to_count_itself_costs_the_count_and_not_the_fit() -> None:
    import keras

    from serbench.training.fit import model_cost

    class Miscounting(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

        def multiply_accumulates(self, input_shape):
            _, frames, channels = input_shape  # it has no batch axis
            return frames * channels

    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(Miscounting()(inputs)))
    cost = model_cost(model, 1_000, 1)
    assert (cost.multiply_accumulates, cost.model_bytes) == (None, 1_000)
    assert cost.model_ms > 0


def test_normalisation_is_that_of_the_training_rows() -> None:
    from serbench.training.data import normalisation

    x = np.random.default_rng(0).normal(5, 3, size=(300, 7, 4)).astype(np.float32)
    x[..., 2] = 1.0
    rows = tuple(range(0, 290, 2))
    mean, std = normalisation(x, rows, axis=1)
    assert np.allclose(mean, x[list(rows)].mean(axis=(0, 1)), atol=1e-4)
    expected = x[list(rows)].std(axis=(0, 1))
    expected[2] = 1.0
    assert np.allclose(std, expected, atol=1e-4)


def test_an_epoch_shows_every_clip_and_copy_once() -> None:
    from serbench.training.data import TrainingBatches

    arrays = [np.arange(20, dtype=np.float32)[:, None], 100 + np.arange(20, dtype=np.float32)[:, None]]
    batches = TrainingBatches(arrays, range(10), np.eye(2, dtype=np.float32)[np.zeros(20, int)], batch_size=6)
    for _ in range(2):
        seen = np.concatenate([batches[i][0][:, 0] for i in range(len(batches))])
        assert sorted(seen) == [*range(10), *range(100, 110)]
        batches.on_epoch_end()


def test_an_epoch_shows_one_version_of_every_clip_and_all_its_copies() -> None:
    from serbench.training.data import TrainingBatches

    arrays = [place * 100 + np.arange(40, dtype=np.float32)[:, None] for place in range(4)]
    labels = np.eye(2, dtype=np.float32)[np.zeros(40, int)]
    batches = TrainingBatches(arrays, range(30), labels, batch_size=7, versions=(2, 3), seed=5)
    epochs = []
    for _ in range(8):
        seen = np.concatenate([batches[i][0][:, 0] for i in range(len(batches))])
        shown = sorted(seen[seen // 100 != 1])
        assert sorted(seen[seen // 100 == 1]) == [*range(100, 130)]
        assert sorted(value % 100 for value in shown) == [*range(30)]
        epochs.append(shown)
        batches.on_epoch_end()
    assert len({tuple(shown) for shown in epochs}) == 8, "drawn anew"
    counts = np.bincount(np.array(epochs).astype(int).ravel() // 100, minlength=4)
    assert counts[[0, 2, 3]].min() > 50, "all three about as often"


def test_mixup_mixes_clips_and_labels_alike() -> None:
    from serbench.training.data import TrainingBatches

    x = np.eye(4, dtype=np.float32)
    batches = TrainingBatches([x], range(4), np.eye(4, dtype=np.float32), batch_size=4, mixup=1.0, seed=3)
    mixed, labels = batches[0]
    assert np.allclose(mixed, labels)
    assert not np.array_equal(np.sort(mixed, axis=1)[:, -1], np.ones(4))


def test_soft_labels_move_a_share_to_what_was_heard() -> None:
    from serbench.training.data import training_labels

    heard = np.array([[0, 0.5, 0.5], [0, 0, 0.5], [np.nan] * 3, [1, 0, 0]])
    labels = training_labels(np.array([0, 1, 2, 0]), 3, heard, 0.4)
    # The second was heard as a half of something that this study does not tell apart; nobody heard the third.
    assert np.allclose(labels, [[0.6, 0.2, 0.2], [0, 0.8, 0.2], [0, 0, 1], [1, 0, 0]])


@pytest.mark.slow
def test_what_was_heard_is_trained_on(make_job, features, targets) -> None:
    heard = np.eye(3, dtype=np.float32)[(targets + 1) % 3]
    job = make_job(config={"soft_labels": 1.0, "learning_rate": 0.05}, settings={"epochs": 8})
    outcome = fit(job, [features], targets, votes=heard)
    assert min(epoch.val_uar for epoch in outcome.epochs[4:]) < 0.1


def test_soft_labels_without_votes_are_an_invalid_configuration(make_job, features, targets) -> None:
    outcome = fit(make_job(config={"soft_labels": 0.5}), [features], targets)
    assert outcome.state == "invalid"
    assert "needs listeners' votes" in outcome.error


def test_a_batch_has_the_clips_of_its_copies_mixed_in_pairs() -> None:
    from serbench.training.data import TrainingBatches

    plain = np.arange(8, dtype=np.float32)[:, None] * np.ones((8, 3), dtype=np.float32)
    labels = np.eye(8, dtype=np.float32)
    for arrays in ([plain], [plain, plain + 100]):
        batches = TrainingBatches(arrays, [1, 2, 5], labels, batch_size=2, seed=3)
        x, y = (np.concatenate([batches[index][part] for index in range(len(batches))]) for part in (0, 1))
        assert (x[:, 0] % 100).tolist() == y.argmax(axis=1).tolist()
        assert sorted(x[:, 0]) == sorted(row + 100 * copy for copy in range(len(arrays)) for row in (1, 2, 5))
    mixed, shares = TrainingBatches([plain], [1, 2, 5], labels, batch_size=3, mixup=0.4, seed=3)[0]
    assert np.allclose(mixed[:, 0], shares @ np.arange(8), atol=1e-5)
    assert not set(mixed[:, 0]) <= {1, 2, 5}
    assert plain[:, 0].tolist() == list(range(8)), "the features are never written to"


def test_class_weights_balance_the_classes() -> None:
    from serbench.training.data import balanced_weights

    targets = np.array([0] * 8 + [1] * 2)
    weights = balanced_weights(targets, 2)
    assert weights[0] * 8 == pytest.approx(weights[1] * 2)


def test_settings_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        FitSettings(epochs=0)
