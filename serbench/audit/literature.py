"""Compares a score with the best published results. A score far above them may be due to a data leak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from serbench.audit.finding import AuditFinding
from serbench.errors import SerbenchError
from serbench.references import Reported, reported
from serbench.results import ScoredEntry

__all__ = ["ALARM_POINTS", "against_literature", "literature_finding"]

ALARM_POINTS = 20.0
"""A score this many percentage points above the best published result of its kind raises an alarm."""

_METRICS = {"uar": "UAR", "accuracy": "accuracy"}


def against_literature(tested: ScoredEntry) -> AuditFinding:
    """Compares the scores of an entry with the results published for its corpus.

    Results whose epoch or settings were chosen on test clips are left out.
    """
    corpus, protocol = tested.study.corpus, tested.study.protocol
    return literature_finding(
        tested.mean_score("test", "uar"),
        tested.mean_score("test", "accuracy") or 0.0,
        shares_speakers=protocol.shares_speakers,
        literature=[_row(one) for one in reported(corpus.name, corpus.label_source) if not one.test_chose],
        labels=corpus.label_source,
    )


def _row(figure: Reported) -> dict[str, object]:
    """Returns a published result as a row of the literature table, which writes truth values as words."""
    words = {True: "yes", False: "no", None: ""}
    return {
        **figure.model_dump(),
        "trained_from_scratch": words[figure.trained_from_scratch],
        "speakers_shared": words[figure.speakers_shared],
    }


def literature_finding(
    uar: float | None,
    accuracy: float,
    *,
    shares_speakers: bool,
    literature: Iterable[Mapping[str, object]],
    labels: str = "intended",
) -> AuditFinding:
    """Reports how far a model trained from scratch is above or below the best published result of such a model.

    Only results under the same kind of protocol count. The best UAR and the best accuracy are each compared with the
    entry's score in the same metric, and the larger difference decides. If the UAR of the entry is undefined, its
    accuracy takes its place. The two are close where the classes are about equally frequent, as in CREMA-D.

    Args:
        uar: UAR of the entry, a fraction; None if undefined.
        accuracy: accuracy of the entry, a fraction.
        shares_speakers: whether the protocol has speakers in both training and test set.
        literature: rows on the entry's corpus with the columns `system`, `trained_from_scratch` (only 'yes' counts),
            `metric`, `value_pct` (percent) and `speakers_shared` ('yes' or 'no'). A row with a non-empty `labels`
            counts only if it equals the argument `labels`.
        labels: kind of the entry's labels: 'intended' by the speaker or 'perceived' by listeners.

    Raises:
        SerbenchError: a row lacks a column, or its `value_pct` is not a number.
    """
    check = "literature"
    kind = "that shares speakers between training and test" if shares_speakers else "that keeps speakers apart"
    figures = [_figure(row) for row in literature if _compares(row, shares_speakers, labels)]
    if not figures:
        return AuditFinding(
            check=check,
            level="skipped",
            verdict=f"no published from-scratch result is known for this corpus under a protocol {kind}",
        )
    judged = []
    for metric in sorted({figure[1] for figure in figures}):
        best, _, system = max(figure for figure in figures if figure[1] == metric)
        score, own = (accuracy, "accuracy") if metric == "accuracy" or uar is None else (uar, "UAR")
        # Rounded, since 75.4 - 55.4 in floating point is slightly more than 20.
        judged.append((round(100 * score - best, 6), best, metric, system, score, own))
    above, best, metric, system, score, own = max(judged)
    numbers: dict[str, float | int | str | None] = {
        "metric": own,
        "score": score,
        "published_metric": metric,
        "published_percent": best,
        "published_system": system,
        "above_points": above,
    }
    where = f"the best published from-scratch result under a protocol {kind} ({system}: {best:.1f} % {metric})"
    summary = f"{own} {100 * score:.1f} % is {abs(above):.1f} points {'above' if above > 0 else 'below'} {where}"
    if above > ALARM_POINTS:
        return AuditFinding(
            check=check,
            level="alarm",
            verdict=f"{summary}; assume a data leak until it is ruled out",
            numbers=numbers,
        )
    return AuditFinding(check=check, level="note" if above > 0 else "ok", verdict=summary, numbers=numbers)


def _compares(row: Mapping[str, object], shares_speakers: bool, labels: str) -> bool:
    if absent := [name for name in ("trained_from_scratch", "metric", "speakers_shared") if name not in row]:
        raise SerbenchError(f"a row of published results has no column '{absent[0]}'; add it")
    return (
        _text(row, "trained_from_scratch") == "yes"
        and _text(row, "metric") in _METRICS
        and _text(row, "speakers_shared") == ("yes" if shares_speakers else "no")
        and _text(row, "labels") in {"", labels}
    )


def _figure(row: Mapping[str, object]) -> tuple[float, str, str]:
    """Returns (percent, metric, system)."""
    try:
        value = float(str(row["value_pct"]))
    except (KeyError, ValueError):
        raise SerbenchError(
            f"the published result of '{row.get('system')}' has the value_pct '{row.get('value_pct')}'; "
            "write a number in percent"
        ) from None
    return value, _METRICS[_text(row, "metric")], str(row.get("system") or "unnamed")


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip().lower()
