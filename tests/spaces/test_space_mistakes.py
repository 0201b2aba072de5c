"""Every kind of mistake in a space file: one sentence that names the file, the place and the way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serbench.errors import UsageError
from serbench.spaces import load_space

HEAD = '[space]\nfamily = "cnn1d"\n'

# What is written below the head, and how the sentence goes on after the file's name.
MISTAKES = {
    "unknown table": ("[parametres]\n", "unknown table '[parametres]'; did you mean '[parameters]'?"),
    "unknown key in a head": ("[training]\nepoch = 3", "unknown key in [training]: 'epoch'; did you mean 'epochs'?"),
    "unknown feature": ("[features]\nn_mel = 3", "unknown key in [features]: 'n_mel'; did you mean 'n_mels'?"),
    "unknown core": ("[protocol]\ntest = 3", "unknown key in [protocol]: 'test'; did you mean 'test_core'?"),
    "unknown budget": ("[budget]\ntrails = 3", "unknown key in [budget]: 'trails'; did you mean 'trials'?"),
    "unknown parameter": ("[parameters]\ndeph = 3", "unknown parameter 'deph'; did you mean 'depth'?"),
    "parameter of another family": (
        "[parameters]\nfrequency_mask = 3",
        "[parameters] frequency_mask belongs to family cnn2d, not to this one; remove it",
    ),
    "unknown key of a range": (
        "[parameters]\ndepth = { low = 2, hihg = 3 }",
        "unknown key in [parameters] depth: 'hihg'; did you mean 'high'?",
    ),
    "training out of bounds": (
        "[training]\nepochs = 0", "[training] epochs = 0: input should be greater than or equal to 1"),
    "training of the wrong type": (
        '[training]\nepochs = "40"', "[training] epochs = '40': input should be a valid integer"),
    "features that do not fit together": (
        "[features]\nhop_length = 1024", "[features] hop_length (1024) must not exceed window_length (512)"),
    "features of another family": (
        '[features]\nkind = "log_mel"',
        "[features] kind = 'log_mel': family cnn1d reads 'acoustic'; leave kind out",
    ),
    "field of the family's own front end": (
        '[features]\nkind = "encoder"\nmodel = "0123456789abcdef"\n[parameters]\nfunctionals = ["none", "branch"]',
        "[parameters] functionals = 'branch' needs front end 'acoustic', and [features] kind is 'encoder'; leave "
        "functionals out",
    ),
    "core that is no number": (
        '[protocol]\ntest_core = "x"', "[protocol] test_core 'x' is not a number; write for example 20 or 3.5"),
    "core out of range": ("[protocol]\ntest_core = 0", "[protocol] test_core 0 must lie between 0 and 100"),
    "cores that leave nothing": (
        "[protocol]\ntest_core = 60\nvalidation_core = 40",
        "cores of 60 % test and 40 % validation leave nothing to train on; lower them in",
    ),
    "value out of bounds": (
        "[parameters]\ndepth = 9", "[parameters] depth = 9: input should be less than or equal to 6"),
    "choice out of bounds": (
        "[parameters]\ndepth = [2, 9]", "[parameters] depth = 9: input should be less than or equal to 6"),
    "range out of bounds": (
        "[parameters]\ndropout = { low = 0.1, high = 0.8 }",
        "[parameters] dropout = 0.8: input should be less than or equal to 0.7",
    ),
    "endless range": (
        "[parameters]\ndepth = { low = 1, high = 100000000000000000000000 }",
        "[parameters] depth = 100000000000000000000000: input should be less than or equal to 6",
    ),
    "no finite number": ("[parameters]\ndropout = nan", "[parameters] dropout = nan: input should be a finite number"),
    "text for a number": ('[parameters]\ndepth = "3"', "[parameters] depth = '3': input should be a valid integer"),
    "number for a switch": (
        "[parameters]\nbatch_norm = 1", "[parameters] batch_norm = 1: input should be a valid boolean"),
    "switch for a number": (
        "[parameters]\ndepth = true", "[parameters] depth = True: input should be a valid integer"),
    "fraction for a whole number": (
        "[parameters]\ndepth = { low = 2.5, high = 4 }",
        "[parameters] depth: low = 2.5: input should be a valid integer",
    ),
    "switch for a bound": (
        "[parameters]\ndepth = { low = true, high = 4 }",
        "[parameters] depth: low = True: input should be a valid integer",
    ),
    "text for a switch": (
        '[parameters]\ndepth = { low = 2, high = 4, log = "yes" }',
        "[parameters] depth: log = 'yes': input should be a valid boolean",
    ),
    "range for a switch": (
        "[parameters]\nbatch_norm = { low = 0, high = 1 }",
        "[parameters] batch_norm = 0.0: input should be a valid boolean",
    ),
    "date": (
        "[parameters]\ndepth = 2026-01-01",
        "[parameters] depth: datetime.date(2026, 1, 1) must be a number, a string, true or false",
    ),
    "list in a list": (
        "[parameters]\ndepth = [[2, 3]]", "[parameters] depth: [2, 3] must be a number, a string, true or false"),
    "choices that are no list": (
        "[parameters]\ndepth = { choices = 3 }", "[parameters] depth: choices = 3 must be a list of values"),
    "bad choice": (
        '[parameters]\nactivation = ["relu", "gelo"]',
        "[parameters] activation = 'gelo': input should be 'relu', 'elu', 'gelu', 'swish' or 'leaky_relu'; "
        "did you mean 'gelu'?",
    ),
    "no choice": (
        "[parameters]\ndepth = []", "[parameters] depth: the list of choices is empty; give at least one value"),
    "same choice twice": (
        "[parameters]\ndepth = [2, 3, 2]", "[parameters] depth: 2 is among the choices twice; remove one"),
    "same number twice": (
        "[parameters]\ndropout = [0, 0.0]", "[parameters] dropout: 0.0 is among the choices twice; remove one"),
    "reversed bounds": (
        "[parameters]\ndepth = { low = 4, high = 3 }",
        "[parameters] depth: bounds are reversed or equal: low = 4, high = 3; swap or widen them",
    ),
    "equal bounds": (
        "[parameters]\ndepth = { low = 4, high = 4 }",
        "[parameters] depth: bounds are reversed or equal: low = 4, high = 4; swap or widen them",
    ),
    "more steps than there are numbers": (
        "[parameters]\ndropout = { low = 0.0, high = 1e10, step = 1e-300 }",
        "[parameters] dropout: no number of steps of 1e-300 leads from 0.0 to 10000000000.0; change step, low or high",
    ),
    "endless bounds": (
        "[parameters]\ndropout = { low = 0.0, high = inf }",
        "[parameters] dropout: bounds and steps are numbers of at most 1e+300",
    ),
    "a number of four hundred digits": (
        f"[parameters]\ndepth = {{ low = 1, high = 1{'0' * 400}, step = 1 }}",
        "[parameters] depth: bounds and steps are numbers of at most 1e+300",
    ),
    "half a range": ("[parameters]\ndepth = { low = 4 }", "[parameters] depth: 'high' is missing; give value alone"),
    "empty table": ("[parameters]\ndepth = {}", "[parameters] depth: 'low' is missing; give value alone"),
    "value and range": (
        "[parameters]\ndepth = { value = 2, low = 3 }",
        "[parameters] depth: 'low' does not belong there; give value alone",
    ),
    "log range from 0": (
        "[parameters]\ndropout = { low = 0.0, high = 0.3, log = true }",
        "[parameters] dropout: a log range must start above 0, got low = 0.0; raise low or remove log",
    ),
    "log range with a step": (
        "[parameters]\nwidth = { low = 8, high = 64, log = true, step = 8 }",
        "[parameters] width: a log range takes no step; remove one of the two",
    ),
    "step that misses the end": (
        "[parameters]\nwidth = { low = 8, high = 20, step = 8 }",
        "[parameters] width: no number of steps of 8 leads from 8 to 20; change step, low or high",
    ),
    "fractional step that misses the end": (
        "[parameters]\ngrowth = { low = 1.0, high = 1.5, step = 0.2 }",
        "[parameters] growth: no number of steps of 0.2 leads from 1.0 to 1.5; change step, low or high",
    ),
    "even kernel in a range": (
        "[parameters]\nkernel_size = { low = 3, high = 7 }",
        "[parameters] kernel_size = 4: should be odd, so that a kernel has a middle",
    ),
    "range over a grid": (
        "[parameters]\nnoise_snr_db = { low = 10, high = 30 }",
        "[parameters] noise_snr_db = 17.63932: should be one of 0, 10, 15, 20, 25, 30",
    ),
    "condition that is no table": (
        '[parameters]\nmomentum = { low = 0.1, high = 0.9, when = "sgd" }',
        "[parameters] momentum: when = 'sgd' must name a parameter: when = { parameter = value }",
    ),
    "condition on an unknown parameter": (
        '[parameters]\nmomentum = { value = 0.9, when = { optimiser = "sgd" } }',
        "unknown parameter in the condition of momentum: 'optimiser'; did you mean 'optimizer'?",
    ),
    "condition on an unknown value": (
        '[parameters]\nmomentum = { value = 0.9, when = { optimizer = "sdg" } }',
        "[parameters] momentum: when optimizer = 'sdg': input should be 'rmsprop', 'adam', 'adamw', 'nadam' or "
        "'sgd'; did you mean 'sgd'?",
    ),
    "condition of the wrong type": (
        "[parameters]\nmomentum = { value = 0.9, when = { batch_norm = 1 } }",
        "[parameters] momentum: when batch_norm = 1: input should be a valid boolean",
    ),
    "condition that no choice meets": (
        '[parameters]\noptimizer = ["adam", "adamw"]\nmomentum = { value = 0.9, when = { optimizer = "sgd" } }',
        "[parameters] momentum is never used: optimizer (adam | adamw) cannot be 'sgd'; change the condition",
    ),
    "condition that no range meets": (
        "[parameters]\ndepth = { low = 2, high = 4 }\nmomentum = { value = 0.9, when = { depth = [5, 6] } }",
        "[parameters] momentum is never used: depth (2 ... 4) cannot be 5 or 6; change the condition",
    ),
    "condition that the default does not meet": (
        '[parameters]\nmomentum = { value = 0.9, when = { optimizer = "sgd" } }',
        "[parameters] momentum is never used: optimizer (adamw) cannot be 'sgd'; change the condition",
    ),
    "condition on nothing": (
        "[parameters]\nmomentum = { value = 0.9, when = { optimizer = [] } }",
        "[parameters] momentum is never used: optimizer (adamw) cannot be one of an empty list",
    ),
    "circle": (
        "[parameters]\ndepth = { value = 2, when = { width = 8 } }\nwidth = { value = 8, when = { depth = 2 } }",
        "[parameters] the conditions of depth, width go round in a circle; remove one",
    ),
    "condition on itself": (
        "[parameters]\ndepth = { low = 2, high = 3, when = { depth = 2 } }",
        "[parameters] the conditions of depth go round in a circle; remove one",
    ),
    "ratio smaller than the cores": (
        '[parameters]\nsplit_ratio = ["70/10/20", "80/10/10"]',
        "[parameters] split_ratio = '80/10/10' does not contain the cores (test 20 %, validation 10 %); enlarge its "
        "shares, or declare smaller cores in [protocol]",
    ),
    "default ratio smaller than the cores": (
        "[protocol]\ntest_core = 30",
        "the default split_ratio = '70/10/20' does not contain the cores (test 30 %, validation 10 %); enlarge",
    ),
    "default ratio where no other is active": (
        '[protocol]\ntest_core = 30\n[parameters]\noptimizer = ["adam", "sgd"]\n'
        'split_ratio = { choices = ["60/10/30"], when = { optimizer = "sgd" } }',
        "the default split_ratio = '70/10/20' does not contain the cores (test 30 %, validation 10 %); enlarge",
    ),
    "ratio that is no ratio": (
        '[parameters]\nsplit_ratio = "70/10/21"',
        "[parameters] split_ratio = '70/10/21': should be train/validation/test in percent, three positive numbers",
    ),
    "enqueued by the wrong name": (
        '[[enqueue]]\nnmae = "a"', "unknown key in [[enqueue]]: 'nmae'; did you mean 'name'?"),
    "enqueued beside a score that is none": (
        '[[enqueue]]\nname = "a"\nreported = { test_accuracy = 571 }',
        "enqueued 'a': [enqueue.reported] test_accuracy = 571: input should be less than or equal to 100 (percent, "
        "0 to 100)",
    ),
    "enqueued beside an unknown score": (
        '[[enqueue]]\nname = "a"\nreported = { test_acuracy = 57 }',
        "unknown key in enqueued 'a' [enqueue.reported]: 'test_acuracy'; did you mean 'test_accuracy'?",
    ),
    "a protocol that is none": (
        '[protocol]\nname = "spaeker"', "unknown protocol 'spaeker'; did you mean 'speaker'?"),
    "enqueued twice": (
        '[[enqueue]]\nname = "a"\n[[enqueue]]\nname = "a"',
        "two enqueued configurations are named 'a'; names must differ",
    ),
    "enqueued without a name": (
        '[[enqueue]]\nname = ""', "[[enqueue]] number 1: name = '' must be a string that is not empty"),
    "enqueued with an unknown parameter": (
        '[[enqueue]]\nname = "a"\nparameters = { deph = 3 }',
        "unknown parameter of enqueued 'a': 'deph'; did you mean 'depth'?",
    ),
    "enqueued out of bounds": (
        '[[enqueue]]\nname = "a"\nparameters = { depth = 30 }',
        "enqueued 'a': depth = 30: input should be less than or equal to 6",
    ),
    "enqueued bad choice": (
        '[[enqueue]]\nname = "a"\nparameters = { optimizer = "adan" }',
        "enqueued 'a': optimizer = 'adan': input should be 'rmsprop', 'adam', 'adamw', 'nadam' or 'sgd'; did you "
        "mean 'adam'?",
    ),
    "enqueued of the wrong type": (
        '[[enqueue]]\nname = "a"\nparameters = { depth = "3" }',
        "enqueued 'a': depth = '3': input should be a valid integer",
    ),
    "enqueued combination that cannot be": (
        '[[enqueue]]\nname = "a"\nparameters = { waveform_copies = 1 }',
        "enqueued 'a': waveform_copies = 1 would repeat clips unchanged: set noise_snr_db,",
    ),
    "enqueued ratio": (
        '[[enqueue]]\nname = "a"\nparameters = { split_ratio = "85/5/10" }',
        "enqueued 'a': split_ratio = '85/5/10' does not contain the cores",
    ),
    "enqueued parameters that are no table": (
        '[[enqueue]]\nname = "a"\nparameters = 3', "enqueued 'a': 'parameters' must be a table; write [enqueue.param"),
    "finalist that is neither true nor false": (
        '[[enqueue]]\nname = "a"\nfinalist = "no"', "enqueued 'a': finalist = 'no' must be true or false"),
    "no TOML": ("[parameters\n", "is not valid TOML: Expected ']' at the end of a table declaration (at line 3"),
    "key twice": ("[parameters]\ndepth = 2\ndepth = 3", "is not valid TOML: Cannot overwrite a value (at "),
}  # fmt: skip

# The whole file, where the head itself is wrong.
HEADS = {
    "nothing": ("", '[space] must name a family, for example family = "cnn2d"'),
    "no family": ('[space]\ntitle = "x"', '[space] must name a family, for example family = "cnn2d"'),
    "unknown family": ('[space]\nfamily = "cnn1"', "unknown family 'cnn1'; did you mean 'cnn1d'?"),
    "family of the wrong type": ("[space]\nfamily = 1", "[space] family = 1 must be a string; put it in quotes"),
    "title of the wrong type": (HEAD + "title = 1", "[space] title = 1 must be a string; put it in quotes"),
    "name that is a path": (HEAD + 'name = "../x"', "the space's name '../x' must be letters, digits, '.', '_', '+'"),
    "unknown key": ('[space]\nfamly = "cnn1d"', "unknown key in [space]: 'famly'; did you mean 'family'?"),
    "space is no table": ("space = 3", "'space' must be a table; write [space]"),
    "parameters are no table": ("parameters = 3\n" + HEAD, "'parameters' must be a table; write [parameters]"),
    "enqueue is no list": ("enqueue = 3\n" + HEAD, "'enqueue' must be a list of tables; write [[enqueue]]"),
    "enqueue is a list of numbers": ("enqueue = [3]\n" + HEAD, "'enqueue' must be a list of tables; write [[enqueue]]"),
    "enqueue is a list of texts": ('enqueue = ["a"]\n' + HEAD, "'enqueue' must be a list of tables; write"),
}


def complaint(path: Path) -> str:
    """The one line that is told, without the list of all known names."""
    with pytest.raises(UsageError) as caught:
        load_space(path)
    line, _, known = str(caught.value).partition(" Known: ")
    assert "\n" not in line + known
    assert not re.search(r"\. [A-Z]", line), "more than one sentence"
    return line


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_one_sentence(kind: str, tmp_path: Path) -> None:
    below, sentence = MISTAKES[kind]
    path = tmp_path / "space.toml"
    path.write_text(HEAD + below, encoding="utf-8")
    assert complaint(path).startswith((f"{path}: {sentence}", f"{path} {sentence}"))


@pytest.mark.parametrize("kind", HEADS)
def test_a_wrong_head_is_one_sentence(kind: str, tmp_path: Path) -> None:
    text, sentence = HEADS[kind]
    path = tmp_path / "space.toml"
    path.write_text(text, encoding="utf-8")
    assert complaint(path).startswith(f"{path}: {sentence}")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", bytes(range(256)), b"\x00" * 64, b"a = " + b"[" * 50_000])
def test_garbage_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_bytes(content)
    assert complaint(path).startswith((f"{path} is not valid TOML: ", f"{path} is not UTF-8 text; "))


def test_a_file_with_a_name_of_its_own_needs_one_in_its_head(tmp_path: Path) -> None:
    path = tmp_path / "my space.toml"
    path.write_text(HEAD, encoding="utf-8")
    assert "'my space' must be letters" in complaint(path)
    path.write_text(HEAD + 'name = "mine"', encoding="utf-8")
    assert load_space(path).name == "mine"


@pytest.mark.parametrize("name", ["cnn1d", "space.toml", "x"])
def test_a_folder_is_no_space_whatever_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    assert complaint(tmp_path / name) == f"space '{tmp_path / name}' is a folder; name a .toml file in it"


@pytest.mark.parametrize("name", ["absent.toml", "absent", "cnn1d", "cnn1d.toml"])
def test_a_path_to_nothing_is_never_taken_for_a_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert complaint(path).startswith(
        f"space file {path} does not exist; correct the path, or name one of: cnn1d, cnn2d"
    )


@pytest.mark.parametrize(("name", "meant"), [("cnn3d", "cnn2d"), ("dmo_cnn1d", "demo_cnn1d"), ("CNN2", "cnn2d")])
def test_an_unknown_name_is_answered_with_the_nearest(name: str, meant: str) -> None:
    assert complaint(Path(name)) == f"unknown space '{name}'; did you mean '{meant}'?"


@pytest.mark.parametrize("name", ["cnn1d.v2", "cnn1d.json", "cnn1d.toml.toml"])
def test_only_toml_is_taken_off_a_name(name: str) -> None:
    assert complaint(Path(name)).startswith(f"unknown space '{name}'")
