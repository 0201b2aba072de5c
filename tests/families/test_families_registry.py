from __future__ import annotations

import subprocess
import sys

import pytest

from serbench.errors import SerbenchError, UsageError
from serbench.export.bundle import load_model
from serbench.families import Family, custom_objects, family_names, get_family
from serbench.records import file_sha256


def plug_in(tmp_path, monkeypatch, name, code, value="plug:FAMILY"):
    """Installs a package that offers one family, as pip would leave it behind."""
    info = tmp_path / f"{name}_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[serbench.families]\n{name} = {value}\n")
    (tmp_path / f"{value.partition(':')[0]}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)


GOOD = """
from serbench.families.cnn1d import Cnn1dFamily

class Mine(Cnn1dFamily):
    name = "{name}"

FAMILY = Mine()
"""


def test_built_in_families_are_found():
    assert {"cnn1d", "cnn2d"} <= set(family_names())
    assert isinstance(get_family("cnn1d"), Family)


def test_unknown_family_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="unknown family 'cnn3d'; did you mean 'cnn2d'"):
        get_family("cnn3d")


def test_a_plug_in_is_found(tmp_path, monkeypatch):
    plug_in(tmp_path, monkeypatch, "mine", GOOD.format(name="mine"), "good_plug:FAMILY")
    assert "mine" in family_names()
    assert get_family("mine").name == "mine"


def test_a_broken_plug_in_breaks_only_itself(tmp_path, monkeypatch):
    plug_in(tmp_path, monkeypatch, "broken", "raise RuntimeError('no GPU here')", "broken_plug:FAMILY")
    assert {"broken", "cnn1d"} <= set(family_names())
    assert get_family("cnn1d").name == "cnn1d"
    with pytest.raises(SerbenchError, match=r"package broken-package\) cannot be loaded \(RuntimeError: no GPU"):
        get_family("broken")


def test_an_object_that_is_no_family_is_refused(tmp_path, monkeypatch):
    code = "class Half:\n    name = title = 'half'\nFAMILY = Half()\n"
    plug_in(tmp_path, monkeypatch, "half", code, "half_plug:FAMILY")
    with pytest.raises(SerbenchError, match="it lacks description, hyperparameters"):
        get_family("half")


def test_a_class_is_told_apart_from_an_object(tmp_path, monkeypatch):
    plug_in(tmp_path, monkeypatch, "unmade", GOOD.format(name="unmade"), "class_plug:Mine")
    with pytest.raises(SerbenchError, match=r"\(class_plug:Mine of package unmade-package\) is a class; make an obj"):
        get_family("unmade")


def test_a_plug_in_that_ends_the_process_breaks_only_itself(tmp_path, monkeypatch):
    plug_in(tmp_path, monkeypatch, "leaving", "import sys\nsys.exit('needs CUDA')\n", "leaving_plug:FAMILY")
    with pytest.raises(SerbenchError, match=r"cannot be loaded \(SystemExit: needs CUDA\)"):
        get_family("leaving")


@pytest.mark.parametrize("member", ["name", "title"])
def test_a_plug_in_whose_property_fails_breaks_only_itself(tmp_path, monkeypatch, member):
    failing = f"    @property\n    def {member}(self): raise OSError('no such file')\n"
    code = GOOD.format(name="moody").replace("\nFAMILY", failing + "\nFAMILY")
    plug_in(tmp_path, monkeypatch, "moody", code, f"moody_{member}:FAMILY")
    with pytest.raises(SerbenchError, match=r"family 'moody' .* cannot be loaded \(OSError: no such file\)"):
        get_family("moody")


OLD = """
from serbench.families.cnn1d import CNN1D

class Old:
    name, title, description = "old", "old", "Of before."
    hyperparameters, feature_kind, feature_axis = CNN1D.hyperparameters, CNN1D.feature_kind, CNN1D.feature_axis
    default_features, build = CNN1D.default_features, CNN1D.build

FAMILY = Old()
"""


def test_a_family_of_before_is_completed(tmp_path, monkeypatch):
    plug_in(tmp_path, monkeypatch, "old", OLD, "old_plug:FAMILY")
    family = get_family("old")
    assert isinstance(family, Family)
    assert (family.title, family.default_space(), family.custom_objects()) == ("old", "", {})


@pytest.mark.children
def test_custom_objects_are_those_of_the_family_and_of_serbench(tmp_path, monkeypatch):
    own = "    def custom_objects(self): return {'mine>Layer': int, 'serbench>Warp': int}\n"
    code = GOOD.format(name="own").replace('    name = "own"\n', '    name = "own"\n' + own)
    plug_in(tmp_path, monkeypatch, "own", code, "own_plug:FAMILY")
    found = custom_objects("own")
    assert found["mine>Layer"] is int
    assert found["serbench>Warp"] is custom_objects()["serbench>Warp"] is not int
    assert "mine>Layer" not in custom_objects("cnn1d")


@pytest.mark.children
def test_a_bundle_of_a_family_that_is_gone_says_so_in_a_sentence(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"model")
    with pytest.raises(SerbenchError, match="needs family 'gone', which is not installed; install the package that"):
        load_model(path, file_sha256(path), "gone")


def test_a_family_under_another_name_is_refused(tmp_path, monkeypatch):
    plug_in(tmp_path, monkeypatch, "alias", GOOD.format(name="else"), "alias_plug:FAMILY")
    with pytest.raises(SerbenchError, match="calls itself 'else'"):
        get_family("alias")


def test_two_families_of_one_name_are_not_chosen_between(tmp_path, monkeypatch):
    plug_in(tmp_path, monkeypatch, "cnn1d", GOOD.format(name="cnn1d"), "twin_plug:FAMILY")
    with pytest.raises(UsageError, match="two families are named 'cnn1d'"):
        get_family("cnn1d")


@pytest.mark.children
def test_families_are_found_without_importing_keras():
    code = (
        "import sys, serbench.families as f; import serbench.families.cost, serbench.families.optimizers\n"
        "[f.get_family(name).hyperparameters() for name in f.family_names()]\n"
        "print([name for name in ('keras', 'tensorflow', 'jax', 'torch', 'librosa') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_fresh_process_loads_a_saved_model(tmp_path):
    import numpy as np

    family = get_family("cnn2d")
    model = family.build(family.hyperparameters(depth=2, head="attention"), (16, 20), 3, np.zeros(16), np.ones(16), 0)
    model.save(tmp_path / "model.keras")
    clips = np.random.default_rng(0).normal(size=(2, 16, 20)).astype(np.float32)
    np.save(tmp_path / "clips.npy", clips)
    code = (
        "import sys, numpy as np, keras; from serbench.families import custom_objects\n"
        "model = keras.models.load_model(sys.argv[1] + '/model.keras', custom_objects=custom_objects())\n"
        "np.save(sys.argv[1] + '/rows.npy', model(np.load(sys.argv[1] + '/clips.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "rows.npy"), np.asarray(model(clips)), rtol=1e-5)
