"""The registry of protocols: every entry is complete, shown in help and docs, and splits as it always did."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from serbench.protocols import SplitProtocol, get_kind, protocol_names, protocols_help
from serbench.protocols.kinds import protocol_kinds

DOCS = Path(__file__).parents[2] / "docs" / "protocols.md"

RECORDED = {
    "speaker": ("a78cca807bd0b8a9", 1, "66c0739bfb157251"),
    "random": ("979fe327034cd832", 1, "11835c74a741eab0"),
    "sentence": ("3e9045e020017fc6", 1, "a9a9ac5ce5f0a57a"),
    "speaker+sentence": ("8701521a50495cef", 1, "b8a8333ad289f6bc"),
    "speaker-cv": ("c30e450d292327ab", 5, "fd409e0c8e994096"),
    "speaker-cv:10": ("50504dfd3277a70a", 10, "b82aa22f849605e4"),
    "loso": ("2dfd31c8f0169991", 20, "f22aab9642b8104c"),
    "emo-superb": ("ca30de31a06d8a13", 5, "1ea56b2ec54bcfc1"),
    "given": ("be59c05b2afbadb3", 1, "7549af035d6685e2"),
    "cross-corpus": ("973a4f0c73a07995", 1, "7549af035d6685e2"),
}
"""Before the registry, with split seed 3: each protocol's hash, number of folds, and a digest of all its sets."""


def recordings(protocol: str) -> pd.DataFrame:
    """20 speakers (CREMA-D's 91 for its own folds) with 12 clips each: 3 labels, 4 sentences."""
    speakers = [1001 + number for number in range(91)] if protocol == "emo-superb" else list(range(20))
    rows = [
        {
            "clip_id": f"{speaker}_{label}_{take}",
            "label": label,
            "speaker": str(speaker),
            "sex": "female" if place % 2 else "male",
            "sentence": f"t{take}",
            "digest": f"{place}{number}{take}",
        }
        for place, speaker in enumerate(speakers)
        for number, label in enumerate(("anger", "fear", "joy"))
        for take in range(4)
    ]
    table = pd.DataFrame(rows)
    if protocol in {"given", "cross-corpus"}:
        table["split"] = ["test" if int(speaker) < 6 else "train" for speaker in table["speaker"]]
        table["corpus"] = "x"
    return table


@pytest.mark.parametrize("name", RECORDED)
def test_hashes_and_splits_stay_what_they_were(name: str) -> None:
    protocol = SplitProtocol(name, split_seed=3, least_validation=1)
    plans = protocol.plans(recordings(name))
    splits = [plan.split(protocol.cores) for plan in plans]
    parts = ("train", "validation", "test", "test_rest", "left_out")
    sets = json.dumps([[list(getattr(split, part)) for part in parts] for split in splits])
    digest = hashlib.sha256(sets.encode()).hexdigest()[:16]
    assert (protocol.hash, len(plans), digest) == RECORDED[name]


@pytest.mark.parametrize("kind", protocol_kinds(), ids=lambda kind: kind.name)
def test_an_entry_says_how_many_folds_it_makes(kind) -> None:
    plans = SplitProtocol(kind.name).plans(recordings(kind.name))
    assert len(plans) == (20 if kind.folds is None else kind.folds)
    assert (plans[0].fold > 0) == kind.folded


@pytest.mark.parametrize("kind", protocol_kinds(), ids=lambda kind: kind.name)
def test_help_and_docs_list_every_protocol(kind) -> None:
    assert f"{kind.name}: {kind.summary}" in protocols_help()
    row = f"| `{kind.name}` | {kind.summary} |"
    table = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(row)]
    assert len(table) == 1, f"docs/protocols.md needs a row that begins with {row}"
    assert table[0].endswith(f"| {kind.use} |")
    assert kind.meaning.endswith(".")


def test_a_number_of_folds_changes_the_name_and_the_summary() -> None:
    kind = get_kind("speaker-cv:10")
    assert (kind.name, kind.folds, kind.summary) == ("speaker-cv:10", 10, "every speaker tested once, in 10 folds")
    assert protocol_names()[0] == "speaker"


@pytest.mark.children
def test_listing_protocols_loads_nothing_heavy() -> None:
    code = "import sys; from serbench.protocols import protocols_help; protocols_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pandas", "pydantic"} & set(loaded)
