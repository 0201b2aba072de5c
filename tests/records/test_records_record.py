"""`Record`: what is written is read again, by this version and by later ones; anything else is one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from records_made import EPOCH, entry, study, trial

from serbench.errors import SerbenchError
from serbench.records import EntryRecord, Record, StudyRecord, TrialRecord
from serbench.records.schemas import EpochMetrics


@pytest.mark.parametrize("record", [trial(), study(), entry()], ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Record, tmp_path: Path) -> None:
    record.save(tmp_path / "deep" / "record.json")
    assert type(record).load(tmp_path / "deep" / "record.json") == record


SHARES = st.none() | st.floats(0, 1)
EPOCHS = st.builds(
    EpochMetrics, epoch=st.integers(0, 2**63), val_accuracy=SHARES, val_uar=SHARES, seconds=st.floats(-1e12, 1e12)
)


@given(epochs=st.lists(EPOCHS, max_size=2), value=SHARES)
def test_every_number_comes_back_also_those_that_json_lacks(
    epochs: list[EpochMetrics], value: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any_number.json"
    record = trial(epochs=tuple(epochs), value=value)
    path.write_text(record.model_dump_json(), encoding="utf-8")
    assert repr(TrialRecord.load(path)) == repr(record)


def test_what_is_written_is_json_for_everybody(tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    trial(peak_memory_mib=float("nan")).save(tmp_path / "record.json")
    json.loads((tmp_path / "record.json").read_text(encoding="utf-8"), parse_constant=refuse)


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Writes a trial's record with something changed in its JSON."""
    raw = trial().model_dump(mode="json")
    change(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def test_unknown_keys_are_ignored_in_parts_too(tmp_path: Path) -> None:
    def add(raw: dict[str, Any]) -> None:
        raw["mood"] = "good"
        raw["epochs"][0]["val_mood"] = 1
        raw["scores"]["validation"]["mood"] = [1, 2]

    assert TrialRecord.load(changed(tmp_path / "record.json", add)) == trial()


def test_a_typo_in_a_part_is_no_default() -> None:
    with pytest.raises(ValidationError, match="val_mood"):
        EpochMetrics(**EPOCH.model_dump(), val_mood=1)


def test_records_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        trial().value = 1.0  # type: ignore[misc]


class Newer(Record):
    SCHEMA: ClassVar[int] = 2
    schema_version: int = 2
    colour: str = "grey"


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Newer().save(tmp_path / "record.json")
    with pytest.raises(SerbenchError) as caught:
        EntryRecord.load(tmp_path / "record.json")
    assert str(caught.value) == (
        f"{tmp_path}/record.json was written by a newer serbench (schema 2, this one reads up to 1); upgrade "
        "serbench or name another --results folder"
    )


def test_an_older_schema_is_read(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"schema_version": 1}', encoding="utf-8")
    assert Newer.load(tmp_path / "record.json").colour == "grey"


def removed(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda raw: raw.pop(key)


def replaced(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda raw: raw.update({key: value})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (removed("state"), "is damaged (state: field required); restore it"),
        (replaced("state", "happy"), "is damaged (state: input should be 'completed'"),
        (replaced("epochs", [{"epoch": 0}]), "is damaged (epochs.0.loss: field required); restore it"),
        (replaced("epochs", {"epoch": [0], "loss": []}), "is damaged (epochs: value error, the columns of a table"),
        (replaced("epochs", {"epoch": "01"}), "is damaged (epochs: value error, the columns of a table"),
        (replaced("epochs", {"epoch": [0]}), "is damaged (epochs.0.loss: field required); restore it"),
        (replaced("seed", "x"), "is damaged (seed: input should be a valid integer"),
        (removed("schema_version"), "is not a serbench record (it has no schema_version); restore it"),
        (replaced("schema_version", "1"), "was written by a newer serbench"),
    ],
)
def test_a_damaged_record_is_one_sentence(
    change: Callable[[dict[str, Any]], None], complaint: str, tmp_path: Path
) -> None:
    path = changed(tmp_path / "record.json", change)
    with pytest.raises(SerbenchError) as caught:
        TrialRecord.load(path)
    assert str(caught.value).startswith(f"{path} {complaint}")
    assert "\n" not in str(caught.value)


def test_a_compact_record_has_its_epochs_as_columns_and_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record = trial(epochs=(EPOCH, EPOCH.model_copy(update={"epoch": 1, "loss": float("inf"), "val_uar": None})))
    record.save(path, compact=True)
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert raw["epochs"]["val_uar"] == [EPOCH.val_uar, None]
    assert raw["schema_version"] == 3, "so that an earlier serbench asks for a newer one"
    assert "epoch" not in raw["epochs"], "they count from 0"
    assert not {"error", "number"} & raw.keys(), "nothing is said of what is empty"
    assert TrialRecord.load(path).epochs == record.epochs


HALF_A_PAIR = json.dumps(study().model_dump(mode="json") | {"run": "\ud800"}).encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"schema_version": 1', b"[1]", b"3", b"null", b"[" * 100_000, pytest.param(HALF_A_PAIR, id="half")],
)
def test_what_is_no_record_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(SerbenchError, match=r"record\.json is not a serbench record \(.*; restore it or remove"):
        StudyRecord.load(tmp_path / "record.json")


