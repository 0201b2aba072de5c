"""The table of docs/rejudged.md, made from the files of `benchmarks/rejudged.py`: no measured figure of it is typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "PRINTED", "inside", "read_results", "table", "write_page"]

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "results" / "published" / "rejudged"
PAGE = ROOT / "docs" / "rejudged.md"
BEGIN, END = "<!-- made by benchmarks/rejudged.py --page -->\n", "<!-- end -->\n"


@dataclass(frozen=True)
class Printed:
    """What a publication prints, in percent.

    Attributes:
        title: its name in the table.
        score: the printed score in words, by corpus; `""` is the text for every other corpus.
    """

    title: str
    score: dict[str, str]


PRINTED = {
    "rejudged_tim_net": Printed("TIM-Net", {"emo-db": "95.2, corrected to 89.2", "": "-"}),
    "rejudged_light_sernet": Printed("Light-SERNet", {"emo-db": "94.2", "": "-"}),
    "rejudged_res_lstm": Printed("ResLSTM-SA", {"": "62.3 on RAVDESS"}),
    "rejudged_notebook_cnn": Printed(
        "notebooks' 1-D CNN", {"emo-db": "99.5 (accuracy)", "crema-d": "89.3 (accuracy)", "": "-"}
    ),
}
"""Printed scores by space, in the order of the table. Their addresses are in the text of docs/rejudged.md."""

_HEAD = (
    "| publication | corpus | printed | with its fault | same fits, not chosen on test clips | "
    "honest, shared speakers | honest, unknown speakers |\n|:---|:---|---:|---:|---:|---:|---:|\n"
)
_STEPS = (
    ("choice on test clips", "fault - without"),
    ("fault, fewer training clips", "fault - shared"),
    ("shared speakers", "shared - unknown"),
    ("all together", "fault - unknown"),
)


def read_results(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Returns what all files of a folder hold, in the order of the table."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    order = list(PRINTED)
    return sorted(found, key=lambda one: (order.index(one["space"]), one["corpus"] != "emo-db"))


def table(results: list[dict[str, Any]]) -> str:
    """Returns three tables as Markdown: scores, what each step costs, and how they came about."""
    scores = "".join(map(_scores, results))
    steps = "".join(map(_steps, results))
    sizes = "".join(map(_sizes, results))
    return (
        f"**UAR in percent**, with the 95 % interval over speakers\n\n{_HEAD}{scores}\n"
        f"**What each step costs**, in points of UAR with a 95 % interval, paired over speakers\n\n"
        f"| publication | corpus | {' | '.join(name for name, _ in _STEPS)} |\n"
        f"|:---|:---|{'---:|' * len(_STEPS)}\n{steps}\n"
        "**How they came about**\n\n"
        "| publication | corpus | fault | epochs | draws | seeds | training clips and copies: fault, shared, unknown | "
        f"minutes |\n|:---|:---|:---|---:|---:|---:|---:|---:|\n{sizes}"
    )


def _title(one: dict[str, Any]) -> str:
    return PRINTED[one["space"]].title


def _scores(one: dict[str, Any]) -> str:
    printed = PRINTED[one["space"]].score
    cells = [_title(one), one["corpus"], printed.get(one["corpus"], printed[""])]
    cells += [_score(one["arms"].get(arm)) for arm in ("fault", "without", "shared", "unknown")]
    return f"| {' | '.join(cells)} |\n"


def _score(arm: dict[str, Any] | None) -> str:
    if arm is None:
        return "-"
    if arm["low"] is None:
        return f"{100 * arm['uar']:.1f}"
    return f"{100 * arm['uar']:.1f} ({100 * arm['low']:.1f}-{100 * arm['high']:.1f})"


def _steps(one: dict[str, Any]) -> str:
    cells = [_title(one), one["corpus"]]
    for _, key in _STEPS:
        step = one["steps"].get(key)
        cells.append(
            "-"
            if step is None
            else f"{_points(step['difference'])} ({_points(step['low'])} to {_points(step['high'])})"
        )
    return f"| {' | '.join(cells)} |\n"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _sizes(one: dict[str, Any]) -> str:
    fault = f"objective, {one['trials']} configurations" if one["fault"] == "objective" else one["fault"]
    arms = one["arms"]
    trained = ", ".join(f"{arms[arm]['trained']:,}" if arm in arms else "-" for arm in ("fault", "shared", "unknown"))
    cells = (
        _title(one), one["corpus"], fault, str(one["epochs"]), str(one["draws"]), str(one["seeds"]), trained,
        f"{one['minutes']:.0f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def inside(text: str) -> tuple[str, str, str]:
    """Returns a page's text before, between and after the marks.

    Raises:
        ValueError: it has no marks.
    """
    before, begin, rest = text.partition(BEGIN)
    made, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("docs/rejudged.md has no marks to write the table between")
    return before, made, after


def write_page() -> None:
    """Rewrites the table of docs/rejudged.md."""
    before, _, after = inside(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(f"{before}{BEGIN}{table(read_results())}{END}{after}", encoding="utf-8")
