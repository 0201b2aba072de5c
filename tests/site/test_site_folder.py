"""What a site may write and remove: its own files, in its own folder, each whole."""

from __future__ import annotations

import json
import re

import pytest

from serbench.errors import SerbenchError, UsageError
from serbench.site import Site
from serbench.site.files import SiteFolder, page_name


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not a serbench site"):
        SiteFolder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_is_no_longer_part_of_the_site_goes_and_what_others_put_there_stays(tmp_path):
    first = SiteFolder(tmp_path / "site")
    first.write("entries/a.html", "a")
    first.write("entries/b.html", "b")
    first.finish()
    (tmp_path / "site" / "notes.txt").write_text("mine")
    second = SiteFolder(tmp_path / "site")
    second.write("entries/b.html", "b")
    second.finish()
    names = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert names == {"entries/b.html", "notes.txt", "serbench-site.txt"}


def test_a_site_that_was_broken_off_is_taken_over(tmp_path):
    broken = SiteFolder(tmp_path / "site")
    broken.write("entries/a.html", "a")
    (tmp_path / "site" / "entries" / ".site.half.tmp").write_text("half")
    again = SiteFolder(tmp_path / "site")
    again.write("index.html", "i")
    again.finish()
    assert not list((tmp_path / "site" / "entries").iterdir())


def test_a_mark_cannot_make_it_remove_files_elsewhere(tmp_path):
    (tmp_path / "precious.txt").write_text("keep")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "serbench-site.txt").write_text("../precious.txt\n/etc/hostname\n\nserbench-site.txt\n")
    SiteFolder(folder).finish()
    assert (tmp_path / "precious.txt").exists()


def test_a_file_that_has_not_changed_is_not_written_again(tmp_path):
    site = SiteFolder(tmp_path)
    site.write("index.html", "same")
    before = (tmp_path / "index.html").stat().st_ino
    site.write("index.html", "same")
    assert (tmp_path / "index.html").stat().st_ino == before
    site.write("index.html", "else")
    assert (tmp_path / "index.html").read_text() == "else"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "", "x" * 300, "a\nb", "<b>"])
def test_no_name_of_an_entry_leads_out_of_the_folder(name):
    made = page_name(name)
    assert "/" not in made
    assert not made.startswith(".")
    assert made.endswith(".html")
    assert len(made) < 120


def test_a_hostile_entry_gets_no_page_and_is_told(build, tmp_path):
    study = build.study()
    build.entry("plain", study)
    record = next(iter(build.results.study(study).entries()))
    record.model_copy(update={"entry_id": "../../../escaped"}).save(
        build.results.study(study).path / "entries" / "other.json"
    )
    site = Site.build(build.read(), tmp_path / "site")
    pages = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*.html")}
    assert [page for page in pages if page.startswith("entries/")] == ["entries/plain.html"]
    assert "other.json is damaged" in site.index.read_text(encoding="utf-8")
    assert not list(tmp_path.parent.rglob("escaped*"))


def test_a_results_folder_without_entries_makes_a_site_of_its_studies(build, tmp_path):
    name = build.study()
    site = Site.build(build.read(), tmp_path / "site")
    assert site.pages == 3  # index, compare, the study
    assert name in site.index.read_text(encoding="utf-8")


def test_a_damaged_trial_is_told_and_the_rest_is_there(build, tmp_path):
    build.entry("a", build.study())
    broken = build.results.study(build.study("running")).job_path("search", "t1") / "record.json"
    broken.write_text("{")
    site = Site.build(build.read(), tmp_path / "site")
    assert [note for note in site.notes if note.startswith("left out: studies/running/trials/t1")]
    assert "trials/t1" in site.index.read_text(encoding="utf-8")
    assert str(tmp_path) not in site.index.read_text(encoding="utf-8")  # a site is sent to others


def test_a_site_that_cannot_be_written_is_one_sentence(build, tmp_path):
    build.entry("a", build.study())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SerbenchError, match="cannot write"):
        Site.build(build.read(), tmp_path / "file" / "site")


def test_no_path_of_this_machine_is_on_a_page(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    build.reference(study, "svm", "SVM")
    (tmp_path / "results" / "references").joinpath(
        next((tmp_path / "results" / "references").iterdir()), "svm", "record.json"
    ).write_text("{}")
    crashed = build.results.study(study).job("search", "t3")
    crashed.model_copy(update={"error": "cannot decode /home/alice/data/1001.wav", "error_kind": "audio"}).save(
        build.results.study(study).job_path("search", "t3") / "record.json"
    )
    Site.build(build.read(), tmp_path / "site")
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.*") if path.suffix != ".js"]
    assert any("cannot decode 1001.wav" in text for text in texts)
    assert not any("/home/alice" in text or str(tmp_path) in text for text in texts)


def test_settings_of_another_serbench_cost_pictures_and_not_the_site(build, tmp_path):
    study = build.study()
    build.entry("a", study)
    folder = build.results.study(study)
    record = folder.record()
    record.model_copy(update={"features": {**record.features, "warp": 3}}).save(folder.record_path)
    clips = folder.clips().assign(age="unknown", sex="female")
    clips.to_parquet(folder.clips_path)
    assert (Site.build(build.read(), tmp_path / "site").index.parent / "entries" / "a.html").is_file()


@pytest.mark.parametrize("name", ["assets", ".", "a\0b"])
def test_a_mark_that_names_no_file_is_passed_over(tmp_path, name):
    first = SiteFolder(tmp_path / "site")
    first.write("assets/site.css", "a")
    first.finish()
    with (tmp_path / "site" / "serbench-site.txt").open("a", encoding="utf-8") as mark:
        mark.write(f"{name}\n")
    again = SiteFolder(tmp_path / "site")
    again.write("assets/site.css", "a")
    again.finish()
    assert (tmp_path / "site" / "assets" / "site.css").is_file()


def test_pictures_of_an_earlier_site_are_kept_without_being_made_again(tmp_path):
    first = SiteFolder(tmp_path / "site")
    first.write("clips/a.png", b"picture")
    first.finish()
    again = SiteFolder(tmp_path / "site")
    assert again.keep("clips/a.png")
    assert not again.keep("clips/b.png")
    again.finish()
    assert (tmp_path / "site" / "clips" / "a.png").read_bytes() == b"picture"


def test_texts_of_strangers_can_do_nothing_on_any_page(build, tmp_path):
    """A mark that turns the direction of what follows, and an escape sequence of terminals."""
    labels = ("anger", "jo\u202ey", "sad\u200bness")
    study = build.study("crema-d-speaker-cnn2d", corpus="crema-d", labels=labels, corpus_warnings=("\x1b[31mred\x07",))
    build.entry("first", study, skill=0.7)
    build.entry("second", study, skill=0.6)
    pages = list(Site.build(build.read(), tmp_path / "site").index.parent.rglob("*.html"))
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    assert any("jo\\u202ey" in text for text in texts.values())
    assert any("\\x1b[31mred" in text for text in texts.values())
    assert not {page.name: char for page, text in texts.items() for char in "\u202e\u200b\x1b\x07" if char in text}
    blocks = [
        data for text in texts.values() for data in re.findall(r'application/json"[^>]*>(.*?)</script>', text, re.S)
    ]
    assert blocks
    assert not [data for data in blocks if "\u202e" in json.dumps(json.loads(data), ensure_ascii=False)]
