"""Clips whose label every out-of-fold answer contradicts: found, sorted, and shown in part."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from drawn_results import LABELS, TIME, Builder

from serbench.audit import AuditRecord, audit_document
from serbench.audit.doubtful_labels import doubtful_finding, doubtful_labels
from serbench.records import HeardClips, InitFrom, Scores, ShortlistRecord
from serbench.render import FORMATS, render

CLIPS = [f"clip{number:02}" for number in range(60)]
TRUE = [LABELS[number % len(LABELS)] for number in range(60)]
SPEAKERS = {clip: f"speaker{number % 10}" for number, clip in enumerate(CLIPS)}


def answered(seed: int, labels: list[str] = TRUE, wrong: dict[str, str] | None = None) -> pd.DataFrame:
    """Answers of one configuration that is right about every clip, but for those it takes for something else."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(CLIPS))
    rows = []
    for place in order:
        said = (wrong or {}).get(CLIPS[place], TRUE[place])
        sure = rng.uniform(0.6, 0.9)
        rest = (1 - sure) / (len(LABELS) - 1)
        rows.append({"clip_id": CLIPS[place], "fold": 1 + place % 5, "label": labels[place]}
                    | {f"p_{label}": sure if label == said else rest for label in LABELS})  # fmt: skip
    return pd.DataFrame(rows)


def mislabelled(**labels: str) -> list[str]:
    return [labels.get(clip, true) for clip, true in zip(CLIPS, TRUE, strict=True)]


def test_a_planted_wrong_label_is_found() -> None:
    labels = mislabelled(clip07="sadness")
    found = doubtful_finding([answered(1, labels), answered(2, labels)], LABELS, SPEAKERS)
    assert found.level == "note"
    (row,) = found.table
    assert (row["clip"], row["label"], row["answer"]) == ("clip07", "sadness", TRUE[7])
    assert row["speaker"] == "speaker7"
    assert row["answers"] == 2
    assert 0.02 <= row["p(label)"] <= 0.08
    assert 0.6 <= row["p(answer)"] <= 0.9
    assert found.numbers == {"doubtful": 1, "clips": 60, "configurations": 2}
    assert "1 of 60 clips" in found.verdict
    assert "worth hearing" in found.verdict
    assert "does not mean that their labels are wrong" in found.verdict


def test_a_label_that_one_configuration_confirms_is_not_listed() -> None:
    one = answered(1, wrong={"clip07": "sadness", "clip08": "anger"})
    other = answered(2, wrong={"clip08": "anger"})
    found = doubtful_finding([one, other], LABELS, SPEAKERS)
    assert [row["clip"] for row in found.table] == ["clip08"]


def test_a_label_that_one_of_many_configurations_confirms_is_not_listed() -> None:
    tables = [answered(seed, wrong={"clip07": "sadness"}) for seed in range(1, 10)]
    assert [row["clip"] for row in doubtful_finding(tables, LABELS, SPEAKERS).table] == ["clip07"]
    assert doubtful_finding([*tables, answered(10)], LABELS, SPEAKERS).level == "ok"


def test_a_label_with_more_than_chance_is_not_listed() -> None:
    table = answered(1)
    names = [f"p_{label}" for label in LABELS]
    close = table["clip_id"] == "clip07"
    values = dict.fromkeys(names, 0.05)
    table.loc[close, names] = list((values | {f"p_{TRUE[7]}": 0.38, "p_sadness": 0.42}).values())
    assert doubtful_finding([table], LABELS, SPEAKERS).level == "ok"


def test_the_least_probable_label_comes_first() -> None:
    labels = mislabelled(clip07="sadness", clip20="anger", clip33="joyless")
    labels[33] = "anger"
    tables = [answered(seed, labels) for seed in (1, 2, 3)]
    found = doubtful_finding(tables, LABELS, SPEAKERS)
    values = [row["p(label)"] for row in found.table]
    assert {row["clip"] for row in found.table} == {"clip07", "clip20", "clip33"}
    assert values == sorted(values)
    mean = np.mean(
        [table.set_index("clip_id").loc[found.table[0]["clip"], f"p_{found.table[0]['label']}"] for table in tables]
    )
    assert values[0] == pytest.approx(mean)


