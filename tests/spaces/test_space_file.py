"""Space files that are right: the shipped ones, and where a name is looked up."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from spaces_made import QUICK, REJUDGED, REPORT, SEARCHES, SHIPPED, SMALL, TEXT

import serbench
from serbench.corpora import get_corpus
from serbench.errors import UsageError
from serbench.families import parse_hyperparameters
from serbench.protocols import Ratio, SplitProtocol
from serbench.search import SearchPlan, SearchRequest
from serbench.spaces import (
    broken_default_spaces,
    check_draws,
    default_spaces,
    find_space,
    load_space,
    read_space,
    space_for_size,
    space_names,
)
from serbench.spaces.dimensions import Choice, Fixed, FloatRange, IntRange

CHECKOUT = Path(serbench.__file__).parents[1]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_space_is_valid_and_its_known_configurations_are_complete(name: str) -> None:
    space = load_space(name)
    assert space.name == name
    assert space.title
    named = {**dict.fromkeys((*SMALL, *REJUDGED), "cnn1d"), "rejudged_light_sernet": "cnn2d"}
    assert space.family.name == named.get(name, f"cnn{name[-2:]}")
    assert space.searched or name in (*QUICK, *REJUDGED)
    for known in space.enqueued:
        assert set(known.config) == set(space.family.hyperparameters.model_fields)
        assert parse_hyperparameters(space.family, known.config).model_dump(mode="json") == known.config
        assert not space.misfits(known.config), "the sampler can learn nothing of what it could not have drawn"


@pytest.mark.parametrize("name", SEARCHES)
def test_a_shipped_space_varies_what_a_family_must_vary(name: str) -> None:
    wanted = {"depth", "width", "kernel_size", "regulariser", "optimizer", "learning_rate", "split_ratio", "dropout"}
    if not name.startswith("demo"):
        wanted |= {
            "activation",
            "pooling",
            "batch_norm",
            "schedule",
            "escape",
            "batch_size",
            "waveform_copies",
            "mixup",
        }
        assert wanted <= set(load_space(name).searched)
    assert {"l1", "l2"} <= set(load_space(name).searched)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_condition_of_the_family_is_a_condition_of_a_shipped_space(name: str) -> None:
    """Else Optuna would be shown values that a trial never read."""
    space = load_space(name)
    for parameter, condition in space.family.hyperparameters.conditions().items():
        dimension = space.parameters.get(parameter)
        for other, values in condition.items() if dimension else ():
            fixed = space.family.hyperparameters.model_fields[other].default
            given = dimension.when[other] if other in space.parameters else (fixed,)
            assert set(given) <= set(values), f"{parameter} is read only when {other} in {values}"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_space_can_be_split_under_its_own_protocol(name: str) -> None:
    space = load_space(name)
    cores = SplitProtocol("speaker", space.test_core, space.validation_core).cores
    for text in space.parameters["split_ratio"].probes():
        ratio = Ratio.parse(str(text))
        assert ratio.test >= cores.test
        assert ratio.validation >= cores.validation


@pytest.mark.parametrize(
    ("names", "clips", "expected"),
    [
        (["cnn1d"], 535, "small"),
        (["cnn1d", "cnn2d"], 999, "small"),
        (["cnn1d"], 1000, ""),
        (["small"], 535, ""),
        (["cnn1d", "quick_1d"], 535, ""),
        (["my own"], 535, ""),
    ],
)
def test_a_small_corpus_has_a_space_of_its_own(names: list[str], clips: int, expected: str) -> None:
    assert space_for_size(names, clips) == expected


def test_every_form_of_a_parameter_is_read(space_of) -> None:
    assert space_of().parameters == {
        "depth": IntRange(low=2, high=4),
        "width": IntRange(low=16, high=64, step=16),
        "dropout": FloatRange(low=0, high=0.4),
        "learning_rate": FloatRange(low=1e-4, high=1e-2, log=True),
        "optimizer": Choice(choices=("adam", "sgd")),
        "momentum": FloatRange(low=0.1, high=0.9, when={"optimizer": ("sgd",)}),
        "batch_size": Fixed(value=32),
    }
    assert "batch_size" not in space_of().searched


def test_what_a_file_leaves_open_has_defaults(space_of) -> None:
    space = space_of('[space]\nfamily = "cnn2d"\n')
    assert (space.name, space.test_core, space.validation_core) == ("space", Decimal(20), Decimal(10))
    assert space.features.kind == "log_mel"
    assert (space.budget.trials, space.parameters, space.enqueued) == (30, {}, ())


def test_a_condition_may_come_before_its_parameter_in_the_file(space_of) -> None:
    space = space_of(
        '[space]\nfamily = "cnn1d"\n[parameters]\n'
        "l2 = { low = 1e-5, high = 1e-3, log = true, when = { regulariser = \"l2\" } }\n"
        "regulariser = { choices = [\"none\", \"l2\"], when = { optimizer = \"sgd\" } }\n"
        'optimizer = ["sgd", "adam"]\n'
    )  # fmt: skip
    assert list(space.parameters) == ["optimizer", "regulariser", "l2"]


def test_a_condition_may_be_met_by_the_default_of_a_parameter_that_is_idle(space_of) -> None:
    """`regulariser` stays `none` unless the optimiser is sgd; so this condition can hold."""
    space = space_of(
        '[space]\nfamily = "cnn1d"\n[parameters]\noptimizer = ["sgd", "adam"]\n'
        'regulariser = { choices = ["l1", "l2"], when = { optimizer = "sgd" } }\n'
        'label_smoothing = { low = 0.0, high = 0.2, when = { regulariser = "none" } }\n'
    )
    assert "label_smoothing" in space.searched


def test_an_enqueued_configuration_takes_fixed_values_then_defaults(space_of) -> None:
    space = space_of(
        '[space]\nfamily = "cnn1d"\n[parameters]\nbatch_size = 16\nwaveform_copies = [0, 1]\n'
        "noise_snr_db = { value = 20, when = { waveform_copies = 1 } }\n"
        '[[enqueue]]\nname = "plain"\n'
        '[[enqueue]]\nname = "own"\nparameters = { batch_size = 64 }\n'
        '[[enqueue]]\nparameters = { waveform_copies = 1 }\n'
    )  # fmt: skip
    plain, own, third = space.enqueued
    assert (plain.config["batch_size"], plain.config["noise_snr_db"], plain.config["learning_rate"]) == (16, 0.0, 0.002)
    assert own.config["batch_size"] == 64
    assert (third.name, third.config["noise_snr_db"]) == ("enqueued-3", 20)
    assert not plain.finalist


@pytest.mark.parametrize("name", REPORT)
def test_the_founding_reports_runs_are_tested_under_its_own_split_beside_its_scores(name: str) -> None:
    facts = json.loads((CHECKOUT / "tests" / "search" / "ser_report_scores.json").read_text(encoding="utf-8"))
    space = load_space(name)
    assert space.protocol == "random"
    assert [known.name for known in space.enqueued if known.finalist] == list(facts[name])
    for known in space.enqueued:
        printed = known.reported.model_dump(exclude_none=True, exclude={"source"})
        assert printed == pytest.approx(facts[name][known.name], abs=0.05)
        assert known.config["optimizer"] == "rmsprop"
        assert known.config["activation"] == "relu"


@pytest.mark.parametrize(
    ("below", "reads"),
    [
        ("", False),
        ("[parameters]\nsoft_labels = 0.0\n", False),
        ("[parameters]\nsoft_labels = [0.0, 0.5]\n", True),
        ("[parameters]\nsoft_labels = { low = 0.0, high = 0.5 }\n", True),
        ("[[enqueue]]\nparameters = { soft_labels = 0.0 }\n", False),
        ("[[enqueue]]\nparameters = { soft_labels = 0.5 }\n", True),
        ("[parameters]\nsoft_labels = 0.0\n[[enqueue]]\nparameters = { soft_labels = 0.5 }\n", True),
    ],
)
def test_votes_are_read_if_a_drawn_or_an_enqueued_configuration_does(space_of, below: str, reads: bool) -> None:
    assert space_of(f'[space]\nfamily = "cnn1d"\n{below}').reads_votes == reads


@pytest.mark.parametrize("name", SHIPPED)
def test_a_valid_configuration_is_drawn_from_every_shipped_space(name: str) -> None:
    check_draws(load_space(name), trials=1_000)


REPEATED = '[space]\nfamily = "cnn1d"\n[parameters]\nwaveform_copies = 1\n'


def test_a_space_without_a_valid_configuration_gives_the_reason(space_of) -> None:
    with pytest.raises(UsageError, match=r"'space' has no valid configuration among .* would repeat clips unchanged"):
        check_draws(space_of(REPEATED), trials=1)


def test_enqueued_configurations_that_are_all_trials_suffice(space_of) -> None:
    space = space_of(REPEATED + "[[enqueue]]\nparameters = { noise_snr_db = 20 }\n")
    check_draws(space, trials=1)
    with pytest.raises(UsageError, match="no valid configuration"):
        check_draws(space, trials=2)


def test_a_protocol_may_be_named_and_is_the_commands_to_change(space_of, tmp_path: Path) -> None:
    named = space_of(TEXT.replace("[protocol]", '[protocol]\nname = "speaker+sentence"'))
    assert (named.protocol, space_of().protocol) == ("speaker+sentence", None)
    assert named.hash == space_of().hash  # the protocol has a hash of its own
    plan = SearchPlan(spaces=(named, replace(space_of(), name="other")), corpus=get_corpus("demo"), results=tmp_path)
    assert [plan.protocol_of(space) for space in plan.spaces] == ["speaker+sentence", "speaker"]
    assert replace(plan, protocol="random").protocol_of(named) == "random"


# Where a name is looked up


def test_a_path_comes_before_the_folder_here_and_that_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = find_space("cnn1d")
    assert shipped.resolve().parent.name == "search_spaces"
    assert tmp_path not in shipped.resolve().parents
    here = tmp_path / "search_spaces" / "cnn1d.toml"
    here.parent.mkdir()
    shutil.copy(shipped, here)
    for name in ("cnn1d", "cnn1d.toml"):
        assert find_space(name).resolve() == here
    assert space_names()["cnn1d"].resolve() == here
    assert find_space("cnn2d").resolve() == shipped.resolve().with_name("cnn2d.toml")
    shutil.copy(shipped, tmp_path / "cnn1d.toml")
    assert find_space("cnn1d.toml").resolve() == tmp_path / "cnn1d.toml"
    assert find_space("cnn1d").resolve() == here
    assert find_space(str(here)) == here


def test_a_folder_of_the_same_name_does_not_hide_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cnn1d").mkdir()
    assert load_space("cnn1d").name == "cnn1d"


def test_all_shipped_spaces_have_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ours = {name for name, path in space_names().items() if path.parent.name == "search_spaces"}
    assert ours == set(SHIPPED)


def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch, space: str) -> None:
    """A package with a family named `mine`, as pip leaves it behind."""
    info = folder / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[serbench.families]\nmine = mine_family:MINE\n")
    (folder / "mine_family.py").write_text(
        "from serbench.families.cnn1d import Cnn1dFamily\n"
        f"class Mine(Cnn1dFamily):\n    name = 'mine'\n    def default_space(self): return {space!r}\n"
        "MINE = Mine()\n"
    )
    monkeypatch.delitem(sys.modules, "mine_family", raising=False)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MINE = Mine()", "MINE = Mine"),
        ("return 'x'", "raise OSError('no such file')"),
        ("return 'x'", "return 7"),
        ("class Mine", "raise SystemExit('needs CUDA')\nclass Mine"),
    ],
    ids=["a class", "no space", "a number", "an exit"],
)
def test_a_broken_family_leaves_the_spaces_of_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    before = space_names(), default_spaces("emo-db")
    plug_in(tmp_path, monkeypatch, "x")
    code = tmp_path / "mine_family.py"
    code.write_text(code.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert (space_names(), default_spaces("emo-db")) == before
    assert load_space("cnn1d").family.name == "cnn1d"


def test_a_family_that_normalises_another_axis_than_its_front_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study that was recorded with it can still be read."""
    plug_in(tmp_path, monkeypatch, "x")
    code = tmp_path / "mine_family.py"
    wrong = code.read_text(encoding="utf-8").replace("name = 'mine'", "name, feature_axis = 'mine', 0")
    code.write_text(wrong, encoding="utf-8")
    text = '[space]\nfamily = "mine"\n'
    sentence = "family mine has feature_axis 0, and its front end 'acoustic' has 1: set feature_axis = 1 in the family"
    with pytest.raises(UsageError, match=f"own.toml: {sentence}"):
        read_space(text, "own", "own.toml")
    assert read_space(text, "own", "own.toml", recorded=True).family.feature_axis == 0


