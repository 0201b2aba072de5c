"""Copies are found and other clips are not; the measured table of docs/audit.md is of real corpora."""

from __future__ import annotations

import numpy as np
import pytest

from serbench.audit.duplicates import exact_finding, near_finding
from serbench.audit.fingerprints import (
    FINGERPRINT_SPEC,
    THRESHOLD,
    Fingerprints,
    exact_duplicates,
    likeness,
    near_duplicates,
    parts_of,
)
from serbench.features import extract, fit_length
from serbench.protocols import Ratio
from serbench.protocols.split import SplitPlan
from serbench.protocols.units import Unit

RATE = FINGERPRINT_SPEC.sample_rate


def babble(seed, seconds=2.0):
    """Something like speech: a voice that glides, in syllables of random length, pitch and colour."""
    rng = np.random.default_rng(seed)
    wave = [np.zeros(int(0.2 * RATE))]
    while sum(map(len, wave)) < seconds * RATE:
        time = np.arange(int(rng.uniform(0.06, 0.3) * RATE)) / RATE
        pitch = rng.uniform(90, 250) * (1 + rng.uniform(-0.3, 0.3) * time)
        formants = rng.uniform([300, 900, 2200], [900, 2200, 3300])
        tone = sum(
            np.exp(-(((k * pitch - formants[:, None]) / 150) ** 2)).sum(axis=0) * np.sin(2 * np.pi * k * pitch * time)
            for k in range(1, 14)
        )
        wave += [tone * np.hanning(len(time)) * rng.uniform(0.3, 1), np.zeros(int(rng.uniform(0, 0.1) * RATE))]
    joined = np.concatenate(wave)
    return (0.3 * joined / np.abs(joined).max() + 1e-4 * rng.standard_normal(len(joined))).astype(np.float32)


def features(waves):
    fitted = np.stack([fit_length(np.asarray(wave, np.float32), FINGERPRINT_SPEC.n_samples) for wave in waves])
    return extract(fitted, FINGERPRINT_SPEC)


CLIPS = [babble(seed) for seed in range(24)]


