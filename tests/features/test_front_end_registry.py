"""A front end of another package: a real distribution on the path, as an installer would leave it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import serbench
from serbench.audio import read_sound
from serbench.errors import SerbenchError, UsageError
from serbench.export.bundle import BundleCheck, BundleRecord
from serbench.features import ClipsWithoutFeaturesError, FeatureSpec, FeatureStore, front_end_names, get_front_end
from serbench.features.latency import front_end_ms
from serbench.records.schemas import StudyRecord
from serbench.site.clips.sounds import picture_spec
from serbench.spaces.file import read_space
from serbench.testing import check_front_end

ROOT = Path(serbench.__file__).parents[1]
PUBLISHED = ROOT / "results" / "published" / "studies"

GOOD = """
from typing import Literal
import numpy as np
from pydantic import Field
from serbench.features import ClipsWithoutFeaturesError, FeatureSpec, FrontEnd

class Settings(FeatureSpec):
    kind: Literal["{name}"] = "{name}"
    parts: int = Field(default=5, ge=1, le=100)

class Levels(FrontEnd[Settings]):
    name, title, settings, feature_axis, time_axis = "{name}", "levels of parts", Settings, 1, 0

    def shape(self, settings):
        return (settings.parts, 1)

    def feature_names(self, settings):
        return ("level",)

    def extract(self, waveforms, settings):
        parts = np.array_split(waveforms, settings.parts, axis=1)
        return np.stack([part.std(axis=1) for part in parts], axis=1)[..., None]

LEVELS = Levels()
"""


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Installs a package that offers one front end."""

    def install(name, code, module):
        info = tmp_path / f"{name}_package-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[serbench.front_ends]\n{name} = {module}:LEVELS\n")
        (tmp_path / f"{module}.py").write_text(code.replace("{name}", name))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_serbenchs_own_are_found():
    assert {"acoustic", "log_mel"} <= set(front_end_names())


def test_a_plug_in_extracts_through_the_store(plug_in, make_clips, tmp_path):
    plug_in("levels", GOOD, "levels_plug")
    assert "levels" in front_end_names()
    spec = FeatureSpec(kind="levels", sample_rate=8_000, duration_s=0.5, parts=3)
    clips, store = make_clips(4), FeatureStore(tmp_path / "cache")
    features = store.get(clips, spec)
    assert features.shape == (4, *spec.shape) == (4, 3, 1)
    assert (np.asarray(features) > 0).all()
    assert store.path(clips, spec) != store.path(clips, FeatureSpec(kind="levels", sample_rate=8_000, duration_s=0.5))
    assert front_end_ms(spec) > 0
    check_front_end(get_front_end("levels"))


def test_a_space_reads_a_plug_in_whose_arrays_look_like_those_of_the_family(plug_in):
    plug_in("space_levels", GOOD, "space_levels_plug")
    text = '[space]\nfamily = "{}"\n[features]\nkind = "space_levels"\nparts = {}\n'
    space = read_space(text.format("cnn1d", 50), "own", "own.toml")
    assert space.features.shape == (50, 1)
    # The family's other defaults hold, as far as the front end knows such a setting.
    assert space.features.sample_rate == 11_025
    assert space.describe()["features"]["parts"] == 50
    with pytest.raises(UsageError, match=r"kind = 'space_levels': family cnn2d reads 'log_mel'; leave kind out"):
        read_space(text.format("cnn2d", 50), "own", "own.toml")
    with pytest.raises(UsageError, match=r"own.toml: \[features\] parts = 0: input should be greater"):
        read_space(text.format("cnn1d", 0), "own", "own.toml")
    with pytest.raises(UsageError, match=r"unknown key in \[features\]: 'part'; did you mean 'parts'"):
        read_space(text.format("cnn1d", 4).replace("parts", "part"), "own", "own.toml")


def test_a_space_writes_a_setting_of_several_values_as_a_list(plug_in):
    several = "    edges: tuple[float, ...] | None = None\n    parts: int"
    plug_in("edged_levels", GOOD.replace("    parts: int", several), "edged_levels_plug")
    text = '[space]\nfamily = "cnn1d"\n[features]\nkind = "edged_levels"\nedges = {}\n'
    space = read_space(text.format("[0.5, 1.0]"), "own", "own.toml")
    assert space.features.edges == (0.5, 1.0)
    assert FeatureSpec.model_validate(space.describe()["features"]) == space.features
    with pytest.raises(UsageError, match=r"parts = \[5\]: input should be a valid integer"):
        read_space(text.format("[]\nparts = [5]"), "own", "own.toml")


def test_a_space_of_a_missing_front_end_names_it_and_those_installed():
    with pytest.raises(UsageError, match=r"own.toml: unknown front end 'wavelets'\. Known: .*log_mel"):
        read_space('[space]\nfamily = "cnn1d"\n[features]\nkind = "wavelets"\n', "own", "own.toml")


def test_pictures_of_clips_do_not_need_the_front_end(plug_in):
    plug_in("picture_levels", GOOD, "picture_levels_plug")
    spec = picture_spec({"kind": "picture_levels", "sample_rate": 8_000, "duration_s": 2.0, "parts": 9})
    assert (spec.kind, spec.sample_rate, spec.duration_s, spec.n_mels) == ("log_mel", 8_000, 2.0, 64)
    assert picture_spec({"kind": "wavelets"}) is None


