"""Corpora as plug-ins: real distributions on the path, as an installer would leave them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from serbench.corpora import RegisteredCorpus, corpus_names, get_corpus, register_corpus
from serbench.corpora.user.registered import registered_corpora
from serbench.errors import SerbenchError, UsageError
from serbench.records import CorpusChoice

PLUGIN = """
from serbench.corpora.base import Corpus

class Tiny(Corpus):
    def parse(self, path):
        return {"label": path.stem[:4], "speaker": "1"}

TINY = Tiny(name="tiny", title="Tiny", labels=("calm",), licence="MIT", name_form="calm.wav")
NOT_ONE = 3
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution with one good corpus and several bad ones."""
    (tmp_path / "tiny_corpus.py").write_text(PLUGIN)
    (tmp_path / "broken_corpus.py").write_text("raise OSError('no such library')")
    info = tmp_path / "tiny-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[serbench.corpora]\n"
        "tiny = tiny_corpus:TINY\n"
        "broken = broken_corpus:X\n"
        "gone = no_such_module:X\n"
        "number = tiny_corpus:NOT_ONE\n"
        "misnamed = tiny_corpus:TINY\n"
        "emo-db = tiny_corpus:TINY\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("tiny_corpus", "broken_corpus"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_the_corpora_of_serbench_are_known() -> None:
    assert {"crema-d", "demo", "emo-db"} <= set(corpus_names())


def test_listing_loads_no_plugin(plugins: Path) -> None:
    assert {"tiny", "broken", "gone"} <= set(corpus_names())
    assert "tiny_corpus" not in sys.modules


def test_a_plugin_is_a_corpus_beside_broken_ones(plugins: Path, tmp_path: Path) -> None:
    assert get_corpus("tiny").title == "Tiny"
    assert get_corpus("crema-d").name == "crema-d"


def test_a_label_that_was_not_declared_blames_the_plugin(plugins: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "wild1.wav").write_bytes(b"")
    with pytest.raises(SerbenchError, match=r"label 'wild' .* declares only calm"):
        get_corpus("tiny").read(data)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "broken",
            r"'broken' \(broken_corpus:X of package tiny-plugin\) cannot be loaded \(OSError: no such",
        ),
        ("gone", r"cannot be loaded \(ModuleNotFoundError"),
        ("number", "'number' .* is no corpus: it lacks .*; see serbench.corpora.base.Corpus"),
        ("misnamed", "'misnamed' .* calls itself 'tiny'; its entry point needs the same name"),
    ],
)
def test_a_broken_plugin_is_named(plugins: Path, name: str, message: str) -> None:
    with pytest.raises(SerbenchError, match=message):
        get_corpus(name)


def test_no_plugin_takes_the_name_of_a_known_corpus(plugins: Path) -> None:
    assert get_corpus("emo-db").title == "EMO-DB"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'crema-d'"):
        get_corpus("cremad")


def test_several_corpora_cannot_be_added_under_one_name(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path))
    for parts in (("folder", "folder"), ("crema-d",)):
        both = RegisteredCorpus(choice=CorpusChoice(name="both", parts=parts), place=str(tmp_path))
        with pytest.raises(UsageError, match="one name stands for one corpus"):
            register_corpus("both", both, ())
    assert registered_corpora() == {}


def test_of_corpora_that_are_added_at_once_none_is_lost(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SERBENCH_CONFIG", str(tmp_path))
    one = RegisteredCorpus(choice=CorpusChoice(name="x", parts=("folder",)), place=str(tmp_path))
    names = [f"corpus-{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: register_corpus(name, one, ()), names))
    assert sorted(registered_corpora()) == sorted(names)


@pytest.mark.parametrize("choice", [{"name": "x", "parts": []}, {"name": "x", "parts": ["a"], "own": {"a": "zzz"}}])
def test_a_choice_of_nothing_or_of_an_unknown_kind_is_no_choice(choice) -> None:
    with pytest.raises(ValidationError):
        CorpusChoice.model_validate(choice)
