"""What shared speakers add to a score: the draws of audits in small files, and the table of docs/audit.md.

    serbench audit STUDY --split-seeds 10 --results DIR
    uv run python benchmarks/leakage.py --study DIR/studies/STUDY --minutes 60
    uv run python benchmarks/leakage.py --page

The first command trains. The second writes `results/published/leakage/<corpus>-<entry>.json`, which stays when a later
study replaces this one. The third writes the table from these files: no figure of it is typed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

__all__ = ["FOLDER", "PAGE", "facts_of", "main", "read_facts", "table"]

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "results" / "published" / "leakage"
PAGE = ROOT / "docs" / "audit.md"
BEGIN, END = "<!-- made by benchmarks/leakage.py --page -->\n", "<!-- end -->\n"
_HEAD = (
    "| configuration | draws | `speaker`, mean over draws | from - to | `random`, mean over draws | "
    "leakage delta (95 % interval) | shuffled labels | minutes |\n|:---|---:|---:|---:|---:|---:|---:|---:|\n"
)
_KEPT = ("protocol", "split_seed", "train_clips", "test_clips", "test_speakers", "seeds", "uar", "accuracy")


def facts_of(audit: dict[str, Any], study: dict[str, Any], run: dict[str, Any], minutes: float) -> dict[str, Any]:
    """Returns what a file holds.

    Args:
        audit: record of an audit.
        study: record of the study.
        run: record of a final run of the entry.
        minutes: time that the audit took.
    """
    found = {finding["check"]: finding for finding in audit["findings"]}
    epochs, made = run["epochs"], study["environment"]
    delta = found["leakage delta"]["numbers"]
    return {
        "entry": audit["entry"], "study": audit["study"], "family": audit["family"], "corpus": audit["corpus"],
        "serbench": audit["serbench"], "created": audit["created"], "git_revision": made["git_revision"],
        "parameters": run["parameters"],
        "epochs": len(next(iter(epochs.values())) if isinstance(epochs, dict) else epochs),  # published: by column
        "minutes": minutes, **{name: delta[name] for name in ("delta", "low", "high")},
        "shuffled": found.get("shuffled labels", {}).get("numbers", {}).get("uar"),
        "draws": [{name: draw[name] for name in _KEPT} for draw in audit["draws"]],
    }  # fmt: skip


def read_facts(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Returns what all files of a folder hold, by family."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda one: (one["corpus"], one["family"]))


def table(found: list[dict[str, Any]]) -> str:
    """Returns the table as Markdown."""
    return _HEAD + "".join(map(_row, found))


def _row(one: dict[str, Any]) -> str:
    scores = {
        name: np.array([draw["uar"] for draw in one["draws"] if draw["protocol"] == name])
        for name in ("speaker", "random")
    }
    speaker, random = (100 * scores[name] for name in ("speaker", "random"))
    assert abs(float((random - speaker).mean()) - 100 * one["delta"]) < 1e-6
    shuffled = "-" if one["shuffled"] is None else f"{100 * one['shuffled']:.1f} %"
    ends = f"{speaker.min():.1f} - {speaker.max():.1f}"
    return (
        f"| `{one['entry']}`, {one['parameters']:,} parameters, {one['epochs']} epochs (study {one['study']}) "
        f"| {len(speaker)} | {speaker.mean():.1f} % | {ends} % | {random.mean():.1f} % "
        f"| **{100 * one['delta']:+.1f} points ({100 * one['low']:+.1f} to {100 * one['high']:+.1f})** "
        f"| {shuffled} | {one['minutes']:.0f} |\n"
    )


def main() -> None:
    """Writes a file, or the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, help="folder of a study with an audit of its selected entry")
    parser.add_argument("--entry", help="default: the only one with an audit")
    parser.add_argument("--minutes", type=float, help="time that the audit took")
    parser.add_argument("--page", action="store_true", help="write the table of docs/audit.md")
    asked = parser.parse_args()
    if asked.page:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}{table(read_facts())}{END}{after}", encoding="utf-8")
        return
    if asked.study is None or asked.minutes is None:
        parser.error("pass --study and --minutes, or --page")
    found = (asked.study / "audits").glob(f"{asked.entry or '*'}.json")
    (path,) = (one for one in found if one.name != "serbench.json")
    audit = json.loads(path.read_text(encoding="utf-8"))
    study = json.loads((asked.study / "study.json").read_text(encoding="utf-8"))
    entry = json.loads((asked.study / "entries" / f"{audit['entry']}.json").read_text(encoding="utf-8"))
    run = json.loads((asked.study / "refits" / entry["refits"][0] / "record.json").read_text(encoding="utf-8"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / f"{audit['corpus']}-{audit['entry']}.json"
    facts = facts_of(audit, study, run, asked.minutes)
    target.write_text(json.dumps(facts, separators=(",", ":")) + "\n", encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
