"""A method of another tool: the task that it gets, and the predictions that it brings back."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from drawn_results import LABELS, Builder

from serbench.errors import SerbenchError, UsageError
from serbench.protocols import Split
from serbench.records import ReferenceFolder, ReferenceRecord, ResultsFolder
from serbench.references import ReferenceTask, keep_brought, read_brought, write_task
from serbench.render import render
from serbench.results import Results, verify_results


@pytest.fixture
def results(tmp_path) -> ResultsFolder:
    build = Builder(tmp_path / "results")
    build.entry("best", build.study())
    return build.results


@pytest.fixture
def task(results) -> ReferenceTask:
    """The test set of the drawn study; every second of the other clips is for training."""
    study = results.study("demo-speaker-cnn2d")
    clips = study.clips()
    paths = [
        str(results.root.parent / "corpus" / speaker / f"{clip}.WAV")
        for speaker, clip in zip(clips["speaker"], clips["clip_id"], strict=True)
    ]
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.stem.encode())
    tested = clips["clip_id"].str.startswith("test").to_numpy()
    others = np.flatnonzero(~tested).tolist()
    split = Split(tuple(others[::2]), tuple(others[1::2]), (), tuple(np.flatnonzero(tested).tolist()), ())
    return ReferenceTask(study.record(), clips.assign(path=paths), split)


def answers(task: ReferenceTask, label: str | None = None) -> pd.DataFrame:
    """Three of four answers are right, with 0.7; or always one label."""
    clips = task.clips.iloc[list(task.split.test)].reset_index(drop=True)
    wrong = np.random.default_rng(0).random(len(clips)) < 0.25
    clips["label"] = np.where(wrong, LABELS[0], clips["label"])
    shares = {f"p_{name}": np.where(clips["label"] == name, 0.7, 0.3 / (len(LABELS) - 1)) for name in task.labels}
    if label is not None:
        shares = {f"p_{name}": np.full(len(clips), float(name == label)) for name in task.labels}
    return pd.DataFrame({"clip_id": clips["clip_id"].to_numpy()} | shares)


def bring(task: ReferenceTask, results: ResultsFolder, table: pd.DataFrame, name: str = "wav2vec 2, large") -> str:
    path = results.root.parent / "brought.csv"
    table.to_csv(path, index=False)
    return keep_brought(results, [task], read_brought(path, task.labels), name, "fine-tuned")


def test_predictions_become_a_marked_row_with_an_interval_and_one_counted_evaluation(task, results) -> None:
    before = len(results.ledger.read()[0])
    assert bring(task, results, answers(task).sample(frac=1, random_state=1)) == "brought-wav2vec-2-large"
    (group,) = Results(results.root).board().groups
    (row,) = group.references
    assert (row.title, row.detail, row.left_out) == ("wav2vec 2, large (brought)", "fine-tuned", 0)
    truth = task.clips["label"].iloc[list(task.split.test)].tolist()
    told = answers(task).filter(regex="^p_").idxmax(axis=1).str.removeprefix("p_").tolist()
    assert row.accuracy == pytest.approx(np.mean([one == other for one, other in zip(told, truth, strict=True)]))
    assert row.uar_low < row.uar < row.uar_high
    lines, _ = results.ledger.read()
    assert [line.kind for line in lines[before:]] == ["brought"]
    assert not verify_results(Results(results.root)).problems


def test_the_same_again_changes_nothing_and_others_need_another_name(task, results) -> None:
    bring(task, results, answers(task))
    counted = len(results.ledger.read()[0])
    bring(task, results, answers(task))
    bring(task, results, answers(task).sample(frac=1, random_state=2))
    assert len(results.ledger.read()[0]) == counted, "the order of rows tells nothing new"
    folder = ReferenceFolder.of(results.root, task.study)
    record, table = folder.load("brought-wav2vec-2-large")
    folder.publish(record.model_copy(update={"settings": record.settings | {"digest": "of older results"}}), table)
    bring(task, results, answers(task).sample(frac=1, random_state=3))
    elsewhere = replace(task, study=task.study.model_copy(update={"name": "another", "identity": "another"}))
    bring(elsewhere, results, answers(task))
    assert len(results.ledger.read()[0]) == counted, "another study with the same test set"
    with pytest.raises(UsageError, match=r"other predictions are kept as 'wav2vec 2, large'.*another --name"):
        bring(task, results, answers(task, LABELS[0]))
    bring(task, results, answers(task, LABELS[0]), "always one")
    assert len(results.ledger.read()[0]) == counted + 1


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_labels_are_enough(task, tmp_path, suffix) -> None:
    clips = task.clips.iloc[list(task.split.test)][["clip_id", "label"]]
    path = tmp_path / f"a.{suffix}"
    clips.to_csv(path, index=False) if suffix == "csv" else clips.to_parquet(path)
    brought = read_brought(path, task.labels)
    assert not brought.soft
    assert [task.labels[place] for place in brought.shares.argmax(axis=1)] == clips["label"].tolist()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.iloc[1:], r"1 of \d+ test clips has no prediction \(among them test-"),
        (
            lambda table: pd.concat([table, table.iloc[:1].assign(clip_id="x")]),
            r"1 prediction is of clips outside .* x",
        ),
        (lambda table: pd.concat([table, table.iloc[:1]]), "more than once"),
        (lambda table: table.assign(clip_id=""), "row 1 has no clip_id"),
        (lambda table: table.drop(columns="clip_id"), "no column 'clip_id'"),
        (lambda table: table.drop(columns=f"p_{LABELS[1]}"), f"no column 'p_{LABELS[1]}'; give one for each label"),
        (
            lambda table: table.rename(columns={f"p_{LABELS[1]}": "p_other"}),
            f"no column 'p_{LABELS[1]}'; of no label: p_other; give one",
        ),
        (lambda table: table.assign(**{f"p_{LABELS[0]}": 3.0}), "sum to 1"),
        (lambda table: table.assign(**{f"p_{LABELS[0]}": "nan"}), "are not numbers"),
        (lambda table: table.assign(**{f"p_{LABELS[0]}": -0.1}), "are not numbers of 0 or more"),
        (lambda table: pd.DataFrame({"clip_id": table["clip_id"], "label": LABELS[0][:-1]}), f"mean '{LABELS[0]}'"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_keeps_and_counts_nothing(task, results, change, words) -> None:
    before = len(results.ledger.read()[0])
    with pytest.raises(SerbenchError, match=words):
        bring(task, results, change(answers(task)))
    assert len(results.ledger.read()[0]) == before
    assert not list(results.root.rglob("brought-*"))


@pytest.mark.parametrize("name", ["", "///", "x" * 90])
def test_a_name_without_letters_is_refused(task, results, name) -> None:
    with pytest.raises(UsageError, match="--name"):
        bring(task, results, answers(task), name)


def test_a_task_holds_neither_label_nor_file_name_of_a_test_clip_and_no_path_of_this_machine(task, tmp_path) -> None:
    assert write_task([task], tmp_path / "task") == {"demo": tmp_path / "corpus"}
    tested = pd.read_csv(tmp_path / "task" / "test.csv", dtype=str)
    assert list(tested) == ["clip_id", "path", "speaker"]
    clips = task.clips.iloc[list(task.split.test)].set_index("clip_id")
    assert tested["clip_id"].tolist() == sorted(tested["clip_id"]), "their order tells nothing either"
    for name, path, speaker in tested.itertuples(index=False):
        clip = (tmp_path / "task" / path).read_text()
        assert (path, speaker) == (f"test/{name}.wav", clips.at[clip, "speaker"])
    listed = (tmp_path / "task" / "test.csv").read_text() + (tmp_path / "task" / "predictions.csv").read_text()
    assert not [clip for clip in clips.index if clip in listed]
    known = pd.concat(pd.read_csv(tmp_path / "task" / f"{name}.csv", dtype=str) for name in ("train", "validation"))
    assert set(known["label"]) == set(task.labels)
    form = pd.read_csv(tmp_path / "task" / "predictions.csv")
    assert list(form) == ["clip_id", *(f"p_{label}" for label in task.labels)]
    assert form["clip_id"].tolist() == tested["clip_id"].tolist()
    assert not any(str(tmp_path) in file.read_text() for file in (tmp_path / "task").rglob("*.*"))
    assert f"--study {task.study.name} " in (tmp_path / "task" / "README.md").read_text()
    with pytest.raises(UsageError, match="exists; name a new folder"):
        write_task([task], tmp_path / "task")


def test_the_form_of_a_task_is_the_same_submission_as_clip_ids(task, results) -> None:
    table = answers(task)
    names = {clip: name for name, clip in task.test_names.items()}
    form = table.assign(clip_id=table["clip_id"].map(names))
    bring(task, results, form.sample(frac=1, random_state=2).sort_values("clip_id"))
    (row,) = Results(results.root).board().groups[0].references
    bring(task, results, table, "by clip id")
    assert {one.uar for one in Results(results.root).board().groups[0].references} == {row.uar}
    with pytest.raises(SerbenchError, match=rf"1 of .* no prediction \(among them {form['clip_id'].iloc[0]}\)"):
        bring(task, results, form.iloc[1:])
    with pytest.raises(SerbenchError, match="two predictions"):
        bring(task, results, pd.concat([table.iloc[:1], form]))
    with pytest.raises(SerbenchError, match="fill the form in"):
        bring(task, results, form.assign(**{f"p_{label}": "" for label in task.labels}))


def test_a_task_says_which_sets_share_speakers(task, tmp_path) -> None:
    """The fixture trains and validates on the same speakers, as a split of one's own may."""
    said = "No test speaker is in training or validation."
    write_task([task], tmp_path / "task")
    assert f"{said} But 9 speakers are in training and validation, so" in (tmp_path / "task" / "README.md").read_text()
    speakers = task.clips["speaker"].to_numpy()
    parts: list[list[int]] = [[], []]
    for row in (*task.split.train, *task.split.validation):
        parts[speakers[row] > "validation0-04"].append(row)
    apart = replace(task.split, train=tuple(parts[0]), validation=tuple(parts[1]))
    write_task([replace(task, split=apart)], tmp_path / "apart")
    told = (tmp_path / "apart" / "README.md").read_text()
    assert said in told
    assert "But " not in told


