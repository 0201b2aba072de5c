"""The page's files: nothing foreign in them, nothing from elsewhere, and what a bundle says only as text."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from drawn_results import Builder
from typer.testing import CliRunner
from web_bundles import CROPS, LABELS, STAND_IN, make_bundle, make_page

from serbench.cli.main import app
from serbench.errors import SerbenchError, UsageError
from serbench.export import export_bundle, exporter_names, exporters_of
from serbench.export.web import demo
from serbench.export.web.card_page import card_page
from serbench.export.web.page import PAGE_FILES, page_facts

MARKUP = "</script><img src=x onerror=alert(1)>"


def assets() -> dict[str, str]:
    folder = resources.files("serbench.export.web").joinpath("assets")
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in PAGE_FILES}


def test_the_package_carries_every_file_of_the_page_and_no_other() -> None:
    folder = resources.files("serbench.export.web").joinpath("assets")
    assert sorted(path.name for path in folder.iterdir()) == sorted(PAGE_FILES)


def test_no_file_of_the_page_names_an_address() -> None:
    for name, text in assets().items():
        assert not re.search(r"(https?:|wss?:)?//[a-z0-9.-]+\.[a-z]{2,}", text), name


def test_the_page_allows_no_script_of_others_and_no_inline_one() -> None:
    page = assets()["index.html"]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert "unsafe-inline" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=", page)


def test_scripts_write_text_and_never_markup() -> None:
    scripts = "".join(text for name, text in assets().items() if name.endswith(".js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", scripts)


def test_a_page_holds_the_runtime_the_network_and_what_it_must_know(tmp_path) -> None:
    page = make_page(tmp_path, {"ort.wasm.min.mjs": STAND_IN.encode()}, data=b"the network")
    assert {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()} == {
        *PAGE_FILES, "card.html", "model.json", "model.onnx", "runtime/ort.wasm.min.mjs"
    }  # fmt: skip
    assert (page / "model.onnx").read_bytes() == b"the network"
    facts = json.loads((page / "model.json").read_text(encoding="utf-8"))
    assert (facts["labels"], facts["sample_rate"], facts["n_samples"]) == ([*LABELS], 16_000, 24_000)
    assert (facts["crop"], facts["longest_clip_s"], facts["prediction_crops"]) == ("start", 2.0, CROPS)
    assert "57.8 % (95 % interval 52.1-63.4 %)" in facts["meaning"]
    assert "18 speakers of CREMA-D whom it had never heard" in facts["meaning"]
    assert "Guessing gives 33.3 %" in facts["meaning"]


def test_shared_speakers_and_synthetic_speech_are_said(tmp_path) -> None:
    record = make_bundle(tmp_path)
    shared = record.model_copy(update={"protocol": record.protocol.model_copy(update={"shares_speakers": True})})
    assert "Do not expect the test score of 57.8 %" in page_facts(shared, {"uar": 0.578})["meaning"]
    synthetic = make_bundle(tmp_path / "other", synthetic=True)
    assert "say nothing about a person" in page_facts(synthetic, {"uar": 0.9})["meaning"]


def test_a_score_that_test_speakers_chose_is_not_one_to_expect(tmp_path) -> None:
    record = make_bundle(tmp_path)
    meaning = page_facts(record, {"uar": 0.578, "chosen_on_tested": 12})["meaning"]
    assert meaning.startswith("Do not expect the test score of 57.8 % (UAR) for a new person: configurations that the")
    assert "were chosen on 12 of the test speakers. Guessing gives" in meaning
    for nothing in (0, None, True, -3, "12", [12], 0.5):
        assert (
            "expect a score of about 57.8 %"
            in page_facts(record, {"uar": 0.578, "chosen_on_tested": nothing})["meaning"]
        )


def test_speech_is_called_acted_only_where_that_is_known(tmp_path) -> None:
    acted = "feelings that are not acted"
    assert acted in page_facts(make_bundle(tmp_path), {"uar": 0.5})["meaning"]
    own = page_facts(make_bundle(tmp_path, name="my-calls"), {"uar": 0.5})["meaning"]
    assert own.endswith("Expect less with other speech, microphones and languages.")


def test_the_button_of_the_microphone_has_another_name_and_no_other_state() -> None:
    assert "Stop the microphone" in assets()["page.js"]
    assert not any("aria-pressed" in text for text in assets().values())


@pytest.mark.parametrize("uar", [None, "high", 7, -1, float("nan"), True, [0.5]])
def test_a_score_that_is_none_is_not_shown(tmp_path, uar) -> None:
    meaning = page_facts(make_bundle(tmp_path), {"uar": uar})["meaning"]
    assert meaning == "The score of this model on new people is not known: the bundle does not state it."


def test_the_card_is_text_and_links_only() -> None:
    card = f"---\nname: x\n---\n# {MARKUP}\n\n[a](javascript:alert(1)) ![b](https://e.example/x.png)\n\n{MARKUP}\n"
    page = card_page(card, MARKUP)
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "name: x" not in page
    assert "<h1>&lt;/script&gt;" in page
    assert "script-src" not in page.split("default-src 'none'")[1].split('"')[0]


def test_what_a_bundle_says_is_made_printable(tmp_path) -> None:
    page = make_page(tmp_path, labels=("anger", f"b\x1b[31m{MARKUP}", "c"), title=f"T\u202e{MARKUP}")
    text = (page / "model.json").read_text(encoding="ascii")
    facts = json.loads(text)
    assert facts["labels"][1] == f"b\\x1b[31m{MARKUP}"
    assert "\u202e" not in facts["title"]
    assert "<img" not in (page / "card.html").read_text(encoding="utf-8")
    assert (page / "index.html").read_text(encoding="utf-8") == assets()["index.html"]


def test_a_demo_takes_nothing_from_the_bundles_own_page(tmp_path, monkeypatch) -> None:
    bundle = tmp_path / "bundle"
    make_bundle(bundle, data=b"the network")
    (bundle / "web").mkdir()
    (bundle / "web" / "page.js").write_text("alert(1)", encoding="utf-8")
    monkeypatch.setattr(demo, "runtime_files", lambda *_: {"ort.wasm.min.mjs": b""})
    demo.write_demo(bundle, tmp_path / "page")
    assert (tmp_path / "page" / "page.js").read_text(encoding="utf-8") == assets()["page.js"]
    (bundle / "model.onnx").write_bytes(b"another network")
    with pytest.raises(SerbenchError, match=r"model\.onnx is damaged or was replaced"):
        demo.write_demo(bundle, tmp_path / "page")


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "7"])
def test_scores_that_cannot_be_read_cost_a_sentence_at_most(tmp_path, monkeypatch, text) -> None:
    bundle = tmp_path / "bundle"
    make_bundle(bundle, data=b"the network")
    (bundle / "metrics.json").write_text(text, encoding="utf-8")
    monkeypatch.setattr(demo, "runtime_files", lambda *_: {"ort.wasm.min.mjs": b""})
    if text == "7":
        demo.write_demo(bundle, tmp_path / "page")
        assert "is not known" in (tmp_path / "page" / "model.json").read_text(encoding="utf-8")
        return
    with pytest.raises(SerbenchError, match=r"metrics\.json is damaged \(no JSON\); export the bundle again"):
        demo.write_demo(bundle, tmp_path / "page")


def test_a_changed_label_is_noticed(tmp_path) -> None:
    make_bundle(tmp_path)
    described = (tmp_path / "bundle.json").read_text(encoding="utf-8")
    (tmp_path / "bundle.json").write_text(described.replace('"sadness"', '"joy"', 1), encoding="utf-8")
    with pytest.raises(SerbenchError, match="was changed since the export"):
        demo.write_demo(tmp_path, tmp_path / "page")


def test_the_command_says_what_is_missing(tmp_path) -> None:
    ran = CliRunner().invoke(app, ["demo", str(tmp_path), "--no-browser"])
    assert isinstance(ran.exception, UsageError)
    assert "is no bundle" in str(ran.exception)
    record = make_bundle(tmp_path / "keras")
    plain = record.model_copy(update={"light": ()})
    plain.model_copy(update={"meaning": plain.seal()}).save(tmp_path / "keras" / "bundle.json")
    ran = CliRunner().invoke(app, ["demo", str(tmp_path / "keras"), "--no-browser"])
    assert "export it again with --format web" in str(ran.exception)


def test_web_is_a_format_and_the_last_to_be_written() -> None:
    assert "web" in exporter_names()
    assert [exporter.name for exporter in exporters_of("web,onnx,keras")] == ["keras", "onnx", "web"]


def test_a_runtime_that_is_not_there_stops_an_export_before_anything_is_written(tmp_path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    build = Builder(tmp_path / "results")
    study = build.study()
    build.entry("best", study)
    folder = build.results.study(study)
    for job_id in folder.entry("best").refits:
        folder.model_path(job_id).parent.mkdir(parents=True, exist_ok=True)
        folder.model_path(job_id).write_bytes(b"x")
    with pytest.raises(UsageError, match="does not hold onnxruntime-web"):
        export_bundle(build.read(), "best", tmp_path / "out" / "bundle", format="web", runtime=tmp_path)
    assert not (tmp_path / "out").exists()
