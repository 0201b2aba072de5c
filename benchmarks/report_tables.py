"""The tables of docs/report.md beside the leaderboards: scores against the project's goals, and scores against cost.

They are made from the published results by `benchmarks/readme_leaderboard.py`; only goals and what others printed are
typed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from serbench.render.document import count, duration, milliseconds, percent, span
from serbench.results import Leaderboard, Row
from serbench.site.plots.cost import pareto

__all__ = ["GOALS", "Goal", "cost_table", "goal_table"]

Metric = Literal["accuracy", "uar"]


@dataclass(frozen=True)
class Goal:
    """A goal of this project.

    Attributes:
        corpus: name of the corpus.
        protocol: name of the protocol.
        where: protocol in words.
        family: whose entries count; '' for all, `both` for the mean of the families' best networks alone.
        to_beat: the best from-scratch result found elsewhere, with its source.
        metric: what is compared with the goal.
        percent: the goal.
        split: beginning of the hash that tells test sets of one protocol apart.
        pretrained: whether training started from a network of another corpus.
    """

    corpus: str
    protocol: str
    where: str
    family: str
    to_beat: str
    metric: Metric
    percent: float
    split: str = ""
    pretrained: bool = False


_PROJECT = "a student project"
GOALS = (
    Goal(
        "crema-d", "random", "random, 66.5/3.5/30", "cnn2d", "57.1 % accuracy (the report)", "accuracy", 71, "0e0488c0"
    ),
    Goal("crema-d", "speaker", "speaker", "cnn2d", f"55.4 % UAR (a log-mel CNN, {_PROJECT})", "uar", 69),
    Goal("crema-d", "random", "random, 72/8/20", "cnn1d", "51.2 % accuracy (the report)", "accuracy", 65, "c87fff77"),
    Goal(
        "crema-d", "speaker", "speaker", "cnn1d", f"52.3 % accuracy (an SVM on MFCC statistics, {_PROJECT})",
        "accuracy", 63,
    ),
    Goal("crema-d", "speaker", "speaker", "both", "as 2-D", "uar", 69),
    Goal("emo-db", "loso", "loso", "", "70.6 % UAR (an SVM on functionals, measured before)", "uar", 78),
    Goal("emo-db", "loso", "loso, pretrained on CREMA-D", "", "as above", "uar", 78, pretrained=True),
)  # fmt: skip
"""Set before the searches. Sources of what is to beat: `serbench/references/literature.csv` and the founding report."""


def goal_table(board: Leaderboard) -> str:
    """Returns the goals as Markdown: the network that validation chose, its bag, a student, and an ensemble.

    Args:
        board: the published leaderboard, with ensembles.
    """
    head = (
        "| corpus, protocol | family | to beat | goal | single network | bag | student | mean of the best networks |\n"
        "|:---|:---|:---|:---|:---|:---|:---|:---|\n"
    )
    return head + "".join(_goal(board, goal) for goal in GOALS)


def _goal(board: Leaderboard, goal: Goal) -> str:
    found = [
        row
        for row in board.rows
        if (row.corpus, row.protocol) == (goal.corpus, goal.protocol)
        and row.protocol_hash.startswith(goal.split)
        and bool(row.init) == goal.pretrained
        and not row.problems
    ]
    own = [row for row in found if row.family == (goal.family or row.family) and not row.ensemble_of]
    cells = [
        f"{goal.corpus}, {goal.where}",
        {"cnn1d": "1-D", "cnn2d": "2-D", "both": "both"}.get(goal.family, "either"),
        goal.to_beat,
        f"{goal.percent:g} % {'UAR' if goal.metric == 'uar' else goal.metric}",
        _reached(_best([row for row in own if not row.bag and not row.teacher]), goal),
        _reached(_best([row for row in own if row.bag and not row.teacher]), goal),
        _reached(_best([row for row in own if not row.bag and row.teacher]), goal),
        _reached(_best([row for row in found if row.ensemble_of and goal.family in ("", "both")]), goal),
    ]
    return f"| {' | '.join(cells)} |\n"


def _best(rows: list[Row]) -> Row | None:
    """The row that validation prefers; test scores play no part."""
    return max(rows, key=lambda row: row.validation_score or 0.0, default=None)


def _reached(row: Row | None, goal: Goal) -> str:
    value = None if row is None else row.uar if goal.metric == "uar" else row.accuracy
    if row is None or value is None:
        return "-"
    accuracy = f"{percent(value)} % accuracy; " if goal.metric == "accuracy" else ""
    interval = f" ({span(row.uar_low, row.uar_high)})" if row.uar_low is not None else ""
    short = round(goal.percent - round(100 * value, 1), 1)
    outcome = f"missed by {short:.1f}" if short > 0 else f"**met by {-short:.1f}**"
    return f"{accuracy}UAR {percent(row.uar)}{interval}, `{row.entry}`: {outcome}"


def cost_table(board: Leaderboard) -> str:
    """Returns score against cost as Markdown: each entry, and whether a cheaper one of its test set is as good.

    Args:
        board: the published leaderboard, without ensembles.
    """
    head = (
        "| tested on | entry | UAR % | accuracy % | training of a run | ms a clip | bytes | best for its ms | "
        "best for its bytes |\n|:---|:---|---:|---:|---:|---:|---:|:---|:---|\n"
    )
    lines = []
    for group in board.groups:
        rows = [row for row in group.rows if row.uar is not None and not row.problems]
        speed, size = (_front(rows, key) for key in ("ms_per_clip", "model_bytes"))
        on = group.title
        for row in sorted(rows, key=lambda one: -(one.uar or 0.0)):
            cells = [
                on, row.entry, percent(row.uar), percent(row.accuracy), duration(row.train_seconds),
                "-" if row.ms_per_clip is None else milliseconds(row.ms_per_clip), count(row.model_bytes),
                "yes" if row.entry in speed else "", "yes" if row.entry in size else "",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |\n")
            on = ""
    return head + "".join(lines)


def _front(rows: list[Row], key: str) -> set[str]:
    """Entries that no other one of the test set beats in score and in this cost."""
    known = {row.entry: (float(cost), row.uar or 0.0) for row in rows if (cost := getattr(row, key)) is not None}
    front = set(pareto(list(known.values())))
    return {entry for entry, pair in known.items() if pair in front}