def test_a_broken_plug_in_breaks_only_itself(plug_in):
    plug_in("broken", "raise RuntimeError('no such library')", "broken_front_plug")
    assert {"broken", "acoustic"} <= set(front_end_names())
    assert FeatureSpec(kind="acoustic").shape == (188, 55)
    message = r"front end 'broken' .* of package broken-package\) cannot be loaded \(RuntimeError: no such library\)"
    with pytest.raises(SerbenchError, match=message):
        get_front_end("broken")


def test_an_object_that_is_no_front_end_is_refused(plug_in):
    plug_in("half", "class Half:\n    name = 'half'\nLEVELS = Half()\n", "half_front_plug")
    with pytest.raises(SerbenchError, match=r"is no front end: it lacks .*; see serbench\.features\.frontends\.base"):
        FeatureSpec(kind="half")


def test_another_shape_than_promised_is_no_traceback(plug_in, make_clips, tmp_path):
    plug_in("liar", GOOD.replace("[..., None]", "[..., None, None]"), "liar_plug")
    with pytest.raises(
        SerbenchError, match=r"front end 'liar' promises float32 \(1, 5, 1\) and returns .*check_front_end"
    ):
        FeatureStore(tmp_path / "cache").get(make_clips(2), FeatureSpec(kind="liar", sample_rate=8_000))


@pytest.mark.children
def test_front_ends_are_found_without_importing_audio_libraries():
    code = (
        "import sys, serbench.features as f\n"
        "[f.FeatureSpec(kind=name).shape for name in ('acoustic', 'log_mel')]\n"
        "heavy = {'librosa', 'numba', 'scipy', 'soundfile', 'soxr', 'sklearn', 'keras', 'tensorflow'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["acoustic", "log_mel"])
def test_a_family_and_its_front_end_agree_on_the_axis(kind):
    from serbench.families import family_names, get_family

    families = [get_family(name) for name in family_names()]
    axes = {family.feature_axis for family in families if family.feature_kind == kind}
    assert axes == {get_front_end(kind).feature_axis}


def test_a_bundle_holds_the_settings_of_a_plug_in(plug_in, tmp_path):
    """Its record is read as any other; without the package it names what is missing."""
    plug_in("bundled", GOOD, "bundled_plug")
    study = StudyRecord.load(next(iter(sorted(PUBLISHED.glob("*/study.json")))))
    spec = FeatureSpec(kind="bundled", parts=7)
    record = BundleRecord(
        entry="e", study=study.name, refit="r", family="cnn1d", labels=study.corpus.labels, features=spec,
        longest_clip_s=3.0, model_sha256="0", parameters=1, config={}, seed=0, scores={}, corpus=study.corpus,
        protocol=study.protocol, environment=study.environment, check=BundleCheck(clips=0, largest_difference=0.0),
        created="now",
    )  # fmt: skip
    path = tmp_path / "bundle.json"
    record.save(path)
    again = BundleRecord.load(path)
    assert (again.features, again.seal()) == (spec, record.seal())
    path.write_text(path.read_text().replace('"bundled"', '"not_installed"'))
    with pytest.raises(SerbenchError, match=r"bundle.json cannot be read here: unknown front end 'not_installed'"):
        BundleRecord.load(path)


def test_the_example_of_the_documentation_keeps_the_contract(plug_in):
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    code = text.partition("```python\n# my_package/levels.py\n")[2].partition("```")[0]
    assert "class Levels" in code
    plug_in("levels", code, "levels_of_the_documentation")
    check_front_end(get_front_end("levels"), FeatureSpec(kind="levels", parts=7))
    space = text.partition("```toml\n# in a space file of family cnn1d\n")[2].partition("```")[0]
    assert read_space(f'[space]\nfamily = "cnn1d"\n{space}', "own", "own.toml").features.shape == (100, 1)


def test_clips_that_a_plug_in_fails_for_are_named_and_the_others_have_features(plug_in, make_clips, tmp_path):
    line = "        parts = "
    plug_in("strict", GOOD.replace(line, f"        assert waveforms.max() < 0.2, 'too loud'\n{line}"), "strict_plug")
    clips, store = make_clips(70), FeatureStore(tmp_path / "cache")
    spec = FeatureSpec(kind="strict", sample_rate=8_000)
    with pytest.raises(SerbenchError, match=r"'strict' fails for every clip \(AssertionError: too loud\)"):
        store.get(clips, spec)
    for row in set(range(70)) - {3, 40}:
        wave, rate = soundfile.read(clips["path"][row])
        soundfile.write(clips["path"][row], 0.3 * wave, rate)
    clips = clips.assign(digest=[read_sound(path).health.digest for path in clips["path"]])
    with pytest.raises(
        ClipsWithoutFeaturesError, match=r"2 clips have no features: 'clip003' \(Asser.*, 'clip040'"
    ) as found:
        store.get(clips, spec)
    assert not store.has(clips, spec)
    rest = clips[~clips["clip_id"].isin(list(found.value.faults))]
    assert len(store.get(rest, spec)) == 68


def test_a_front_end_without_memory_leaves_no_clip_out(plug_in, make_clips, tmp_path):
    line = "        parts = "
    hungry = f"        if waveforms.max() > 0.2:\n            raise MemoryError('no room')\n{line}"
    plug_in("hungry", GOOD.replace(line, hungry), "hungry_plug")
    clips = make_clips(3)
    wave, rate = soundfile.read(clips["path"][1])
    soundfile.write(clips["path"][1], 0.3 * wave, rate)
    clips["digest"] = [read_sound(path).health.digest for path in clips["path"]]
    with pytest.raises(MemoryError, match="no room"):
        FeatureStore(tmp_path / "cache").get(clips, FeatureSpec(kind="hungry", sample_rate=8_000))
