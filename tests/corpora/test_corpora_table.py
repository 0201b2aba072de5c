"""The clip table and its digest, and where the cache lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.corpora import cache_root, clip_set_digest, clip_table
from serbench.corpora.folders import corpus_home
from serbench.corpora.table import CLIP_COLUMNS
from serbench.errors import SerbenchError


def rows(**changes: object) -> pd.DataFrame:
    columns = {
        "clip_id": ["b", "a", "c"],
        "path": ["/x/b", "/x/a", "/x/c"],
        "label": ["anger", "fear", "anger"],
        "speaker": ["1", "1", "2"],
        "digest": ["d1", "d2", "d3"],
    }
    return pd.DataFrame(columns | changes)


def test_sorted_with_every_column_and_further_ones_behind() -> None:
    table = clip_table(rows(age=[30, None, "41"], sex=["male", None, ""]))
    assert list(table.columns) == [*CLIP_COLUMNS, "digest"]
    assert table["clip_id"].tolist() == ["a", "b", "c"]
    assert table.index.tolist() == [0, 1, 2]
    assert table["age"].tolist()[1:] == [30.0, 41.0]
    assert table["sex"].isna().tolist() == [True, False, True]
    assert table["sentence"].isna().all()


def test_numbers_become_text() -> None:
    assert clip_table(rows(speaker=[1, 1, 2]))["speaker"].tolist() == ["1", "1", "2"]


def test_the_frame_given_is_not_changed() -> None:
    frame = rows()
    clip_table(frame)
    assert list(frame.columns) == list(rows().columns)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_id": ["a", "a", "c"]}, "clip id 'a' occurs more than once"),
        ({"label": ["anger", "", "fear"]}, "clip 'a' has no label"),
        ({"speaker": ["1", None, "1"]}, "clip 'a' has no speaker"),
        ({"clip_id": ["a", None, "c"]}, "row 1 has no clip_id"),
        ({"sex": ["male", "f", "male"]}, "clip 'a' has the sex 'f'"),
        ({"age": [1, "old", 3]}, "clip 'a' has the age 'old'"),
        ({"age": [1, -2, 3]}, "clip 'a' has the age '-2'"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SerbenchError, match=message):
        clip_table(rows(**changes))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SerbenchError, match="no column speaker"):
        clip_table(rows().drop(columns="speaker"))


@given(st.permutations(range(3)))
def test_the_digest_knows_neither_order_nor_place(order: list[int]) -> None:
    shuffled = rows(path=["/y/1", "/y/2", "/y/3"]).iloc[order]
    assert clip_set_digest(shuffled) == clip_set_digest(clip_table(rows()))


@pytest.mark.parametrize("column", ["clip_id", "label", "speaker", "digest"])
def test_the_digest_depends_on(column: str) -> None:
    changed = rows(**{column: ["x", *rows()[column][1:]]})
    assert clip_set_digest(changed) != clip_set_digest(rows())


def test_the_digest_of_a_table_that_lost_a_column_is_another() -> None:
    given = rows().assign(split="train", sentence="IEO")
    assert clip_set_digest(given.drop(columns="sentence")) != clip_set_digest(given)


def test_no_digest_without_inspection() -> None:
    with pytest.raises(ValueError, match="inspect"):
        clip_set_digest(rows().drop(columns="digest"))


def test_missing_values_survive_parquet(tmp_path: Path) -> None:
    table = clip_table(rows(sex=["male", np.nan, None]))
    table.to_parquet(tmp_path / "t.parquet")
    assert pd.read_parquet(tmp_path / "t.parquet").equals(table)


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    assert corpus_home("demo") == tmp_path / "corpora" / "demo"
    monkeypatch.setenv("SERBENCH_CACHE", " ")
    assert cache_root().name == "serbench"
