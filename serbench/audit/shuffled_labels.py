"""Judges a model trained on shuffled labels. One that still scores well has another source for the true labels."""

from __future__ import annotations

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.audit.rerun import Fitted
from serbench.render import percent
from serbench.results import load_entry

__all__ = ["shuffled_labels"]

_MARGIN = 0.15  # three standard deviations of the UAR of a random function of the audio


def shuffled_labels(fitted: Fitted) -> AuditFinding:
    """Judges a run that was trained on shuffled labels and tested on the true ones. A UAR far above chance is an alarm.

    A network trained on shuffled labels is an arbitrary but fixed function of the audio. By luck it fits the true
    labels some points better or worse than chance. In simulations its UAR varies by about five points, far more than
    that of guessing each clip on its own, so the alarm is raised only 15 points above chance.

    Args:
        fitted: what became of the run.
    """
    check = "shuffled labels"
    if fitted.folder is None or fitted.entry is None:
        return skipped(check, fitted.error or "no training run on shuffled labels completed")
    tested = load_entry(fitted.folder, fitted.folder.record(), fitted.entry)
    uar = tested.mean_score("test", "uar")
    if uar is None:
        return skipped(check, "a class has no clip in the test set, so UAR is undefined")
    chance = 1 / len(tested.study.corpus.labels)
    numbers: dict[str, Cell] = {"uar": uar, "chance": chance, "bound": chance + _MARGIN}
    scores = f"{percent(uar)} % UAR on the test set"
    if uar <= chance + _MARGIN:
        verdict = f"trained on shuffled labels, it scores {scores}, near chance ({percent(chance)} %)"
        return AuditFinding(check=check, level="ok", verdict=verdict, numbers=numbers)
    verdict = (
        f"trained on shuffled labels, it still scores {scores}, far above chance ({percent(chance)} %); the true "
        "labels must reach the model in some other way than by training"
    )
    return AuditFinding(check=check, level="alarm", verdict=verdict, numbers=numbers)
