import math

import numpy as np
import pytest
from judged_predictions import interval_of
from scipy import stats

from serbench.evaluation import MIN_SPEAKERS, SpeakerRecalls, Spread, evaluate

LABELS = ["anger", "fear"]


def eight_speakers(wrong_of_last=1):
    """Eight speakers with two clips of each class; the last one has `wrong_of_last` clips wrong."""
    true = np.tile([0, 0, 1, 1], 8)
    predicted = true.copy()
    predicted[28 : 28 + wrong_of_last] = 1 - predicted[28 : 28 + wrong_of_last]
    return true, predicted, np.repeat([f"s{i}" for i in range(8)], 4)


def test_one_refit_worked_by_hand():
    true, predicted, speakers = eight_speakers()
    interval, reason = interval_of(true, [predicted], speakers, LABELS)
    # UAR = (15/16 + 16/16) / 2. Without the last speaker 1, without another (13/14 + 1) / 2 = 27/28.
    score = (15 / 16 + 1) / 2
    without = np.array([27 / 28] * 7 + [1.0])
    variance = 7 / 8 * np.sum((without - without.mean()) ** 2)
    half = stats.t.ppf(0.975, 7) * math.sqrt(variance)
    assert reason == ""
    assert interval is not None
    assert interval.low == pytest.approx(score - half)
    assert interval.high == min(1.0, score + half)
    assert (interval.speakers, interval.seeds, interval.level) == (8, 1, 0.95)


def test_counts_hold_no_confusion_matrix_of_each_speaker():
    true, predicted, speakers = eight_speakers()
    recalls = SpeakerRecalls.count(true, [predicted, predicted], speakers, len(LABELS))
    assert recalls.correct.base is None, "a view keeps the whole array that it shows a part of"


def test_the_spread_over_seeds_is_included():
    """The mean square of seeds, less what seeds do to single speakers, worked as a two-way table."""
    true, first, speakers = eight_speakers(1)
    refits = [first, eight_speakers(2)[1], np.where(np.arange(32) % 4 == 0, 1 - true, true)]
    counts = SpeakerRecalls.count(true, refits, speakers, len(LABELS))
    # Clips are equally many everywhere, so a pseudo-value is the speaker's own UAR and V is that of a two-way layout.
    table = np.array([[evaluate(true[speakers == s], guess[speakers == s], LABELS).uar for s in np.unique(speakers)]
                      for guess in refits])  # fmt: skip
    by_speaker, by_seed = table.mean(axis=0), table.mean(axis=1)
    of_speakers = by_speaker.var(ddof=1) / 8
    both = table - by_speaker - by_seed[:, None] + table.mean()
    of_seeds = by_seed.var(ddof=1) / 3 - (both**2).sum() / (7 * 2) / 24
    assert of_seeds > 0
    total = of_speakers + of_seeds
    freedom = total**2 / (of_speakers**2 / 7 + of_seeds**2 / 2)
    half = stats.t.ppf(0.9, freedom) * math.sqrt(total)
    assert freedom < 7
    assert counts.per_refit().mean() == pytest.approx(table.mean())
    assert Spread.of(counts.without_each(), counts).half_width(0.8) == pytest.approx(half)


def test_refits_that_disagree_widen_the_interval():
    rng = np.random.default_rng(1)
    true, speakers = np.tile([0, 1], 200), np.repeat(np.arange(10), 40)
    good = np.where(rng.random(400) < 0.8, true, 1 - true)
    fair = np.where(rng.random(400) < 0.6, true, 1 - true)
    agreeing, _ = interval_of(true, [good, good, good], speakers, LABELS)
    disagreeing, _ = interval_of(true, [good, fair, good], speakers, LABELS)
    assert agreeing is not None
    assert disagreeing is not None
    assert disagreeing.high - disagreeing.low > agreeing.high - agreeing.low


def test_probabilities_do_as_well_as_indices():
    true, predicted, speakers = eight_speakers()
    probabilities = np.eye(2)[predicted] * 0.6 + 0.2
    assert interval_of(true, [probabilities], speakers, LABELS) == interval_of(true, [predicted], speakers, LABELS)


def test_the_order_of_the_clips_does_not_matter():
    true, predicted, speakers = eight_speakers(2)
    order = np.random.default_rng(0).permutation(len(true))
    one, _ = interval_of(true, [predicted], speakers, LABELS)
    other, _ = interval_of(true[order], [predicted[order]], speakers[order], LABELS)
    assert one is not None
    assert other is not None
    assert other.low == pytest.approx(one.low)


def test_seven_speakers_are_too_few():
    true, predicted, speakers = eight_speakers()
    few = speakers != "s0"
    interval, reason = interval_of(true[few], [predicted[few]], speakers[few], LABELS)
    assert interval is None
    assert "7 test speakers" in reason
    assert str(MIN_SPEAKERS) in reason


def test_a_class_of_one_speaker_leaves_the_interval_open():
    true, predicted, speakers = eight_speakers()
    true[:28] = 0
    interval, reason = interval_of(true, [predicted], speakers, LABELS)
    assert interval is None
    assert "'fear'" in reason


def test_a_score_without_any_spread_is_not_called_certain():
    true, _, speakers = eight_speakers()
    interval, reason = interval_of(true, [true, true], speakers, LABELS)
    assert interval is None
    assert "same for every speaker" in reason


@pytest.mark.parametrize(
    ("refits", "message"),
    [([], "no refit"), ([[0, 1]], "cannot be compared")],
)
def test_wrong_arguments_are_refused(refits, message):
    true, _, speakers = eight_speakers()
    with pytest.raises(ValueError, match=message):
        interval_of(true, refits, speakers, LABELS)


def test_covers_the_true_score_about_as_often_as_it_says():
    """Speakers differ in difficulty, refits in skill; the expected UAR lies inside about 95 % of intervals."""
    rng = np.random.default_rng(20)
    runs, speakers_n, refits_n, clips_n = 300, 12, 3, 40
    hits = 0
    true = np.tile([0, 1], speakers_n * clips_n // 2)
    speakers = np.repeat(np.arange(speakers_n), clips_n)
    for _ in range(runs):
        ease = rng.normal(0.0, 0.08, speakers_n)[speakers]
        refits = [
            np.where(rng.random(len(true)) < 0.6 + ease + rng.normal(0.0, 0.01), true, 1 - true)
            for _ in range(refits_n)
        ]
        interval, _ = interval_of(true, refits, speakers, LABELS)
        assert interval is not None
        hits += interval.low <= 0.6 <= interval.high
        assert interval.low <= np.mean([evaluate(true, r, LABELS).accuracy for r in refits]) <= interval.high
    assert 0.91 <= hits / runs <= 0.99


def test_one_class_for_all_clips_is_not_called_certain():
    """Its score is the same without any speaker, but for rounding."""
    classes = tuple("abcdef")
    true = np.tile(np.arange(6), 18)
    speakers = np.repeat([f"s{number:02}" for number in range(18)], 6)
    interval, reason = interval_of(true, [np.zeros_like(true)] * 3, speakers, classes)
    assert interval is None
    assert "same for every speaker" in reason
