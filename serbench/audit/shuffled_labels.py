"""Trains on shuffled labels. A model that still scores well has another source for the true labels."""

from __future__ import annotations

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.audit.rerun import Rerun, Reruns
from serbench.protocols import SplitProtocol
from serbench.render import percent
from serbench.results import load_entry

__all__ = ["shuffled_labels"]

_MARGIN = 0.15  # three standard deviations of the UAR of a random function of the audio


def shuffled_labels(reruns: Reruns, protocol: SplitProtocol, workers: int | None) -> AuditFinding:
    """Trains once on shuffled labels and tests on the true ones. A UAR far above chance is an alarm.

    A network trained on shuffled labels is an arbitrary but fixed function of the audio. By luck it fits the true
    labels some points better or worse than chance. In simulations its UAR varies by about five points, far more than
    that of guessing each clip on its own, so the alarm is raised only 15 points above chance.

    Args:
        reruns: trains the entry's configuration.
        protocol: protocol of the entry.
        workers: training runs at the same time; None for as many as the machine has room for.

    Raises:
        SerbenchError: training cannot start.
    """
    check = "shuffled labels"
    folder, entry = reruns.fit(Rerun(protocol, shuffled=True), 1, workers)
    if entry is None:
        return skipped(check, "no training run on shuffled labels completed")
    tested = load_entry(folder, folder.record(), entry)
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