def test_audio_that_is_gone_is_named_and_no_task_is_left(task, tmp_path) -> None:
    Path(task.clips["path"].iloc[task.split.test[3]]).unlink()
    with pytest.raises(SerbenchError, match=r"WAV is gone; put it back"):
        write_task([task], tmp_path / "task")
    assert not (tmp_path / "task").exists()


def in_two_folds(task: ReferenceTask) -> list[ReferenceTask]:
    return [
        ReferenceTask(
            task.study.model_copy(
                update={"protocol": task.study.protocol.model_copy(update={"fold": fold, "folds": 2})}
            ),
            task.clips,
            replace(task.split, test=task.split.test[fold - 1 :: 2]),
        )
        for fold in (1, 2)
    ]


def test_each_fold_has_a_folder_and_the_form_has_all_of_them(task, tmp_path) -> None:
    write_task(in_two_folds(task), tmp_path / "task")
    assert {path.name for path in (tmp_path / "task").iterdir() if path.is_dir()} == {"fold-1", "fold-2", "test"}
    assert len(pd.read_csv(tmp_path / "task" / "predictions.csv")) == len(task.split.test)
    assert "There are 2 folds" in (tmp_path / "task" / "README.md").read_text()


def test_it_is_compared_with_the_selected_entry_over_the_same_speakers(task, results) -> None:
    bring(task, results, answers(task))
    (group,) = Results(results.root).board().groups
    (row,), (entry,) = group.references, group.rows
    assert row.difference == pytest.approx(row.uar - entry.uar)
    assert row.difference_low < row.difference < row.difference_high
    # paired: a speaker who is hard for both cancels out, so it is narrower than two intervals beside each other
    assert row.difference_high - row.difference_low < (row.uar_high - row.uar_low) + (entry.uar_high - entry.uar_low)