def test_without_answers_there_is_no_conclusion() -> None:
    found = doubtful_finding([], LABELS, SPEAKERS)
    assert found.level == "skipped"
    assert "no out-of-fold answers" in found.verdict


def test_few_rows_are_printed_and_all_are_in_json() -> None:
    wrong = {clip: LABELS[(number + 1) % len(LABELS)] for number, clip in enumerate(CLIPS[:30])}
    finding = doubtful_finding([answered(1, wrong=wrong)], LABELS, SPEAKERS)
    assert len(finding.table) == 30
    record = AuditRecord(
        entry="e", study="s", family="cnn1d", corpus="demo", protocol="speaker", findings=(finding,), draws=(),
        serbench="0", created=TIME,
    )  # fmt: skip
    document = audit_document(record)
    for form in set(FORMATS) - {"json", "csv"}:
        text = render(document, form, width=200)
        assert sum(row["clip"] in text.split("the first 20 of 30", 1)[1] for row in finding.table) == 20, form
    assert len(json.loads(render(document, "json"))["findings"][0]["table"]) == 30


def folder_with_answers(tmp_path, *tables: pd.DataFrame):
    build = Builder(tmp_path / "results")
    study = build.study()
    folder = build.results.study(study)
    clips = pd.DataFrame({"clip_id": CLIPS, "label": LABELS[0], "speaker": [SPEAKERS[clip] for clip in CLIPS]})
    clips.to_parquet(folder.clips_path)
    for number, table in enumerate(tables):
        record = ShortlistRecord(
            study=study, job_id=f"t{number:04}", origin="trial", config={}, search_value=0.5, folds=(), epochs=1,
            curve=(0.5,), scores=Scores(clips=60, accuracy=0.5, uar=0.5, macro_f1=0.5), value=0.5, created=TIME,
        )  # fmt: skip
        folder.save_shortlisted(record, table)
    return folder


def test_a_studys_answers_are_read_from_its_folder(tmp_path) -> None:
    labels = mislabelled(clip07="sadness")
    found = doubtful_labels([folder_with_answers(tmp_path, answered(1, labels), answered(2, labels))], LABELS)
    assert [row["clip"] for row in found.table] == ["clip07"]
    assert found.table[0]["speaker"] == "speaker7"
    assert doubtful_labels([folder_with_answers(tmp_path / "other")], LABELS).level == "skipped"


def test_damaged_answers_are_skipped_with_the_reason(tmp_path) -> None:
    folder = folder_with_answers(tmp_path, answered(1).drop(columns="p_fear"))
    found = doubtful_labels([folder], LABELS)
    assert found.level == "skipped"
    assert "no column 'p_fear'" in found.verdict
    (folder.path / "shortlist" / "t0000.parquet").write_bytes(b"no table")
    assert "is damaged" in doubtful_labels([folder], LABELS).verdict


def test_answers_of_networks_that_started_from_these_clips_are_none(tmp_path) -> None:
    folder = folder_with_answers(tmp_path, answered(1))
    record = folder.record()
    heard = HeardClips(study="s", corpus="demo", parts=("demo",), digest=record.corpus.digest, protocol="p")
    init = InitFrom(
        entry="cnn2d-abc", study="s", refit="t0000-a0", family="cnn2d", labels=LABELS, sha256="0", heard=(heard,)
    )
    record.model_copy(update={"init": init}).save(folder.record_path)
    found = doubtful_labels([folder], LABELS)
    assert found.level == "skipped"
    assert "'cnn2d-abc', which has heard these clips" in found.verdict


def test_an_audit_record_of_before_prints_all_rows() -> None:
    wrong = {clip: LABELS[(number + 1) % len(LABELS)] for number, clip in enumerate(CLIPS[:30])}
    finding = doubtful_finding([answered(1, wrong=wrong)], LABELS, SPEAKERS)
    old = type(finding).model_validate(finding.model_dump(exclude={"printed_rows"}))
    assert old.printed_rows is None
