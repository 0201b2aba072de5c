"""Searches on perceived labels are studies of their own; references that fail or are stopped cost a search nothing."""

from __future__ import annotations

import csv
import shutil
import threading
from importlib import import_module

import pytest

from serbench.corpora import choose_corpus
from serbench.errors import SerbenchError, UsageError
from serbench.records import ResultsFolder
from serbench.records.references import ReferenceFolder
from serbench.references import REFERENCES
from serbench.render import render
from serbench.results import Results
from serbench.search import Observer, fork_study, run_search, search_command
from serbench.search.studies.recorded import recorded_clips
from serbench.spaces import load_space

LETTERS = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}


class Watch(Observer):
    """Keeps warnings, and stops the search when something of that name goes on."""

    def __init__(self, stop: threading.Event | None = None, at: str = "") -> None:
        self.warnings, self._stop, self._at = [], stop, at

    def warning(self, text):
        self.warnings.append(text)

    def progress(self, what, done, total):
        if self._stop is not None and what == self._at:
            self._stop.set()


@pytest.fixture
def heard_corpus(tone_corpus, tmp_path):
    """The tones with votes: heard as meant, but neutral for disgust, and a tie on each speaker's second fear."""
    folder = tmp_path / "heard"
    shutil.copytree(tone_corpus, folder / "AudioWAV")
    (folder / "processedResults").mkdir()
    with (folder / "processedResults" / "summaryTable.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["FileName", "VoiceVote"])
        for path in sorted(tone_corpus.glob("*.wav")):
            _, sentence, code, _ = path.stem.split("_")
            tied = code == "FEA" and sentence == "IEO"
            writer.writerow([path.stem, "A:F" if tied else LETTERS["NEU" if code == "DIS" else code]])
    return folder


@pytest.mark.slow
@pytest.mark.children
def test_perceived_labels_make_a_study_of_their_own_that_everything_keeps(
    make_plan, heard_corpus, tiny_space, tmp_path
) -> None:
    plan = make_plan(data=heard_corpus, labels="perceived", trials=1, repeats=1)
    watch = Watch()
    (name,) = run_search(plan, watch)
    assert name == "crema-d-perceived-speaker-tiny_cnn1d"
    results = ResultsFolder(plan.results)
    folder = results.existing_study(name)
    record = folder.record()
    assert (record.run, record.corpus.label_source) == ("crema-d-perceived-speaker", "perceived")
    assert record.corpus.labels == ("anger", "fear", "happiness", "neutral", "sadness")
    assert any("12 on whose emotion listeners tied" in text for text in watch.warnings)
    assert ReferenceFolder.of(plan.results, record).names() == ["chance", "functionals", "majority"]
    clips = recorded_clips(folder, record, None)
    assert (len(clips), clips["label"].tolist()) == (132, folder.clips()["label"].tolist())

    board = Results(results.root).board()
    assert "5 perceived labels" in board.groups[0].title
    assert not board.reported, "published results are of intended labels"
    report = render(Results(results.root).report(board.rows[0].entry), width=200)
    assert "12 (votes tied), among them 1001_IEO_FEA_XX" in report
    assert "majority vote of the listeners" in report

    with pytest.raises(UsageError, match="labels: perceived -> intended"):
        run_search(make_plan(data=heard_corpus, run=record.run, trials=1))

    other = tiny_space().rename(tmp_path / "other.toml")
    made = fork_study(results, name, load_space(other))
    assert made.record.name == "crema-d-perceived-speaker-other"
    words = search_command(made.record, space=str(other), data=heard_corpus)
    assert words[words.index("--labels") + 1] == "perceived"
    assert "--study" not in words


def broken(_core):
    raise ValueError("no such thing")


@pytest.mark.children
def test_a_reference_that_fails_is_a_warning_and_keeps_no_other_away(made_up_fits, make_plan, monkeypatch) -> None:
    chance = REFERENCES["chance"]
    monkeypatch.setattr(
        import_module("serbench.search.run_spaces"),
        "REFERENCES",
        {"svm": chance._replace(answer=broken), "chance": chance},
    )
    plan, watch = make_plan(trials=1, finalists=0), Watch()
    (name,) = run_search(plan, watch)
    record = ResultsFolder(plan.results).existing_study(name).record()
    assert ReferenceFolder.of(plan.results, record).names() == ["chance"]
    assert any("no reference row 'svm'" in text and "ValueError: no such thing" in text for text in watch.warnings)


@pytest.mark.children
@pytest.mark.slow
def test_a_stop_while_references_are_made_leaves_the_study_done(make_plan) -> None:
    stop = threading.Event()
    plan = make_plan(trials=1, finalists=0)
    (name,) = run_search(plan, Watch(stop, at="SVM"), stop)
    record = ResultsFolder(plan.results).existing_study(name).record()
    assert ReferenceFolder.of(plan.results, record).names() == ["chance", "majority"]
    run_search(plan)
    assert ReferenceFolder.of(plan.results, record).names() == ["chance", "functionals", "majority"]


@pytest.mark.children
@pytest.mark.slow
def test_a_study_on_soft_labels_goes_on_only_with_the_votes_it_began_with(make_plan, heard_corpus, tiny_space) -> None:
    path = tiny_space()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[parameters]\n", "[parameters]\nsoft_labels = 0.5\n"), encoding="utf-8")
    plan = make_plan(data=heard_corpus, spaces=(load_space(path),), trials=1, repeats=1)
    (name,) = run_search(plan)
    votes = heard_corpus / "processedResults" / "summaryTable.csv"
    before = votes.read_bytes()
    votes.write_bytes(before.replace(b",N\n", b",A\n").replace(b",N\r\n", b",A\r\n"))
    assert votes.read_bytes() != before
    with pytest.raises(UsageError, match="what listeners heard"):
        run_search(plan)
    folder = ResultsFolder(plan.results).study(name)
    with pytest.raises(SerbenchError, match="table of votes has changed"):
        recorded_clips(folder, folder.record(), None)
    votes.write_bytes(before)
    assert run_search(plan) == [name]


@pytest.mark.children
@pytest.mark.slow
def test_votes_that_an_enqueued_configuration_reads_are_recorded_and_older_studies_go_on(
    make_plan, heard_corpus, tiny_space
) -> None:
    path = tiny_space()
    path.write_text(path.read_text(encoding="utf-8") + "[[enqueue]]\nparameters = { soft_labels = 0.5 }\n")
    space = load_space(path)
    plan = make_plan(data=heard_corpus, spaces=(space,), trials=1, finalists=0)
    (name,) = run_search(plan)
    results = ResultsFolder(plan.results)
    folder = results.study(name)
    record = folder.record()
    assert record.corpus.votes is not None

    # As a serbench recorded it that did not look at enqueued configurations.
    older = record.model_copy(update={"corpus": record.corpus.model_copy(update={"votes": None})})
    older.save(folder.record_path)
    assert run_search(plan) == [name]
    assert folder.record().corpus.votes is None
    assert fork_study(results, name, space, "fork").counted == 1


@pytest.mark.children
def test_soft_labels_without_votes_are_refused_before_anything_is_made(make_plan, tiny_space) -> None:
    path = tiny_space()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[parameters]\n", "[parameters]\nsoft_labels = [0.0, 0.5]\n"), encoding="utf-8")
    plan = make_plan(spaces=(load_space(path),))
    with pytest.raises(UsageError, match="corpus 'crema-d' has no votes"):
        run_search(plan)
    assert not list(plan.results.glob("studies/*"))


@pytest.mark.children
def test_copy_paste_without_neutral_clips_is_refused_unless_the_study_has_begun(
    make_plan, made_up_fits, tiny_space, tone_corpus, monkeypatch
) -> None:
    path = tiny_space()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[parameters]\n", "[parameters]\ncopy_paste = [0.0, 0.5]\n"), encoding="utf-8")
    corpus, _ = choose_corpus("crema-d", tone_corpus, drops=("neutral",))
    plan = make_plan(spaces=(load_space(path),), corpus=corpus, trials=1, finalists=0)
    with pytest.raises(UsageError, match=r"uses copy_paste.*no known speaker of corpus .* has both"):
        run_search(plan)
    assert not list(plan.results.glob("studies/*"))
    with monkeypatch.context() as earlier:  # a serbench that did not look
        earlier.setattr("serbench.search.prepared.can_paste", lambda _: True)
        begun = run_search(plan)
    assert run_search(plan) == begun
