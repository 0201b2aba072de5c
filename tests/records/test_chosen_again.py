"""Trials of one configuration: what was tested once is not tested again under another name."""

from __future__ import annotations

from records_made import trial

from serbench.search.finalists import choose_finalists

SAME = {"depth": 3}
FIRST = trial(job_id="t0000", value=0.5, config=SAME)
LATER = trial(job_id="t0001", value=0.7, config=SAME)
OTHER = trial(job_id="t0002", value=0.6, config={"depth": 4})


def jobs(*known: str, count: int = 1) -> list[str]:
    return [one.job_id for one in choose_finalists([FIRST, LATER, OTHER], count, known=known)]


def test_of_trials_with_one_configuration_the_best_stands_for_all() -> None:
    assert jobs(count=2) == ["t0001", "t0002"]


def test_the_one_that_was_tested_stands_for_all_of_its_configuration() -> None:
    assert jobs("t0000") == ["t0000"]
    assert jobs("t0000", count=2) == ["t0000", "t0002"], "it keeps the place of its best trial"


def test_what_another_configuration_was_tested_with_changes_nothing() -> None:
    assert jobs("t0002", count=2) == ["t0001", "t0002"]
