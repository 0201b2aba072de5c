"""Which networks a study may start from: none that has heard one of its test speakers. Nothing is trained here."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from serbench.corpora import StudyClips, clip_table, get_corpus
from serbench.errors import UsageError
from serbench.protocols import SplitProtocol
from serbench.records import CorpusChoice, HeardClips, InitFrom, ResultsFolder, StudyRecord
from serbench.search import SearchPlan, SearchRequest, run_search
from serbench.search.new_record import new_study_record
from serbench.search.transfer.heard import StudySplit, check_unheard, heard_by, starts_from_its_corpus

LABELS = ("anger", "joy")


@pytest.fixture
def results(tmp_path: Path) -> ResultsFolder:
    return ResultsFolder(tmp_path / "results")


def rows(part: str, speakers: int = 20) -> list[dict[str, str]]:
    return [
        {
            "clip_id": f"{part}-{speaker:02}-{sentence}-{label}", "path": "/x.wav", "label": label,
            "speaker": f"{speaker:02}", "sex": "female", "sentence": sentence, "part": part,
            "digest": f"{part}-{speaker}-{sentence}-{label}",
        }
        for speaker in range(speakers)
        for sentence in "ab"
        for label in LABELS
    ]  # fmt: skip


def table(*parts: str, test: str | None = None) -> pd.DataFrame:
    """Clips of a corpus; of several, as `MergedCorpus` writes them."""
    found = pd.DataFrame([row for part in (*parts, *([test] if test else [])) for row in rows(part)])
    if len(parts) > 1 or test:
        found["speaker"] = found["part"] + "/" + found["speaker"]
        found["corpus"] = found["part"]
        if test:
            found["split"] = ["test" if part == test else "train" for part in found["part"]]
    found = clip_table(found.drop(columns="part"))
    return found.assign(duration_s=1.0, sample_rate=16_000, channels=1)


def study(
    results: ResultsFolder,
    name: str,
    *parts: str,
    test: str | None = None,
    seed: int = 0,
    protocol: str = "speaker",
    fold: int = 0,
    clips: pd.DataFrame | None = None,
    init: InitFrom | None = None,
    there: bool = True,
    choice: CorpusChoice | None = None,
) -> StudySplit:
    """A study without trials, and its folder unless it is not `there`."""
    clips = table(*parts, test=test) if clips is None else clips
    plan = SearchPlan.of(SearchRequest(spaces=("cnn1d",), run=name), corpus=get_corpus("demo"))
    space, used = plan.spaces[0], SplitProtocol("cross-corpus" if test else protocol, split_seed=seed)
    plans = used.plans(clips)
    split_plan = plans[max(0, fold - 1)]
    found = StudyClips(plan.corpus, clips, (), (), digest="+".join((*parts, test or "")))
    record = new_study_record(
        plan, space, found, used, split_plan, folds=len(plans), backend="tensorflow", reads_votes=space.reads_votes
    )
    if len(parts) > 1 or test:
        choice = CorpusChoice(name=parts[0], parts=parts, test=test)
    corpus = record.corpus.model_copy(update={"name": "+".join(parts), "choice": choice})
    record = record.model_copy(update={"corpus": corpus, "init": init})
    if there:
        folder = results.study(record.name)
        folder.path.mkdir(parents=True)
        clips.to_parquet(folder.clips_path)
        record.save(folder.record_path)
    return StudySplit(record, clips, split_plan)


def heard(split: StudySplit) -> tuple[HeardClips, ...]:
    record = split.record
    return heard_by(record.name, record.corpus, record.protocol, record.init, record.teacher)


def check(results: ResultsFolder, earlier: StudySplit, new: StudySplit) -> None:
    check_unheard(results, "entry 'x'", heard(earlier), new)


def network(split: StudySplit) -> InitFrom:
    record = split.record
    return InitFrom(
        entry="x", study=record.name, refit="t0000-a0", family="cnn1d", labels=LABELS, sha256="0", heard=heard(split)
    )


def test_the_same_test_core_is_unheard(results) -> None:
    check(results, study(results, "a", "one"), study(results, "b", "one"))
    check(results, study(results, "c", "one", there=False), study(results, "d", "one"))


@pytest.mark.parametrize("there", [True, False])
def test_another_corpus_with_speakers_of_the_same_names_is_not_the_same_people(results, there) -> None:
    check(results, study(results, "a", "one", there=there), study(results, "b", "two", seed=1))


def test_another_split_of_the_corpus_has_heard_test_speakers(results) -> None:
    new = study(results, "b", "one", seed=1)
    earlier = study(results, "a", "one")
    both = set(new.tested["speaker"]) - set(earlier.tested["speaker"])
    with pytest.raises(UsageError, match=rf"entry 'x' has heard {len(both)} test speakers \({min(both)}, ") as caught:
        check(results, earlier, new)
    assert str(caught.value).count(". ") == 0


def test_another_split_is_allowed_if_its_test_speakers_were_tested_before(results) -> None:
    """The test core of this study is a part of the earlier one's, although the splits differ."""
    clips = table("one")
    earlier = study(results, "a", "one", clips=clips)
    new = study(results, "b", "one", seed=1, clips=clips)
    few = earlier.plan.order[:1]
    rest = [unit for unit in earlier.plan.order if unit not in few]
    plan = type(new.plan)((*few, *rest), new.plan.cores, fold=0, test_units=1)
    check(results, earlier, StudySplit(new.record, clips, plan))


