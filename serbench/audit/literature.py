"""Is a score too good to be true: does it lie far above what others have published?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from serbench.audit.finding import AuditFinding
from serbench.errors import SerbenchError
from serbench.references import Reported, reported
from serbench.results import ScoredEntry

__all__ = ["ALARM_POINTS", "against_literature", "literature_finding"]

ALARM_POINTS = 20.0
"""More percentage points than this above the best published figure of its kind, and a score is taken for a leak."""

_METRICS = {"uar": "UAR", "accuracy": "accuracy"}


def against_literature(tested: ScoredEntry) -> AuditFinding:
    """Whether the score is too good to be true."""
    corpus, protocol = tested.study.corpus, tested.study.protocol
    return literature_finding(
        tested.mean_score("test", "uar"),
        tested.mean_score("test", "accuracy") or 0.0,
        shares_speakers=protocol.shares_speakers,
        literature=[_words(figure) for figure in reported(corpus.name, corpus.label_source)],
        labels=corpus.label_source,
    )


def _words(figure: Reported) -> dict[str, object]:
    said = {True: "yes", False: "no", None: ""}
    return {
        **figure.model_dump(),
        "trained_from_scratch": said[figure.trained_from_scratch],
        "speakers_shared": said[figure.speakers_shared],
    }


def literature_finding(
    uar: float | None,
    accuracy: float,
    *,
    shares_speakers: bool,
    literature: Iterable[Mapping[str, object]],
    labels: str = "intended",
) -> AuditFinding:
    """Whether a model trained from scratch is far above what any such model has reached under this kind of protocol.

    Compared is the best published figure in UAR or accuracy, with the entry's score in the same metric. Where the entry
    has no UAR its accuracy stands in: the two are close where classes are about equally many, as in CREMA-D.

    Args:
        uar: of the entry, a fraction; None where it is undefined.
        accuracy: of the entry, a fraction.
        shares_speakers: whether the protocol tests speakers that it trains on.
        literature: rows of the entry's corpus, with `system`, `trained_from_scratch` ('yes' or else), `metric`,
            `value_pct`, `speakers_shared` ('yes' or 'no'); where a row has `labels`, it must be the kind asked for.
        labels: what the entry's labels are: 'intended' by the speaker or 'perceived' by listeners.

    Raises:
        SerbenchError: a row lacks a column, or its value is no number.
    """
    check = "literature"
    kind = "that shares speakers between training and test" if shares_speakers else "that keeps speakers apart"
    figures = [_figure(row) for row in literature if _compares(row, shares_speakers, labels)]
    if not figures:
        return AuditFinding(
            check=check,
            level="skipped",
            verdict=f"no published from-scratch figure is known for this corpus under a protocol {kind}",
        )
    # The best figure of each metric beside the entry's score in that metric; the one it exceeds most counts.
    judged = []
    for metric in sorted({figure[1] for figure in figures}):
        best, _, system = max(figure for figure in figures if figure[1] == metric)
        score, own = (accuracy, "accuracy") if metric == "accuracy" or uar is None else (uar, "UAR")
        # 75.4 is 20 points above 55.4, not a trifle more
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
    where = f"the best published from-scratch figure under a protocol {kind} ({system}: {best:.1f} % {metric})"
    said = f"{own} {100 * score:.1f} % is {abs(above):.1f} points {'above' if above > 0 else 'below'} {where}"
    if above > ALARM_POINTS:
        return AuditFinding(
            check=check, level="alarm", verdict=f"{said}: a leak until shown otherwise", numbers=numbers
        )
    return AuditFinding(check=check, level="note" if above > 0 else "ok", verdict=said, numbers=numbers)


def _compares(row: Mapping[str, object], shares_speakers: bool, labels: str) -> bool:
    if absent := [name for name in ("trained_from_scratch", "metric", "speakers_shared") if name not in row]:
        raise SerbenchError(f"a row of published figures has no column '{absent[0]}'; add it")
    return (
        _text(row, "trained_from_scratch") == "yes"
        and _text(row, "metric") in _METRICS
        and _text(row, "speakers_shared") == ("yes" if shares_speakers else "no")
        and _text(row, "labels") in {"", labels}
    )


def _figure(row: Mapping[str, object]) -> tuple[float, str, str]:
    """(percent, metric, system)."""
    try:
        value = float(str(row["value_pct"]))
    except (KeyError, ValueError):
        raise SerbenchError(
            f"the published figure of '{row.get('system')}' has the value_pct '{row.get('value_pct')}'; "
            "write percent as a number"
        ) from None
    return value, _METRICS[_text(row, "metric")], str(row.get("system") or "unnamed")


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip().lower()
