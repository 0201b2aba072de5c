"""Sex and sentence decide a split and are not in the clips' digest: who edits them gets no other test set unseen."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from drawn_results import Builder

from serbench.corpora import choose_corpus, load_clips
from serbench.errors import UsageError
from serbench.protocols import SplitProtocol, recorded_plan
from serbench.records import ResultsFolder, StudyRecord
from serbench.search import recorded_clips, run_search
from serbench.search.studies.split_columns import as_stored, check_split_columns
from serbench.spaces import load_space

WAYS_OUT = r"undo the change, or search in a results folder of its own \(--results DIR\)"


@pytest.fixture
def begun(tmp_path) -> tuple[ResultsFolder, StudyRecord]:
    """A results folder with one study of protocol `speaker`."""
    build = Builder(tmp_path / "results")
    name = build.study()
    folder = build.results.study(name)
    clips = folder.clips().assign(sex="female", sentence="s1")
    folder.clips_path.write_bytes(clips.to_parquet(index=False))
    return build.results, folder.record()


def edited(results: ResultsFolder, record: StudyRecord, column: str, value: str | None) -> pd.DataFrame:
    clips = results.study(record.name).clips()
    clips.loc[clips.index[:3], column] = value
    return clips.sample(frac=1, random_state=0)


@pytest.mark.parametrize("value", ["male", None])
def test_a_study_does_not_go_on_with_other_sexes(begun, value) -> None:
    results, record = begun
    with pytest.raises(UsageError, match=rf"column 'sex' .*'{record.name}' .*3 clips.*female -> .*; {WAYS_OUT}"):
        check_split_columns(results, [record], edited(results, record, "sex", value))


def test_a_new_study_of_the_same_test_set_is_refused_and_one_of_another_is_not(begun) -> None:
    results, record = begun
    clips = edited(results, record, "sex", "male")
    new = record.model_copy(update={"name": "another"})
    with pytest.raises(UsageError, match=f"as study '{record.name}' has stored it"):
        check_split_columns(results, [new], clips)
    other_corpus = new.model_copy(update={"corpus": record.corpus.model_copy(update={"digest": "0" * 32})})
    other_seed = new.model_copy(update={"protocol": record.protocol.model_copy(update={"split_seed": 7})})
    check_split_columns(results, [other_corpus, other_seed], clips)


def test_columns_that_decide_nothing_may_change(begun) -> None:
    results, record = begun
    check_split_columns(results, [record], edited(results, record, "sentence", "s2"))
    check_split_columns(results, [record], edited(results, record, "sex", "female"))
    protocol = record.protocol.model_copy(update={"name": "random"})
    record.model_copy(update={"protocol": protocol}).save(results.study(record.name).record_path)
    record = results.study(record.name).record()
    check_split_columns(results, [record], edited(results, record, "sex", "male"))


def test_what_was_not_stored_or_cannot_be_read_is_passed_over(begun) -> None:
    results, record = begun
    folder = results.study(record.name)
    clips = edited(results, record, "sex", "male")
    folder.clips_path.write_bytes(folder.clips().drop(columns="sex").to_parquet(index=False))
    check_split_columns(results, [record], clips)
    folder.clips_path.write_bytes(b"")
    check_split_columns(results, [record], clips)


def test_clips_are_split_as_they_were_stored(begun) -> None:
    results, record = begun
    folder = results.study(record.name)
    clips = folder.clips().assign(sex=None, sentence="other", age=30.0).astype({"sex": "string"})
    found = as_stored(folder, clips)
    assert set(found["sex"]) == {"female"}
    assert (set(found["sentence"]), set(found["age"])) == ({"s1"}, {30.0})
    assert found["sex"].dtype == clips["sex"].dtype


def write_table(folder: Path, sexes: dict[str, str]) -> Path:
    """A table of one's own beside its audio, with the sexes of some speakers."""
    names = sorted(path.name for path in folder.glob("*.wav"))
    rows = [f"{name},{name.split('_')[2]},{name[:4]},{sexes.get(name[:4], '')}" for name in names]
    (folder / "clips.csv").write_text("\n".join(["path,label,speaker,sex", *rows]) + "\n", encoding="utf-8")
    return folder / "clips.csv"


@pytest.fixture
def linked_table(tone_corpus, tmp_path) -> Path:
    """A table beside its audio that is a link to a file elsewhere."""
    table = write_table(Path(shutil.copytree(tone_corpus, tmp_path / "mine")), {})
    table.rename(tmp_path / "stored.csv")
    table.symlink_to(tmp_path / "stored.csv")
    return table


@pytest.mark.children
def test_a_search_after_an_edit_of_sexes_is_refused_and_its_study_stays_as_it_was_split(
    make_plan, linked_table, tiny_space, tmp_path
) -> None:
    corpus, data = choose_corpus(str(linked_table))
    plan = make_plan(corpus=corpus, data=data, trials=1, finalists=0)
    (name,) = run_search(plan)
    folder = ResultsFolder(plan.results).study(name)
    record = folder.record()
    before = recorded_plan(folder, record, recorded_clips(folder, record, None))

    sexes = {str(speaker): "f" if speaker < 1007 else "m" for speaker in range(1001, 1013)}
    write_table(linked_table.parent, sexes)
    clips = load_clips(corpus, data)
    assert clips.digest == record.corpus.digest, "it knows nothing of sexes"
    assert SplitProtocol("speaker").plans(clips.table)[0].order != before.order
    second = tiny_space().rename(tmp_path / "second.toml")
    for one in (plan, replace(plan, spaces=(load_space(second),))):
        with pytest.raises(UsageError, match=rf"column 'sex' .*study '{name}'"):
            run_search(one)
    assert ResultsFolder(plan.results).study_names() == [name]
    assert recorded_plan(folder, record, recorded_clips(folder, record, None)) == before