def test_a_table_says_which_difference_it_can_show(task, results) -> None:
    assert Results(results.root).board().groups[0].power is None, "nothing to compare with"
    bring(task, results, answers(task))
    board = Results(results.root).board()
    (group,) = board.groups
    (row,) = group.references
    assert (group.power.comparisons, group.power.speakers) == (1, 10)
    # a half-width holds the quantile of 97.5 %, this that of 80 % in addition
    assert (row.difference_high - row.difference) < group.power.difference < 2 * (row.difference_high - row.difference)
    for form in ("table", "markdown", "json"):
        assert f"a true difference of {100 * group.power.difference:.1f} points of UAR" in " ".join(
            render(board, form, width=200).split()
        )
    (told,) = json.loads(render(board, "json"))["groups"]
    assert told["detectable_difference"] == group.power.difference


def test_its_report_has_classes_slices_and_votes(task, results) -> None:
    folder = results.study(task.study.name)
    clips = folder.clips()
    rng = np.random.default_rng(0)
    clips["sex"] = np.where(clips["speaker"].str[-1].astype(int) % 2, "female", "male")
    clips["votes"] = [f"{label}:{LABELS[0]}" if draw < 0.3 else label for label, draw in
                      zip(clips["label"], rng.random(len(clips)), strict=True)]  # fmt: skip
    clips.to_parquet(folder.clips_path, index=False)
    kept = bring(task, results, answers(task))
    report = Results(results.root).reference_report(task.study.name, kept)
    assert (report.selected, report.row.title) == ("best", "wav2vec 2, large (brought)")
    assert [one.label for one in report.per_class] == list(LABELS)
    assert sum(map(sum, report.confusion)) == len(task.split.test)
    (sexes,) = report.slices
    assert {one.value for one in sexes.slices} == {"female", "male"}
    assert 0 < sexes.p_value <= 1
    mine, theirs = report.votes
    assert (mine.name, theirs.name) == (report.row.title, "best (selected)")
    assert 0.4 < mine.overlap < 0.8, "three of four right, with 0.7"
    text = " ".join(render(report, "markdown").split())
    assert "Recall by sex" in text
    assert "against the listeners' votes" in text
    assert json.loads(render(report, "json"))["votes"][0]["name"] == mine.name
    entry = Results(results.root).report("best")
    assert entry.votes == theirs.model_copy(update={"name": "best"})
    assert "against the listeners' votes" in render(entry, width=100)


