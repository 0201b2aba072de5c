"""Results as tables, entries, comparisons and figures, from the published records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from drawn_results import Builder

import serbench
from serbench.results import Results as Reader

pytestmark = pytest.mark.long  # reads the published results

ENTRY, OTHER, FOLDED = "cnn2d-f046c2", "cnn1d-6aa967", "cnn1d-430e55"


@pytest.fixture(scope="module")
def entry(published: serbench.Results) -> serbench.Entry:
    return published.entry(ENTRY)


def test_the_leaderboard_has_numbers_that_pandas_can_work_with(published) -> None:
    board = published.leaderboard()
    assert board.index.name == "entry"
    assert board.index.is_unique
    assert board["uar"].dtype == np.float64
    assert str(board["rank"].dtype) == str(board["parameters"].dtype) == "Int64"
    assert str(board["selected"].dtype) == "boolean"
    assert isinstance(board["family"].dtype, pd.StringDtype)
    assert "object" not in set(map(str, board.dtypes))
    assert board["uar"].describe()["mean"] == pytest.approx(np.mean(list(board["uar"])))


def test_the_leaderboard_says_what_the_command_says(published) -> None:
    rows = {row.entry: row for row in Reader(published.path).board().rows}
    board = published.leaderboard()
    assert list(board.index) == list(rows)
    assert board.loc[ENTRY, "uar"] == rows[ENTRY].uar
    assert board["rank"].isna().tolist() == [row.rank is None for row in rows.values()]


def test_a_printed_leaderboard_says_of_which_corpus_and_protocol_a_row_is(published) -> None:
    with pd.option_context("display.width", 80, "display.max_columns", 0):
        header = str(published.leaderboard()).splitlines()[0].split()
    assert header[:2] == ["corpus", "protocol"]


def test_the_leaderboard_is_narrowed(published) -> None:
    assert set(published.leaderboard("crema-d")["corpus"]) == {"crema-d"}
    assert set(published.leaderboard(protocol="random")["protocol"]) == {"random"}
    with pytest.raises(serbench.UsageError, match="did you mean 'crema-d'"):
        published.leaderboard("crema")


def test_an_empty_folder_has_an_empty_leaderboard_with_the_same_columns(tmp_path, published) -> None:
    empty = serbench.open_results(tmp_path).leaderboard()
    assert len(empty) == 0
    assert list(empty.dtypes) == list(published.leaderboard().dtypes)
    with pytest.raises(serbench.SerbenchError, match="no entries"):
        serbench.open_results(tmp_path).best()
    assert "No entry was tested yet" in serbench.open_results(tmp_path)._repr_html_()


def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path) -> None:
    with pytest.raises(serbench.SerbenchError, match="there is no folder"):
        serbench.open_results(tmp_path / "resutls")


def test_the_best_entry_is_chosen_among_what_may_be_compared(published) -> None:
    assert published.best("crema-d", "speaker").id == ENTRY
    assert published.best("emo-db").id == "cnn1d-a853ac"
    with pytest.raises(serbench.UsageError, match="cannot be compared"):
        published.best()


def test_the_best_of_a_search_is_one_that_it_tested(tmp_path) -> None:
    build = Builder(tmp_path)
    build.entry("best", build.study("other"), validation=0.9)
    build.entry("mine", build.study("searched"), validation=0.5)
    assert serbench.Results(tmp_path).best().id == "best"
    assert serbench.Results(tmp_path, ["searched"]).best().id == "mine"
    for names in (["another-study"], []):
        with pytest.raises(serbench.SerbenchError, match="tested no entry"):
            serbench.Results(tmp_path, names).best()


def test_the_best_entry_is_the_one_that_export_takes(tmp_path) -> None:
    build = Builder(tmp_path)
    build.entry("mine", build.study("one"))
    build.entry("by_speaker", build.study("two", protocol_hash="hash-b"))
    folder = build.results.study("two")
    record = folder.record()
    protocol = record.protocol.model_copy(update={"speaker_normalisation": True})
    record.model_copy(update={"protocol": protocol}).save(folder.record_path)
    assert Reader(tmp_path).select().entry == "mine"
    assert serbench.open_results(tmp_path).best().id == "mine", "an entry that is never exported is none to choose from"


def test_the_best_of_a_search_under_two_protocols_is_not_chosen(tmp_path) -> None:
    build = Builder(tmp_path)
    build.entry("a", build.study("one"))
    build.entry("b", build.study("two", protocol="random", protocol_hash="hash-b"))
    with pytest.raises(serbench.UsageError, match="cannot be compared"):
        serbench.Results(tmp_path, ["one", "two"]).best()


def test_studies(published) -> None:
    studies = published.studies()
    assert studies.loc["s24-cnn2d", "entries"] == 2
    assert studies["created"].dt.tz is not None
    assert studies["validation_uar"].dtype == np.float64


def test_an_entry_has_its_scores_as_attributes(entry, published) -> None:
    row = published.leaderboard().loc[ENTRY]
    assert (entry.uar, entry.accuracy) == (row["uar"], row["accuracy"])
    assert entry.interval == (row["uar_low"], row["uar_high"])
    assert (entry.family, entry.corpus, entry.protocol) == ("cnn2d", "crema-d", "speaker")
    assert entry.config["width"] == 32
    assert (entry.selected, published.entry(OTHER).selected) == (True, False)


def test_tables_of_an_entry_agree_with_its_scores(entry) -> None:
    assert entry.per_class["recall"].mean() == pytest.approx(entry.uar)
    confusion = entry.confusion
    assert (confusion.index.name, confusion.columns.name) == ("true", "predicted")
    recalls = np.diag(confusion) / confusion.sum(axis=1)
    assert recalls.to_numpy() == pytest.approx(entry.per_class["recall"].to_numpy())
    assert entry.runs["uar"].mean() == pytest.approx(entry.uar)
    assert (entry.runs["epochs"] == 37).all(), "the length that cross-validation found"


def test_predictions_give_the_scores_again(entry) -> None:
    answers = entry.predictions()
    assert set(answers["subset"]) == {"out_of_fold", "test"}
    assert answers["speaker"].notna().all()
    test = answers[answers["subset"] == "test"]
    assert set(test["run"]) == set(entry.runs.index)
    right = (test["label"] == test["predicted"]).groupby([test["run"], test["label"]]).mean()
    assert right.astype(float).groupby("run").mean().mean() == pytest.approx(entry.uar)
    shares = answers[[f"p_{label}" for label in entry.labels]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-3)
    assert (shares.idxmax(axis=1) == "p_" + answers["predicted"]).all()


def test_predictions_of_pooled_folds_are_of_the_test_clips(published) -> None:
    answers = published.predictions(FOLDED)
    assert set(answers["subset"]) == {"test"}
    assert answers["speaker"].notna().all()
    assert not answers.duplicated(["run", "clip_id"]).any()


def test_two_entries_are_compared(published) -> None:
    found = published.compare(ENTRY, OTHER)
    pair = found.pairs.iloc[0]
    assert (pair["first"], pair["second"]) == (ENTRY, OTHER) == found.entries
    assert pair["difference"] == pytest.approx(published.entry(ENTRY).uar - published.entry(OTHER).uar)
    assert found.pairs["p_value"].dtype == np.float64
    with pytest.raises(serbench.UsageError, match="not tested on the same clips"):
        published.compare(ENTRY, FOLDED)


@pytest.mark.parametrize("name", ["confusion", "curves", "calibration", "speakers"])
def test_figures_are_plotly_figures(entry, name: str) -> None:
    figure = entry.figure(name)
    assert isinstance(figure, go.Figure)
    assert figure.data


def test_pooled_folds_have_no_curves_and_say_so(published) -> None:
    with pytest.raises(serbench.SerbenchError, match="pools 10 folds"):
        published.entry(FOLDED).figure("curves")
    assert published.entry(FOLDED).figure("speakers").data


def test_the_confusion_figure_holds_the_shares_of_each_true_class(entry) -> None:
    heat = entry.figure("confusion").data[0]
    confusion = entry.confusion
    assert np.array(heat.z, dtype=float) == pytest.approx(100 * confusion.div(confusion.sum(axis=1), axis=0).to_numpy())


def test_the_speakers_figure_holds_each_speakers_recall_of_each_class(entry) -> None:
    figure = entry.figure("speakers")
    test = entry.predictions().query("subset == 'test'")
    right = (test["label"] == test["predicted"]).astype(float)
    recalls = 100 * right.groupby([test["label"], test["speaker"]]).mean()
    for trace in figure.data[:-1]:
        drawn = dict(zip(trace.y, trace.x, strict=True))
        expected = recalls[trace.name]
        assert {name: round(value, 6) for name, value in drawn.items()} == expected.round(6).to_dict()
    means = list(figure.data[-1].x)
    assert means == sorted(means)


def test_an_unknown_figure_names_the_good_ones(entry) -> None:
    with pytest.raises(serbench.UsageError, match=r"did you mean 'confusion'\? Known: calibration, confusion, curves"):
        entry.figure("confusoin")


def test_an_unknown_entry_names_the_nearest(published) -> None:
    with pytest.raises(serbench.UsageError, match=f"did you mean '{ENTRY}'"):
        published.entry("cnn2d-f046c")


def test_what_one_looks_at_has_html_and_a_short_repr(entry, published) -> None:
    comparison = published.compare(ENTRY, OTHER)
    for shown in (published, entry, comparison):
        assert "<table>" in shown._repr_html_()
        assert ENTRY in shown._repr_html_()
    reader = Reader(published.path)
    study = reader.study_report("s24-cnn2d")
    record = reader.study("s24-cnn2d").record
    scored = reader.scored_entry(ENTRY)
    for one in (
        published, entry, comparison, entry.report, entry.row, study, record, scored, scored.refits[0].record,
        reader, reader.board(), reader.comparison([ENTRY, OTHER]),
    ):  # fmt: skip
        assert len(repr(one)) < 200
        assert "\n" not in repr(one)
        assert type(one).__name__ in repr(one)


def test_html_escapes_what_records_say() -> None:
    from serbench.render.document import table_of
    from serbench.views.markup import notebook_html

    assert "joy\\u202ex" in notebook_html([table_of("title", ("label",), [("joy\u202ex",)])])
    text = notebook_html([table_of("<script>", ("<i>",), [("<b>&",)])], "<u>")
    assert "<script>" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "&lt;i&gt;" in text
    assert "&lt;u&gt;" in text


def test_a_choice_of_texts_is_a_column_of_texts() -> None:
    from typing import Literal

    from serbench.views.frames import typed_column

    assert isinstance(typed_column(["search", None], Literal["search", "refit"] | None).dtype, pd.StringDtype)


def test_the_best_of_a_search_is_never_an_entry_of_another_one(tmp_path) -> None:
    build = Builder(tmp_path)
    build.entry("theirs", build.study("other", protocol_hash="hash-b"))
    study = build.study("searched")
    build.entry("mine", study)
    folder = build.results.study(study)
    record = folder.record()
    protocol = record.protocol.model_copy(update={"speaker_normalisation": True})
    record.model_copy(update={"protocol": protocol}).save(folder.record_path)
    with pytest.raises(serbench.SerbenchError, match="no entry of this search can be selected"):
        serbench.Results(tmp_path, [study]).best()
