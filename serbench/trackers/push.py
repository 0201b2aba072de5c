"""`push_study`: copies one study into a tracker."""

from __future__ import annotations

from serbench.errors import SerbenchError, require
from serbench.results import Results
from serbench.trackers.registry import get_tracker
from serbench.trackers.runs import study_runs
from serbench.trackers.tracker import Progress, Pushed

__all__ = ["push_study"]


def push_study(
    results: Results,
    study: str,
    tracker: str,
    to: str | None = None,
    *,
    progress: Progress = lambda _done, _total: None,
) -> Pushed:
    """Copies a study's fits and entries into an experiment tracker. Nothing is read back from it.

    Args:
        results: results that hold the study.
        study: name of the study, or of a run with folds: then all folds and their pooled entries are pushed.
        tracker: name of the tracker.
        to: an address or a folder, as the tracker takes it; None for its default.
        progress: callback that receives the number of runs done and the number of all runs.

    Raises:
        UsageError: the study or tracker is unknown, or `to` is no place that the tracker can write to.
        SerbenchError: an optional dependency is missing, a record is damaged, the study fails its checks, or the
            tracker cannot be reached, or is a plug-in that returns something else than `Pushed`.
    """
    target = get_tracker(tracker)
    require(f"pushing to '{target.name}'", target.modules, target.extra)
    pushed = target.push(study_runs(results, study), to, progress)
    if not isinstance(pushed, Pushed):
        raise SerbenchError(
            f"the tracker '{target.name}' returned {type(pushed).__name__} in place of a serbench.trackers.Pushed; "
            "repair its package"
        )
    return pushed