def test_while_clips_may_still_be_left_out_the_same_split_of_more_clips_passes(results) -> None:
    earlier, whole = study(results, "a", "one", there=False), study(results, "b", "one")
    more = whole.record.corpus.model_copy(update={"digest": "more clips"})
    whole = StudySplit(whole.record.model_copy(update={"corpus": more}), whole.clips, whole.plan)
    with pytest.raises(UsageError, match="nothing says"):
        check(results, earlier, whole)
    check_unheard(results, "entry 'x'", heard(earlier), whole, provisional=True)
    with pytest.raises(UsageError, match="nothing says"):
        check_unheard(results, "entry 'x'", heard(earlier), study(results, "c", "one", seed=1), provisional=True)


def test_nothing_is_known_of_a_study_that_is_not_here(results) -> None:
    with pytest.raises(UsageError, match="without study 'a-cnn1d' in this results folder nothing says"):
        check(results, study(results, "a", "one", there=False), study(results, "b", "one", seed=1))


def test_a_study_of_that_name_with_another_split_tells_nothing(results) -> None:
    earlier = study(results, "a", "one", seed=2, there=False)
    study(results, "a", "one", seed=3)
    with pytest.raises(UsageError, match="nothing says"):
        check(results, earlier, study(results, "b", "one", seed=1))


def test_a_corpus_counts_as_a_part_of_several(results) -> None:
    merged = study(results, "a", "one", "two")
    for part in ("one", "two"):
        with pytest.raises(UsageError, match="has heard"):
            check(results, merged, study(results, f"b{part}", part, seed=1))
    check(results, merged, study(results, "c", "three"))
    with pytest.raises(UsageError, match="nothing says"):
        check(results, study(results, "d", "one", "two", there=False), study(results, "e", "two"))


def test_one_speaker_of_a_corpus_alone_is_the_same_as_in_several(results) -> None:
    with pytest.raises(UsageError, match=r"has heard \d test speakers"):
        check(results, study(results, "a", "one", seed=1), study(results, "b", "one", "two"))


@pytest.mark.long
@pytest.mark.parametrize("there", [True, False])
def test_of_two_corpora_the_one_that_was_tested_on_is_unheard(results, there) -> None:
    crossed = study(results, "a", "one", test="two", there=there)
    check(results, crossed, study(results, "b", "two"))
    with pytest.raises(UsageError, match=r"has heard|nothing says"):
        check(results, crossed, study(results, "c", "one"))
    check(results, study(results, "d", "one"), study(results, "e", "one", test="two"))
    with pytest.raises(UsageError, match="has heard"):
        check(results, study(results, "f", "two"), study(results, "g", "one", test="two"))


def test_the_same_audio_under_another_name_is_heard(results) -> None:
    new = study(results, "b", "two", seed=1)
    clips = new.clips.copy()
    row = new.plan.core_split.test[0]
    clips.loc[row, "digest"] = "one-3-a-joy"
    earlier = study(results, "a", "one", seed=0)
    assert "one-3-a-joy" not in set(earlier.tested["digest"])
    with pytest.raises(UsageError, match="has heard 1 of the test clips"):
        check(results, earlier, StudySplit(new.record, clips, new.plan))


