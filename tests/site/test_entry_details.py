"""What an entry's page shows besides its numbers: errors, pictures, slices, the way to repeat it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.simulated_results import Size, write_results
from serbench.results import Results
from serbench.search.chosen_on import chosen_on
from serbench.site import Site
from serbench.site.clips.mask_example import masked_once
from serbench.site.clips.media import Inline
from serbench.site.clips.misses import find_misses
from serbench.site.clips.pictures import mel_png
from serbench.site.clips.sounds import Sounds
from serbench.site.entry_details import EntryDetails
from serbench.site.sources import find_sources
from serbench.site.words import citation, entry_commands, protocol_sentence
from serbench.spaces.file import load_space, read_space
from serbench.spaces.one_config import one_config_space
from serbench.spaces.space import ChosenOn, defaults


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("details"), Size(2, 1, 120, 10, 2, 3))


@pytest.fixture(scope="module")
def tested(results):
    return next(one for one in Results(results.root).board().tested if one.entry.family == "cnn2d")


@pytest.fixture(scope="module")
def details(results, tested):
    sources = find_sources(Results(results.root), [tested])[tested.entry.entry_id]
    return EntryDetails.of(Results(results.root), tested, sources, Sounds(Inline()))


@pytest.mark.long
def test_the_surest_error_of_each_class_is_shown(results, tested, details):
    refit, labels = tested.kept_refit, tested.study.corpus.labels
    assert sorted(miss.true for miss in details.misses) == sorted(labels)
    for miss in details.misses:
        place = refit.test_clips.index(miss.clip_id)
        assert miss.predicted == labels[refit.test_predicted[place]] != miss.true
        same = (refit.test_true == refit.test_true[place]) & (refit.test_predicted != refit.test_true)
        assert miss.chances[0][1] == pytest.approx(refit.test_probabilities[same].max())
        assert sum(chance for _, chance in miss.chances) == pytest.approx(1, abs=1e-5)
    sources = find_sources(Results(results.root), [tested])[tested.entry.entry_id]
    assert len(find_misses(tested, sources, Sounds(Inline()), count=2)) == 2


@pytest.mark.long
def test_pictures_come_with_the_audio_and_sound_only_when_asked_for(results, tested, details):
    assert all(miss.picture.startswith("data:image/png") for miss in details.misses)
    assert all(miss.sound is None for miss in details.misses)
    sources = find_sources(Results(results.root), [tested])[tested.entry.entry_id]
    aloud = EntryDetails.of(Results(results.root), tested, sources, Sounds(Inline(), with_audio=True))
    assert all(miss.sound.startswith("data:audio/wav") for miss in aloud.misses)


def test_without_the_audio_there_are_no_pictures(results, tested, monkeypatch, tmp_path):
    monkeypatch.setattr("serbench.records.study_folder.StudyFolder.remembered_data", lambda _: None)
    sources = find_sources(Results(results.root), [tested])[tested.entry.entry_id]
    found = EntryDetails.of(Results(results.root), tested, sources, Sounds(Inline()))
    assert found.mask is None
    assert [miss.picture for miss in found.misses] == [None] * 6
    assert "not on this machine" in Site.build(Results(results.root), tmp_path / "site").index.parent.joinpath(
        "entries", f"{tested.entry.entry_id}.html"
    ).read_text(encoding="utf-8")


def test_audio_that_cannot_be_decoded_costs_its_picture_only(results, tested, tmp_path, monkeypatch):
    (tmp_path / "broken.wav").write_bytes(b"RIFF, but no more")
    monkeypatch.setattr(Sounds, "path", lambda *_: tmp_path / "broken.wav")
    sources = find_sources(Results(results.root), [tested])[tested.entry.entry_id]
    found = EntryDetails.of(Results(results.root), tested, sources, Sounds(Inline(), with_audio=True))
    assert [miss.picture or miss.sound for miss in found.misses] == [None] * 6


def test_slices_are_of_what_the_clips_have(details):
    assert [one.scores.attribute for one in details.slices] == ["sex", "age band", "sentence"]
    assert all(0 <= part.accuracy <= 1 for one in details.slices for part in one.scores.slices)


def test_the_copied_space_is_valid_and_has_one_configuration(details, tested):
    space = read_space(details.space, "copied", "the page")
    assert space.searched == []
    assert defaults(space.family.hyperparameters) | {
        name: dimension.value for name, dimension in space.parameters.items()
    } == dict(tested.entry.config)
    assert space.features.model_dump(mode="json") == tested.study.features
    assert space.budget.trials == 1


@pytest.mark.parametrize("name", ["cnn1d", "cnn2d", "demo_cnn1d", "demo_cnn2d"])
def test_any_configuration_of_a_shipped_space_can_be_copied(name, tested):
    space = load_space(name)
    record = tested.study.model_copy(
        update={
            "family": space.family.name,
            "space": space.describe(),
            "features": space.features.model_dump(mode="json"),
        }
    )
    config = defaults(space.family.hyperparameters) | {"weight_decay": 1e-05, "split_ratio": space.ratios()[0]}
    again = read_space(one_config_space(record, config, 'a "title"'), "copied", "the page")
    assert again.title == 'a "title"'
    assert (again.features, again.training) == (space.features, space.training)


def test_the_copied_space_says_whom_its_configuration_was_chosen_on(build):
    """So that a search of it that tests these people is marked."""
    study = build.study("demo-speaker-cnn2d")
    folder = build.results.study(study)
    chosen = {"recipe": ("demo/test0-01", "elsewhere/anna")}
    folder.record().model_copy(update={"chosen_on": chosen}).save(folder.record_path)
    build.entry("a", study, config={"learning_rate": 0.001})
    read = build.read()
    (tested,) = read.board().tested
    details = EntryDetails.of(read, tested, find_sources(read, [tested])["a"], Sounds(Inline()))
    space = read_space(details.space, "copied", "the page")
    (known,) = space.enqueued
    assert known.config == defaults(space.family.hyperparameters) | {"learning_rate": 0.001}
    assert (space.protocol, space.searched, space.budget.trials) == ("speaker", [], 1)
    assert known.chosen_on[-1] == ChosenOn(corpus="elsewhere", speakers=("anna",))
    found = chosen_on(space, folder.clips(), folder.record().corpus)
    assert set(found["copied"]) == {"demo/test0-01", *(f"demo/validation0-{number:02}" for number in range(9))}


def test_a_picture_is_bright_where_it_is_loud_and_has_high_bands_above():
    mel = np.full((8, 20), -60.0)
    mel[7, 5] = 0.0  # the highest band
    image = Image.open(io.BytesIO(mel_png(mel))).convert("L")
    assert image.size == (20, 8)
    pixels = np.asarray(image)
    assert np.unravel_index(pixels.argmax(), pixels.shape) == (0, 5)
    with pytest.raises(ValueError, match="bands and frames"):
        mel_png(np.zeros(3))


@pytest.mark.children
def test_masks_are_drawn_as_the_layers_draw_them():
    """Widths and places of many draws, beside those of the Keras layer on the same shape."""
    import keras

    from serbench.families.layers import FrequencyMask

    rng, shape, widest, draws = np.random.default_rng(0), (12, 9), 5, 3000
    mel = np.repeat(np.linspace(1, 2, shape[0])[:, None], shape[1], axis=1).astype(np.float32)
    mel[:, ::2] += 1  # so that the mean of a band is none of its values
    ours = np.array([(masked_once(mel, widest, 0, rng) != mel).any(axis=1) for _ in range(draws)])
    layer = FrequencyMask(widest, seed=1)
    theirs = keras.ops.convert_to_numpy(layer(np.ones((draws, *shape), np.float32), training=True))[..., 0] == 0
    assert np.bincount(ours.sum(axis=1), minlength=6) / draws == pytest.approx(
        np.bincount(theirs.sum(axis=1), minlength=6) / draws, abs=0.03
    )
    assert ours.mean(axis=0) == pytest.approx(theirs.mean(axis=0), abs=0.03)


def test_a_citation_has_all_that_a_score_needs_to_be_believed(results):
    board = Results(results.root).board()
    row, tested = board.rows[0], board.tested[0]
    said = citation(row, tested.study.protocol, "1.2.3")
    for part in ("95 % CI", "10 speakers", "split seed 0", "hash simulated", "2 seeds", row.entry, "serbench 1.2.3"):
        assert part in said
    assert "not the entry with the best validation score" in citation(
        row.model_copy(update={"selected": False}), tested.study.protocol, "1"
    )
    assert "too high" not in said
    chosen = citation(row.model_copy(update={"chosen_on_tested": 4}), tested.study.protocol, "1")
    assert (
        "the score is too high, since configurations that the search began with were chosen on 4 of the test" in chosen
    )


def test_commands_name_what_differs_from_the_defaults(results, tested):
    row = next(row for row in Results(results.root).board().rows if row.entry == tested.entry.entry_id)
    protocol = tested.study.protocol.model_copy(update={"name": "random", "split_seed": 3})
    study = tested.study.model_copy(update={"protocol": protocol, "seed": 7})
    alone = one_config_space(study, tested.entry.config, "alone")
    commands = dict(entry_commands(row, [study], "r0", {study.name: 60}, alone))
    search = next(iter(commands.values()))
    assert "--protocol random" in search
    assert "--seed 7" in search
    assert "--split-seed 3" in search
    assert "--sampler tpe" in search, "the sampler of records that name none"
    assert f"{study.space_name}.toml" not in search, "the space comes along with serbench"
    own = study.model_copy(update={"space_name": "own"})
    for with_pages, place in ((True, "on its page"), (False, "(`space_text` of its study.json)")):
        about = next(iter(dict(entry_commands(row, [own], "r0", {}, alone, with_pages=with_pages))))
        assert about.startswith(f"Search again, from the study's space file {place}")
    single = commands["Train only this configuration, from the space file above"]
    assert single.startswith(f"serbench search {row.entry}.toml --corpus crema-d --data DIR")
    assert "--protocol" not in single, "its space file names it"
    assert read_space(alone, "alone", "the page").protocol == "random"
    assert "--trials" not in single, "its space file has a budget of one"
    assert any(command.startswith("serbench study replay") for command in commands.values())
    pooled = dict(entry_commands(row.model_copy(update={"folds": 5}), [study], "r0", {study.name: 60}, alone))
    assert pooled["Export it"] == commands["Export it"] == f"serbench export {row.entry} --to bundle"
    assert pooled.keys() < commands.keys()
    assert not any("replay" in command or f"{row.entry}.toml" in command for command in pooled.values())
    together = dict(
        entry_commands(row.model_copy(update={"speaker_normalisation": True}), [study], "r0", {study.name: 60}, alone)
    )
    assert not any("export" in command for command in together.values()), "it cannot label a single file"


def test_a_protocol_of_another_serbench_still_gets_a_sentence(tested):
    unknown = tested.study.protocol.model_copy(update={"name": "by-room", "shares_speakers": True})
    assert "Do not expect this score for a new person" in protocol_sentence(unknown)
    assert protocol_sentence(unknown.model_copy(update={"name": "speaker-cv:10"})).startswith("Speakers are divided")


def test_pooled_folds_have_a_page_that_leads_to_every_fold(build, tmp_path):
    for fold in (1, 2):
        build.entry(f"fold-{fold}", build.study(f"demo-loso-cnn1d-fold{fold}", protocol="loso", fold=fold, folds=2))
    site = Site.build(build.read(), tmp_path / "site")
    (entry,) = Path(site.index.parent / "entries").glob("*.html")
    page = entry.read_text(encoding="utf-8")
    assert "../studies/demo-loso-cnn1d-fold1.html" in page
    assert "../studies/demo-loso-cnn1d-fold2.html" in page
    assert "space file" not in page.split("Search again")[0].split("Audit")[1]
