"""Trials of one configuration: what was tested once is not tested again under another name."""

from __future__ import annotations

from records_made import trial

from serbench.records import Scores, ShortlistRecord
from serbench.search.finalists import choose_finalists, choose_shortlisted

SAME = {"depth": 3}
FIRST = trial(job_id="t0000", value=0.5, config=SAME)
LATER = trial(job_id="t0001", value=0.7, config=SAME)
OTHER = trial(job_id="t0002", value=0.6, config={"depth": 4})


def jobs(*known: str, count: int = 1) -> list[str]:
    return [one.job_id for one in choose_finalists("cnn1d", [FIRST, LATER, OTHER], count, known=known)]


def test_of_trials_with_one_configuration_the_best_stands_for_all() -> None:
    assert jobs(count=2) == ["t0001", "t0002"]


def test_the_one_that_was_tested_stands_for_all_of_its_configuration() -> None:
    assert jobs("t0000") == ["t0000"]
    assert jobs("t0000", count=2) == ["t0000", "t0002"], "it keeps the place of its best trial"


def test_configurations_that_train_the_same_network_take_one_place() -> None:
    alone = {"functionals": "alone", "dense_width": 0, "dense_dropout": 0.2}
    trials = [
        trial(job_id="t0000", value=0.7, config=alone | {"activation": "relu", "regulariser": "none", "depth": 3}),
        trial(job_id="t0001", value=0.6, config=alone | {"activation": "elu", "regulariser": "l2", "depth": 4}),
        trial(job_id="t0002", value=0.5, config=alone | {"dense_dropout": 0.3}),
        trial(job_id="t0003", value=0.4, config=alone | {"dense_dropout": 0.3, "dense_width": 64}),
    ]
    assert [one.job_id for one in choose_finalists("cnn1d", trials, 3)] == ["t0000", "t0002", "t0003"]
    assert len(choose_finalists("not-installed", trials, 4)) == 4, "nothing is known of its hyperparameters"
    heads = [
        trial(job_id="t0000", value=0.7, config={"dense_width": 0, "activation": "relu"}),
        trial(job_id="t0001", value=0.6, config={"dense_width": 0, "activation": "elu"}),
        trial(job_id="t0002", value=0.5, config={"dense_width": 8, "activation": "elu"}),
    ]
    assert [one.job_id for one in choose_finalists("head", heads, 3)] == ["t0000", "t0002"]


def at(ratio: str, **changes):
    return trial(**({"config": SAME | {"split_ratio": ratio}} | changes))


def test_where_fits_replace_the_split_configurations_that_differ_in_its_ratio_alone_take_one_place() -> None:
    trials = [at("60/10/30", value=0.7), at("70/10/20", job_id="t0001", value=0.6), OTHER]

    def chosen(**how) -> list[str]:
        return [one.job_id for one in choose_finalists("cnn1d", trials, 2, **how)]

    assert chosen() == ["t0000", "t0001"], "runs that keep to their ratio are two"
    assert chosen(any_ratio=True) == ["t0000", "t0002"]
    assert chosen(any_ratio=True, known=["t0001"]) == ["t0001", "t0002"], "it was compared already"


def test_what_another_configuration_was_tested_with_changes_nothing() -> None:
    assert jobs("t0002", count=2) == ["t0001", "t0002"]


def named():
    return trial(job_id="t0003", origin="theirs", value=0.2, config=SAME)


def shortlisted(job_id="t0002", origin="trial 2", config=SAME) -> ShortlistRecord:
    scores = Scores(clips=1, accuracy=0.5, uar=0.5, macro_f1=0.5)
    return ShortlistRecord(
        study="s", job_id=job_id, origin=origin, config=config, search_value=0.5, folds=(), epochs=1, curve=(0.5,),
        scores=scores, value=0.5, created="",
    )  # fmt: skip


def test_a_forced_configuration_that_the_sampler_drew_again_is_tested_once_under_its_name() -> None:
    (one,) = choose_finalists("cnn1d", [FIRST, LATER, named()], 1, ["theirs"])
    assert (one.job_id, one.name, one.forced) == ("t0001", "theirs", False)
    (late,) = choose_finalists("cnn1d", [OTHER, named()], 0, ["theirs"])
    assert (late.job_id, late.forced) == ("t0003", True)