def altered(wave):
    rng = np.random.default_rng(0)
    noise = np.sqrt(np.mean(wave**2)) / 10 * rng.standard_normal(len(wave))
    return {
        "softer": wave / 8,
        "noise at 20 dB": wave + noise,
        "30 ms late": np.concatenate([np.zeros(240), wave]),
        "41 ms early": wave[333:],
        "silence cut off": wave[int(0.2 * RATE) :],
        "half a second of silence before": np.concatenate([np.zeros(RATE // 2), wave]),
        "16 bits": np.round(wave * 2**15) / 2**15,
    }


@pytest.mark.long
@pytest.mark.parametrize("how", sorted(altered(CLIPS[0])))
def test_an_altered_copy_is_found_among_other_clips(how):
    copies = [altered(CLIPS[row])[how] for row in (3, 11)]
    prints = Fingerprints.of(features([*CLIPS, *copies]))
    found = near_duplicates(prints, ["train"] * len(CLIPS) + ["test"] * 2)
    assert {(pair.first, pair.second) for pair in found.pairs} == {(3, 24), (11, 25)}
    assert found.compared == 26
    assert found.highest < THRESHOLD


def test_other_recordings_are_not_alike():
    found = near_duplicates(Fingerprints.of(features(CLIPS)), [str(row) for row in range(len(CLIPS))])
    assert found.pairs == ()
    assert found.highest < 0.7


def test_only_clips_of_different_parts_are_compared():
    prints = Fingerprints.of(features([CLIPS[0], CLIPS[0], CLIPS[0], CLIPS[1]]))
    found = near_duplicates(prints, ["train", "train", None, "test"])
    assert found.pairs == ()
    assert found.compared == 3
    found = near_duplicates(prints, ["train", "test", "validation", "test"])
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert [pair.likeness for pair in found.pairs] == pytest.approx([1, 1, 1], abs=1e-4)


def test_silence_is_like_nothing():
    silent = np.zeros(RATE)
    prints = Fingerprints.of(features([silent, silent, CLIPS[0]]))
    found = near_duplicates(prints, ["train", "test", "test"])
    assert found.compared == 1
    assert found.pairs == ()
    assert found.highest is None


def test_blocks_make_no_difference():
    given = features([*CLIPS, CLIPS[5] / 2])
    parts = ["train"] * 12 + ["test"] * 13
    whole = near_duplicates(Fingerprints.of(given), parts, threshold=0.1)
    blocks = near_duplicates(Fingerprints.of(given, block=7), parts, threshold=0.1, block=7)
    assert [(pair.first, pair.second) for pair in blocks.pairs] == [(pair.first, pair.second) for pair in whole.pairs]
    assert len(whole.pairs) > 1
    assert whole.pairs[0].likeness >= whole.pairs[-1].likeness


def test_each_block_is_progress_and_a_place_to_stop():
    given, parts = features(CLIPS), [str(row) for row in range(len(CLIPS))]
    steps = []

    def step(what, done, total):
        steps.append((what, done, total))
        if what == "comparing clips" and done == 14:
            raise KeyboardInterrupt

    prints = Fingerprints.of(given, block=10, progress=step)
    assert steps == [("computing fingerprints", done, 24) for done in (10, 20, 24)]
    with pytest.raises(KeyboardInterrupt):
        near_duplicates(prints, parts, block=7, progress=step)
    assert steps[3:] == [("comparing clips", done, 24) for done in (7, 14)]


def test_clips_of_another_corpus_are_compared_on_the_same_scale():
    prints = Fingerprints.of(features(CLIPS))
    others = Fingerprints.of(features([CLIPS[7] / 3, babble(99)]), prints.strength)
    alike = likeness(prints, np.array([7, 7]), others, np.array([0, 1]))
    assert alike[0] == pytest.approx(1, abs=1e-3)
    assert alike[1] < 0.6


def test_features_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="are needed"):
        Fingerprints.of(np.zeros((3, 10, 10), np.float32))
    with pytest.raises(ValueError, match="do not fit"):
        near_duplicates(Fingerprints.of(features(CLIPS[:2])), ["train"])


def test_exact_duplicates_count_across_subsets_only():
    digests = ["a", "a", "b", "b", "c", "c", None, None, float("nan"), float("nan")]
    parts = ["train", "test", "train", "train", "train", None, "train", "test", "train", "test"]
    assert exact_duplicates(digests, parts) == ((0, 1),)


def test_parts_of_a_split():
    units = tuple(Unit(str(row), "x", (row,)) for row in range(10))
    plan = SplitPlan(units, Ratio.parse("70/10/20"))
    assert parts_of(plan.split(Ratio.parse("70/10/20")), 11) == ("test",) * 2 + ("train",) * 7 + ("validation", None)
    assert parts_of(plan.split(Ratio.parse("50/20/30")), 10) == ("test",) * 2 + ("train",) * 7 + ("validation",)


def test_findings_name_the_clips():
    prints = Fingerprints.of(features([CLIPS[0], CLIPS[0] / 2, CLIPS[1]]))
    parts, ids = ["train", "test", "test"], ["one", "two", "three"]
    found = near_finding(near_duplicates(prints, parts), ids, parts, THRESHOLD)
    assert found.level == "warning"
    assert "one and two" in found.verdict
    assert found.table[0]["second_subset"] == "test"
    nothing = near_finding(near_duplicates(prints, ["train", None, "test"]), ids, parts, THRESHOLD)
    assert (nothing.level, nothing.numbers["pairs"], nothing.numbers["clips"]) == ("ok", 0, 2)
    assert near_finding(near_duplicates(prints, [None] * 3), ids, parts, THRESHOLD).level == "skipped"
    exact = exact_finding([(0, 1)], ids, parts)
    assert exact.level == "alarm"
    assert "once: one, two" in exact.verdict
    assert exact_finding([], ids, parts).level == "ok"
    assert exact_finding(None, ids, parts).level == "skipped"
    assert "and 2 more" in exact_finding([(0, 1)] * 5, ids, parts).verdict
