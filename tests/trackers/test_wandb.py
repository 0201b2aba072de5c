"""Offline runs of Weights & Biases, read back from their files. Nothing is sent anywhere."""

from __future__ import annotations

import json
import struct

import pytest
from drawn_results import run_of
from tests_shared import needs
from trackers_made import STUDY, retried

from serbench.trackers import push_study, study_runs

pytestmark = [pytest.mark.children, needs("wandb")]  # its writer is a process of its own

_BLOCK = 32768


def records(path):
    """The records of a `.wandb` file: a LevelDB log after a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data = path.read_bytes()
    position, parts = 7, b""
    while position + 7 <= len(data):
        if _BLOCK - position % _BLOCK < 7:
            position += _BLOCK - position % _BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in {1, 4}:  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def folder_of(place, run):
    (found,) = (place / "wandb").glob(f"offline-run-*-{run.key}")
    return found


def pushed(build, place):
    done = push_study(build.read(), STUDY, "wandb", str(place))
    return done.added, done.updated, done.unchanged


def test_curves_scores_and_facts_are_in_the_offline_run(drawn, tmp_path):
    runs = {run.name: run for run in study_runs(drawn.read(), STUDY)}
    pushed(drawn, tmp_path)
    history, summary, config = [], {}, {}
    for name in (run_of("good"), "good"):
        path = folder_of(tmp_path, runs[name]) / f"run-{runs[name].key}.wandb"
        for record in records(path):
            history += [
                {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
            ] * record.HasField("history")
            summary |= {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.summary.update}
            config |= {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.run.config.update}
    assert [row["validation/uar"] for row in history if "validation/uar" in row] == [
        pytest.approx(value) for _, value in runs[run_of("good")].curves["validation/uar"]
    ]
    assert summary["test/uar"] == pytest.approx(runs["good"].scores["test/uar"])
    assert summary["test/uar_low"] == pytest.approx(runs["good"].scores["test/uar_low"])
    assert config["layers.depth"] == 4
    assert config["serbench/corpus_digest"] == drawn.results.study(STUDY).record().corpus.digest


def test_a_second_push_doubles_nothing_and_takes_what_is_new(drawn, tmp_path):
    assert pushed(drawn, tmp_path) == (11, 0, 0)
    assert pushed(drawn, tmp_path) == (0, 0, 11)
    retried(drawn)
    assert pushed(drawn, tmp_path) == (0, 2, 9)
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 11


def test_a_run_that_was_broken_off_is_written_again(drawn, tmp_path):
    run = study_runs(drawn.read(), STUDY)[1]
    pushed(drawn, tmp_path)
    (folder_of(tmp_path, run) / "serbench.txt").unlink()
    assert pushed(drawn, tmp_path) == (0, 1, 10)


def test_nothing_of_this_machine_is_in_a_run(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")  # offline stays offline, whatever the person's settings are
    pushed(drawn, tmp_path)
    files = list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    assert len(files) == 11
    for path in files:
        assert str(tmp_path).encode() not in path.read_bytes()
        for record in records(path):
            assert record.run.host in {"", "not recorded"}
            assert not record.run.git.remote_url
            assert not record.HasField("environment")
            assert not record.HasField("stats")
