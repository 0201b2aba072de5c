"""Does a model that is trained on labels that mean nothing still score?"""

from __future__ import annotations

from serbench.audit.finding import AuditFinding, Cell, skipped
from serbench.audit.rerun import Rerun, Reruns
from serbench.protocols import SplitProtocol
from serbench.render import percent
from serbench.results import load_entry

__all__ = ["shuffled_labels"]

_LUCK = 0.15  # three times what a random function of the sound scatters by


def shuffled_labels(reruns: Reruns, protocol: SplitProtocol, workers: int | None) -> AuditFinding:
    """Trains on labels that mean nothing; the test core keeps the true ones.

    A network trained so is some fixed function of the sound, which fits the truth better or worse by luck: by some
    five points of UAR (simulated), far more than clips that are guessed one by one. Hence the wide bound.
    """
    check = "shuffled labels"
    folder, entry = reruns.fit(Rerun(protocol, shuffled=True), 1, workers)
    if entry is None:
        return skipped(check, "no fit on shuffled labels was completed")
    tested = load_entry(folder, folder.record(), entry)
    uar = tested.mean_score("test", "uar")
    if uar is None:
        return skipped(check, "a class has no clip in the test core, so there is no UAR")
    chance = 1 / len(tested.study.corpus.labels)
    said = percent(chance)
    numbers: dict[str, Cell] = {"uar": uar, "chance": chance, "bound": chance + _LUCK}
    if uar <= chance + _LUCK:
        verdict = f"trained on shuffled labels it scores {percent(uar)} % UAR on the test core, near chance ({said} %)"
        return AuditFinding(check=check, level="ok", verdict=verdict, numbers=numbers)
    verdict = (
        f"trained on shuffled labels it still scores {percent(uar)} % UAR on the test core, far above chance "
        f"({said} %): the true labels reach it by another way than training"
    )
    return AuditFinding(check=check, level="alarm", verdict=verdict, numbers=numbers)