def test_a_model_has_to_decide_and_only_chance_and_listeners_divide_a_clip(task, results) -> None:
    """Probabilities that a reference leaves behind are no shares of a clip: the most probable label is scored."""
    bring(task, results, answers(task), "mine")
    folder = ReferenceFolder.of(results.root, task.study)
    record, table = folder.load("brought-mine")
    given = answers(task).set_index("clip_id").loc[table["clip_id"]].reset_index(drop=True)
    soft = table[["clip_id", "label", "speaker"]].join(given)
    for name in ("boosting", "listeners"):
        folder.publish(record.model_copy(update={"name": name, "title": name}), soft)
    rows = {row.name: row for row in Results(results.root).board().groups[0].references}
    assert rows["boosting"].uar == rows["brought-mine"].uar
    assert rows["listeners"].uar < rows["boosting"].uar
    report = Results(results.root).reference_report(task.study.name, "boosting")
    assert {cell % 1 for line in report.confusion for cell in line} == {0}


def test_a_report_of_no_reference_names_those_there_are(task, results) -> None:
    bring(task, results, answers(task))
    with pytest.raises(UsageError, match=r"unknown reference 'svm'\. Known: brought-wav2vec-2-large"):
        Results(results.root).reference_report(task.study.name, "svm")


def test_predictions_that_came_in_before_the_lock_was_free_are_seen(task, results, monkeypatch) -> None:
    """Somebody else keeps predictions under the same name while this one waits for the lock."""
    real = ReferenceFolder.exclusively

    @contextlib.contextmanager
    def after_another(folder):
        with real(folder):
            record = ReferenceRecord(
                name="brought-mine", title="mine", detail="", corpus="demo", corpus_digest=task.study.corpus.digest,
                protocol="speaker", protocol_hash=task.study.protocol.hash, fold=0, labels=LABELS, seconds=0.0,
                serbench="0", created="", settings={"digest": "of the first"},
            )  # fmt: skip
            clips = task.clips.iloc[list(task.split.test)][["clip_id", "label", "speaker"]]
            folder.publish(record, clips.assign(**{f"p_{label}": 1 / len(LABELS) for label in LABELS}))
            yield

    monkeypatch.setattr(ReferenceFolder, "exclusively", after_another)
    counted = len(results.ledger.read()[0])
    with pytest.raises(UsageError, match="other predictions are kept as 'mine'"):
        bring(task, results, answers(task), "mine")
    assert ReferenceFolder.of(results.root, task.study).load("brought-mine")[0].settings["digest"] == "of the first"
    assert len(results.ledger.read()[0]) == counted


