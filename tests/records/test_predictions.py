"""Predictions as files."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from serbench.records import answers_digest, bare_parquet, write_predictions


def answers(count: int) -> pd.DataFrame:
    shares = np.random.default_rng(0).dirichlet(np.ones(3), count).astype(np.float32)
    table = pd.DataFrame({"clip_id": [f"{number:04}_ä" for number in range(count)], "label": "fear"})
    return table.assign(fold=np.arange(count), p_anger=shares[:, 0], p_fear=shares[:, 1], p_joy=shares[:, 2])


def test_a_table_of_few_rows_takes_little_more_than_its_numbers_and_reads_as_it_was(tmp_path):
    table, file = answers(35), tmp_path / "predictions.parquet"
    write_predictions(table, file)
    read = pd.read_parquet(file)
    pd.testing.assert_frame_equal(read, table)
    assert answers_digest(read) == answers_digest(table)
    assert file.stat().st_size < 2_500 < len(table.to_parquet(index=False))


def test_a_bare_table_keeps_what_is_missing():
    table = pd.DataFrame({"speaker": ["a", None, "c"], "age": [31.0, np.nan, 40.5], "votes": ["", "x", None]})
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(bare_parquet(table))), table)
    index = table.set_index(pd.Index([7, 8, 9]))
    assert list(pd.read_parquet(io.BytesIO(bare_parquet(index)))) == ["speaker", "age", "votes"]