def test_what_an_earlier_network_heard_is_heard(results) -> None:
    first = study(results, "a", "one")
    second = study(results, "b", "two", init=network(first))
    assert [one.corpus for one in heard(second)] == ["two", "one"]
    check(results, second, study(results, "c", "three"))
    with pytest.raises(UsageError, match="has heard"):
        check(results, second, study(results, "d", "one", seed=1))


def test_each_fold_has_its_own_test_speakers(results) -> None:
    folds = [study(results, f"a{fold}", "one", protocol="speaker-cv", fold=fold) for fold in (1, 2)]
    again = [study(results, f"b{fold}", "one", protocol="speaker-cv", fold=fold) for fold in (1, 2)]
    check(results, folds[0], again[0])
    check(results, study(results, "gone", "one", protocol="speaker-cv", fold=2, there=False), again[1])
    with pytest.raises(UsageError, match="of fold 2, so the test scores"):
        check(results, folds[0], again[1])


def test_a_study_that_starts_from_its_own_corpus_is_known(results) -> None:
    first = study(results, "a", "one")
    assert starts_from_its_corpus(study(results, "b", "one", init=network(first)).record)
    assert not starts_from_its_corpus(study(results, "c", "two", init=network(first)).record)
    assert not starts_from_its_corpus(first.record)


def own(results, study_name: str, corpus: str, labels: dict[str, object] | None = None, **options) -> StudySplit:
    """A study of a folder of the user's own."""
    choice = CorpusChoice(name=corpus, parts=("folder",), **(labels or {}))
    return study(results, study_name, corpus, choice=choice, **options)


MAPPED = [
    ("recordings-four", {"keep": LABELS}), ("recordings-map1a2b3c", {"drop": ("fear",)}),
    ("recordings-mapffffff", {"map": {"happy": "joy"}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "labels"), MAPPED)
def test_an_own_corpus_under_a_label_map_has_the_people_that_it_has_without(results, name, labels) -> None:
    plain, mapped = own(results, "a", "recordings", there=False), own(results, "b", name, labels, seed=1, there=False)
    for earlier, new in ((plain, mapped), (mapped, plain)):
        with pytest.raises(UsageError, match="nothing says that it has not heard"):
            check(results, earlier, new)
    with pytest.raises(UsageError, match=r"has heard \d test speakers"):
        check(results, own(results, "c", "recordings"), mapped)
    assert starts_from_its_corpus(own(results, "d", name, labels, init=network(plain)).record)
    assert not starts_from_its_corpus(own(results, "e", "others-four", labels, init=network(plain)).record)


def test_what_an_earlier_version_recorded_of_a_mapped_corpus_is_heard(results) -> None:
    """It recorded the name of the corpus under the map as the part."""
    mapped = own(results, "a", "recordings-four", {"keep": LABELS}, there=False)
    old = tuple(one.model_copy(update={"parts": (one.corpus,)}) for one in heard(mapped))
    with pytest.raises(UsageError, match="nothing says"):
        check_unheard(results, "entry 'x'", old, own(results, "b", "recordings", seed=1))
    init = network(mapped).model_copy(update={"heard": old})
    assert starts_from_its_corpus(own(results, "c", "recordings-four", {"keep": LABELS}, init=init).record)


def test_a_folder_that_is_called_as_if_it_were_mapped_keeps_its_name(results) -> None:
    (one,) = heard(own(results, "a", "songs-four"))
    assert one.parts == ("songs-four",)


def test_a_record_of_before_starts_from_random_weights(results) -> None:
    record = study(results, "a", "one").record
    old = StudyRecord.model_validate(record.model_dump(exclude={"init", "teacher"}))
    assert (old.init, old.teacher) == (None, None)


@pytest.mark.children
@pytest.mark.parametrize("parts", [{"split_seed": 1}, {"protocol": "random"}, {"protocol": "loso"}])
def test_a_search_refuses_a_network_that_has_heard_its_test_speakers(make_plan, made_up_fits, parts) -> None:
    first = make_plan(run="first", trials=1, repeats=1)
    (name,) = run_search(first)
    (entry,) = ResultsFolder(first.results).study(name).entries()
    with pytest.raises(UsageError, match=r"has heard .*test speaker"):
        run_search(make_plan(run="new", trials=1, init=entry.entry_id, **parts))
    assert ResultsFolder(first.results).study_names() == [name]