def test_what_is_transductive_is_marked_and_compared_with_nothing(task, results) -> None:
    kept = bring(task, results, answers(task))
    folder = ReferenceFolder.of(results.root, task.study)
    record, table = folder.load(kept)
    with folder.exclusively():
        folder.publish(record.model_copy(update={"transductive": True}), table)
    board = Results(results.root).board()
    (row,) = board.groups[0].references
    assert row.transductive
    assert row.title == "wav2vec 2, large (brought) (transductive)", "wherever it is shown"
    assert (row.uar_low, row.difference) == (None, None)
    assert board.groups[0].power is None
    assert "not the score of a single clip" in " ".join(render(board, "table", width=120).split())


def code_of(folder: Path, corpus: Path) -> list[str]:
    text = (folder / "README.md").read_text().replace("FOLDER_OF_THE_CORPUS", str(corpus))
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("folded", [False, True])
def test_the_code_of_a_task_fills_its_form_in(task, results, tmp_path, monkeypatch, folded) -> None:
    for number, path in enumerate(task.clips["path"]):
        pitch = 200 + 50 * (number % 5)
        soundfile.write(path, np.sin(np.arange(4000) * pitch / 2000).astype("float32"), 16000, format="WAV")
    tasks = in_two_folds(task) if folded else [task]
    if folded:  # one fold never hears a label
        heard = [row for row in tasks[0].split.train if task.clips["label"].iloc[row] != LABELS[0]]
        tasks[0] = replace(tasks[0], split=replace(tasks[0].split, train=tuple(heard)))
    (root,) = write_task(tasks, tmp_path / "task").values()
    monkeypatch.chdir(tmp_path / "task")
    blocks = code_of(tmp_path / "task", root)
    assert len(blocks) == 2
    names: dict[str, object] = {}
    for place, block in enumerate(blocks):
        if "torch" in block and importlib.util.find_spec("torch") is None:
            compile(block, "README.md", "exec")
            continue
        exec(block, names)  # noqa: S102
        keep_brought(results, tasks, read_brought(Path("predictions.csv"), task.labels), f"method {place}")


def test_corpora_that_lie_apart_are_named_in_the_paths_of_a_task(task, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    clips = task.clips.assign(corpus="one")
    moved = clips.index[-4:]
    for row in moved:
        path = Path(clips.at[row, "path"])
        clips.at[row, "path"] = str(path.rename(other / path.name))
    clips.loc[moved, "corpus"] = "two"
    roots = write_task([replace(task, clips=clips)], tmp_path / "task")
    assert "folder of folders (one, two)" in (tmp_path / "task" / "README.md").read_text()
    assert roots == {"one": tmp_path / "corpus", "two": other}
    known = pd.concat(pd.read_csv(tmp_path / "task" / f"{name}.csv") for name in ("train", "validation"))
    assert {path.split("/")[0] for path in known["path"]} <= {"one", "two"}
    for path in known["path"]:
        name, _, rest = path.partition("/")
        assert (roots[name] / rest).is_file()


def test_slices_of_a_transductive_row_have_neither_interval_nor_p_value(task, results) -> None:
    study = results.study(task.study.name)
    clips = study.clips()
    clips["sex"] = np.where(clips["speaker"].str[-1].astype(int) % 2, "female", "male")
    clips.to_parquet(study.clips_path, index=False)
    kept = bring(task, results, answers(task))
    folder = ReferenceFolder.of(results.root, task.study)
    record, table = folder.load(kept)
    with folder.exclusively():
        folder.publish(record.model_copy(update={"transductive": True}), table)
    (sexes,) = Results(results.root).reference_report(task.study.name, kept).slices
    assert (sexes.p_value, sexes.by_chance) == (None, None)
    assert sexes.gap is not None
    assert {one.low for one in sexes.slices} == {None}


def test_a_report_says_which_clips_are_in_no_slice(task, results) -> None:
    study = results.study(task.study.name)
    clips = study.clips()
    clips["sex"] = np.where(clips["speaker"].str[-1].astype(int) % 2, "female", "male")
    first = clips.index[clips["clip_id"].str.startswith("test")][0]
    clips.loc[first, "sex"] = "other"
    clips.to_parquet(study.clips_path, index=False)
    kept = bring(task, results, answers(task, LABELS[0]))
    report = Results(results.root).reference_report(task.study.name, kept)
    why = f"by sex, some clips are in no group: speaker '{clips.at[first, 'speaker']}' has several values (male, other)"
    assert report.slice_notes == (why,)
    assert why in " ".join(render(report, "table", width=200).split())
    assert json.loads(render(report, "json"))["slice_notes"] == [why]