def test_a_family_that_fails_when_asked_for_its_space_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken_default_spaces() == []
    plug_in(tmp_path, monkeypatch, "x")
    code = tmp_path / "mine_family.py"
    code.write_text(code.read_text(encoding="utf-8").replace("return 'x'", "raise OSError('gone')"), encoding="utf-8")
    assert broken_default_spaces() == ["family 'mine' has no default space (OSError: gone); repair its package"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, r"mine.toml does not exist"),
        ("[space", "is not valid TOML"),
        ('[space]\nfamily = "mine"\n[parameters]\ndepht = 2\n', "did you mean 'depth'"),
    ],
    ids=["missing", "no TOML", "a mistake"],
)
def test_a_family_whose_space_cannot_be_read_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, told: str
) -> None:
    shipped = tmp_path / "mine.toml"
    if text is not None:
        shipped.write_text(text, encoding="utf-8")
    plug_in(tmp_path, monkeypatch, str(shipped))
    plan = SearchPlan.of(SearchRequest(corpus="emo-db"))
    assert {"cnn1d", "cnn2d"} <= {space.name for space in plan.spaces}
    assert list(plan.notes) == broken_default_spaces()
    (note,) = plan.notes
    assert note.startswith("the default space of family 'mine' cannot be used: ")
    assert re.search(told, note)
    assert SearchPlan.of(SearchRequest(spaces=("cnn1d",), corpus="emo-db")).notes == ()