def test_missing_and_unreadable_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SerbenchError, match=r"absent\.json does not exist$"):
        EntryRecord.load(tmp_path / "absent.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SerbenchError, match=r"binary\.json is not UTF-8 text"):
        EntryRecord.load(tmp_path / "binary.json")
    with pytest.raises(SerbenchError, match=r"cannot read .*: Is a directory$"):
        EntryRecord.load(tmp_path)


@pytest.mark.parametrize(
    "changes", [{"folds": 0}, {"folds": -1}, {"fold": -1}, {"least_validation": 0}, {"least_validation": -(10**12)}]
)
def test_a_protocol_that_cannot_be_is_damage(changes: dict[str, int], tmp_path: Path) -> None:
    raw = study().model_dump(mode="json")
    raw["protocol"] |= changes
    (tmp_path / "study.json").write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(SerbenchError, match=rf"is damaged \(protocol\.{next(iter(changes))}"):
        StudyRecord.load(tmp_path / "study.json")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308])
@pytest.mark.parametrize("where", ["seconds", "epochs", "model_ms"])
def test_a_time_that_no_table_can_print_is_damage(where: str, value: float, tmp_path: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["cost"] = {"multiply_accumulates": None, "model_bytes": 1, "model_ms": value if where == "model_ms" else 1}
        raw["seconds"] = {"fit": value if where == "seconds" else 1}
        raw["epochs"][0]["seconds"] = value if where == "epochs" else 1

    with pytest.raises(SerbenchError, match=rf"is damaged \(.*{where}"):
        TrialRecord.load(changed(tmp_path / "record.json", change))


@pytest.mark.parametrize("value", [pytest.param(10**400, id="401 digits"), -1])
@pytest.mark.parametrize("where", ["multiply_accumulates", "model_bytes"])
def test_a_count_that_no_table_can_print_is_damage(where: str, value: int, tmp_path: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["cost"] = {"multiply_accumulates": None, "model_bytes": 1, "model_ms": 1.0, where: value}

    with pytest.raises(SerbenchError, match=rf"is damaged \(cost\.{where}"):
        TrialRecord.load(changed(tmp_path / "record.json", change))


@pytest.mark.parametrize("value", [pytest.param(10**400, id="401 digits"), -1])
@pytest.mark.parametrize("where", ["epoch", "best_epoch", "train_clips"])
def test_a_number_of_epochs_or_clips_that_no_figure_can_place_is_damage(where: str, value: int, tmp_path: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        (raw["epochs"][0] if where == "epoch" else raw)[where] = value

    with pytest.raises(SerbenchError, match=rf"is damaged \(.*{where}:"):
        TrialRecord.load(changed(tmp_path / "record.json", change))


@pytest.mark.parametrize("value", ["NaN", "Infinity", -0.1, 1.5])
@pytest.mark.parametrize("where", ["value", "val_uar", "val_accuracy", "uar", "accuracy", "macro_f1"])
def test_a_score_that_no_figure_can_place_is_damage(where: str, value: object, tmp_path: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        parts = (raw, raw["epochs"][0], raw["scores"]["validation"])
        parts[0 if where == "value" else 1 if where.startswith("val") else 2][where] = value

    with pytest.raises(SerbenchError, match=rf"is damaged \(.*{where}:"):
        TrialRecord.load(changed(tmp_path / "record.json", change))