def test_a_forced_configuration_that_cross_validation_knows_under_another_trial_is_tested_once() -> None:
    judged = shortlisted(job_id="t0001", origin="trial 1", config=SAME)
    (one,) = choose_shortlisted("cnn1d", [FIRST, LATER, named()], [judged], 1, "all", ["theirs"])
    assert (one.job_id, one.name, one.finals) == ("t0001", "theirs", "all")
    _, second = choose_shortlisted(
        "cnn1d", [OTHER, LATER, named()], [shortlisted(config=OTHER.config), judged], 1, "all", ["theirs"]
    )
    assert (second.job_id, second.name, second.shortlisted, second.finals) == ("t0001", "theirs", judged, "all")
    assert second.search_value == judged.search_value, "as the trial of its name has it"


def test_a_forced_configuration_at_another_ratio_is_the_compared_one_where_runs_train_on_all_clips() -> None:
    judged = shortlisted(job_id="t0001", origin="trial 1", config=SAME | {"split_ratio": "60/10/30"})
    must = at("70/10/20", job_id="t0003", origin="theirs", value=0.2)
    trials = [at("60/10/30", job_id="t0001"), must, OTHER]
    (one,) = choose_shortlisted("cnn1d", trials, [judged], 1, "all", ["theirs"])
    assert (one.job_id, one.name, one.config) == ("t0001", "theirs", judged.config)
    better = shortlisted(config=OTHER.config)
    _, late = choose_shortlisted("cnn1d", trials, [better, judged], 1, "all", ["theirs"])
    assert (late.job_id, late.name, late.config, late.forced) == ("t0001", "theirs", judged.config, True)
    _, own = choose_shortlisted("cnn1d", trials, [judged], 1, "held-out", ["theirs"])
    assert (own.job_id, own.config) == ("t0003", must.config), "a run that holds clips out keeps to its ratio"


def test_of_two_forced_configurations_that_differ_in_the_ratio_alone_the_compared_network_is_tested_once() -> None:
    judged = shortlisted(job_id="t0000", config=SAME | {"split_ratio": "60/10/30"})
    other = shortlisted(config=OTHER.config)
    forced = [at("60/10/30", origin="mine", value=0.7), at("70/10/20", job_id="t0001", origin="theirs", value=0.6)]

    def chosen(*compared: ShortlistRecord) -> list[str]:
        found = choose_shortlisted("cnn1d", [*forced, OTHER], compared, 1, "all", ["mine", "theirs"])
        return [one.name for one in found]

    assert chosen(judged) == ["mine"]
    assert chosen(other, judged) == ["trial 2", "mine"]
    assert chosen(other) == ["trial 2", "mine", "theirs"], "without a comparison both hold clips out"


def test_what_was_compared_and_tested_twice_before_stays_two_under_their_names() -> None:
    twins = [
        shortlisted(config=SAME | {"split_ratio": "60/10/30"}),
        shortlisted(job_id="t0003", origin="theirs", config=SAME | {"split_ratio": "70/10/20"}),
    ]
    trials = [at("60/10/30", job_id="t0002"), at("70/10/20", job_id="t0003", origin="theirs", value=0.2)]
    for count in (1, 2):
        chosen = choose_shortlisted("cnn1d", trials, twins, count, "all", ["theirs"], tested=["t0002", "t0003"])
        assert [(one.job_id, one.name) for one in chosen] == [("t0002", "trial 2"), ("t0003", "theirs")]


def test_what_was_tested_as_forced_stays_that_when_the_sampler_draws_it_better() -> None:
    judged = shortlisted(job_id="t0002", config=OTHER.config)
    *_, must = choose_shortlisted("cnn1d", [OTHER, LATER, named()], [judged], 1, "all", ["theirs"], tested=["t0003"])
    assert (must.job_id, must.name, must.finals) == ("t0003", "theirs", "held-out")