@pytest.mark.parametrize("file", ["mine.toml", "first.toml"])
def test_a_family_ships_its_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    shipped = tmp_path / file
    shipped.write_text('[space]\nfamily = "mine"\n[parameters]\ndepth = [2, 3]\n', encoding="utf-8")
    plug_in(tmp_path, monkeypatch, str(shipped))
    assert find_space("mine") == shipped
    assert load_space("mine").family.name == "mine"
    assert {"cnn1d", "cnn2d", "mine"} <= {load_space(name).family.name for name in default_spaces("emo-db")}
    assert default_spaces("demo") == ["demo_cnn1d", "demo_cnn2d"]
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "search_spaces" / "mine.toml"
    here.parent.mkdir()
    shutil.copy(shipped, here)
    assert find_space("mine").resolve() == here


def test_a_family_without_a_space_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(tmp_path, monkeypatch, "")
    with pytest.raises(UsageError, match="family 'mine' has no default space; write a space file and name it"):
        load_space("mine")
    assert "mine" not in default_spaces("emo-db")
    assert {"cnn1d", "cnn2d"} <= set(default_spaces("emo-db"))


# What is packed


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv, which builds the wheel, is not installed")
def test_the_wheel_carries_the_spaces_and_finds_them(tmp_path: Path) -> None:
    command = ["uv", "build", "--wheel", "--out-dir", str(tmp_path), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".toml")}
        assert "serbench/corpora/named/manifests/crema-d.tsv" in archive.namelist()
        archive.extractall(installed)
    assert packed == {f"serbench/search_spaces/{name}.toml" for name in SHIPPED}
    code = "from serbench.spaces import find_space, load_space as load\n"
    code += f"for name in {SHIPPED}: print(find_space(name), load(name).hash)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        f"{installed}/serbench/search_spaces/{name}.toml {load_space(CHECKOUT / f'search_spaces/{name}.toml').hash}"
        for name in SHIPPED
    ]


def test_one_split_for_all_is_another_space_and_protocol(tiny_space) -> None:
    space = load_space(tiny_space())
    other = space.with_split("66.5/3.5/30")
    assert other.hash != space.hash
    assert (f"{other.test_core:f}", f"{other.validation_core:f}") == ("30", "3.5")
    assert other.ratios() == ["66.5/3.5/30"]
    assert (space.fixed_split, other.fixed_split) == (None, "66.5/3.5/30")
    with pytest.raises(UsageError, match="ratio"):
        space.with_split("70/30")


def test_a_split_ratio_has_one_spelling() -> None:
    space = load_space("quick_1d")
    assert space.with_split(" 70.0/10 /2e1").hash == space.with_split("70/10/20").hash
    assert space.with_split("70.0 / 10 / 20").fixed_split == "70/10/20"
    assert space.with_split("70.0/10/20").fixed_split == "70.0/10/20", "as studies have recorded it"


def test_a_training_setting_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="epochs = 20000 is out of range"):
        load_space("quick_1d").with_training(epochs=20_000)
