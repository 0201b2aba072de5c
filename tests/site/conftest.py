"""A site of drawn results, built once, and a headless Chromium to read it with."""

from __future__ import annotations

import shutil

import pytest
from drawn_results import Builder
from tiers import starts_children

from serbench.results import Results
from serbench.site import Site

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

MARKUP = "</script><img src=x onerror=alert(1)>"


def fill(build: Builder) -> None:
    """Two tables: four entries under `speaker` with references, two under `random`; one study has no entry."""
    study = build.study("crema-d-speaker-cnn2d", corpus="crema-d")
    for name, skill in (("cnn2d-best", 0.75), ("cnn2d-good", 0.72), ("cnn2d-weak", 0.4)):
        build.entry(name, study, skill=skill, validation=skill)
    other = build.study("crema-d-speaker-cnn1d", corpus="crema-d", family="cnn1d")
    build.entry("cnn1d-first", other, skill=0.55, validation=0.6)
    for name, title, skill in (("svm", "SVM", 0.5), ("listeners", "human listeners", 0.45)):
        build.reference(study, name, title, skill=skill)
    leaky = build.study(
        "crema-d-random-cnn2d", corpus="crema-d", protocol="random", protocol_hash="hash-b", shares_speakers=True,
        corpus_warnings=(MARKUP,),
    )  # fmt: skip
    build.entry("cnn2d-leaky", leaky, skill=0.9, config={"name": MARKUP})
    build.entry("cnn2d-leaky2", leaky, skill=0.8)
    build.study("crema-d-speaker-untested", corpus="crema-d")


@pytest.fixture
def build(tmp_path):
    return Builder(tmp_path / "results")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    build = Builder(tmp_path_factory.mktemp("drawn") / "results")
    fill(build)
    return build.results


@pytest.fixture(scope="session")
def site(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "site"
    Site.build(Results(drawn.root), folder)
    return folder


@pytest.fixture(scope="session")
@starts_children
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()
