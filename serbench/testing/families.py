"""`check_family`: checks a model family against its contract, `serbench.families.Family`."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from serbench.errors import SerbenchError, first_line
from serbench.families import (
    Hyperparameters,
    InvalidConfiguration,
    MinimalFamily,
    build_model,
    build_optimizer,
    custom_objects,
    family_names,
    multiply_accumulates,
    parameter_count,
)
from serbench.features import FeatureSpec, front_end_names
from serbench.spaces import find_space, load_space
from serbench.training import FitSettings, choose_backend, import_keras

if TYPE_CHECKING:
    import keras

__all__ = ["check_family"]

_CLASSES = 3
_CLASSIFIER = "probabilities"
_CLIPS = 24
_STEPS = 30
_BACKENDS = ("keras", "tensorflow", "jax", "torch")


def check_family(family: Any, *, input_shape: tuple[int, ...] | None = None, configurations: int = 4) -> None:
    """Checks a model family against its contract. Call it in a test of your package; it takes half a minute.

    Args:
        family: the family object. It does not have to be registered as an entry point.
        input_shape: shape of one clip's features; None for the shape of `family.default_features()`. If it is given,
            the front end need not be installed.
        configurations: number of random configurations to build besides the default one.

    Raises:
        AssertionError: the family breaks the contract. The message says what was expected and what was found.
    """
    _check_declaration(family)
    _check_hyperparameters(family)
    shape = _input_shape(family, input_shape)
    _check_light_import(family)
    _check_default_space(family)
    if "keras" not in sys.modules:
        import_keras(choose_backend())
    case = _Case(family, shape)
    for check in _OF_MODELS:
        check(case)
    _check_configurations(case, configurations)


@dataclass(frozen=True)
class _Case:
    """A family and the shape of one clip's features."""

    family: Any
    shape: tuple[int, ...]

    def hyperparameters(self, **values: Any) -> Hyperparameters:
        made: Hyperparameters = self.family.hyperparameters(**values)
        return made

    def clips(self, count: int = 4) -> npt.NDArray[np.float32]:
        return np.random.default_rng(0).standard_normal((count, *self.shape)).astype(np.float32)

    def model(
        self,
        hp: Hyperparameters | None = None,
        *,
        mean: npt.ArrayLike = 0.0,
        std: npt.ArrayLike = 1.0,
        seed: int = 0,
        classes: int = _CLASSES,
    ) -> keras.Model:
        size = self.shape[self.family.feature_axis]
        chosen = self.hyperparameters() if hp is None else hp
        means, stds = (np.broadcast_to(np.asarray(one, dtype=np.float64), size) for one in (mean, std))
        return build_model(self.family, chosen, self.shape, classes, means, stds, seed)

    def expect(self, holds: bool, expected: str, found: object) -> None:
        _expect(holds, self.family, expected, found)


def _expect(holds: bool, family: object, expected: str, found: object) -> None:
    if not holds:
        name = getattr(family, "name", type(family).__name__)
        raise AssertionError(f"family '{name}': expected {expected}, found {found}")


def _check_declaration(family: Any) -> None:
    _expect(not isinstance(family, type), family, "an object", "a class")
    members = [name for name in vars(MinimalFamily) if not name.startswith("_")]
    missing = [name for name in members if not hasattr(family, name)]
    _expect(not missing, family, "all members of serbench.families.Family", f"no {', '.join(missing)}")
    _expect(isinstance(family.name, str) and re.fullmatch("[a-z0-9_]+", family.name) is not None, family,
            "a name of lower-case letters, digits and '_'", repr(family.name))  # fmt: skip
    for member in ("title", "description"):
        text = getattr(family, member)
        _expect(isinstance(text, str) and bool(text.strip()), family, f"a {member}", repr(text))
    model = family.hyperparameters
    _expect(isinstance(model, type) and issubclass(model, Hyperparameters), family,
            "hyperparameters to be a subclass of serbench.families.Hyperparameters", repr(model))  # fmt: skip


def _check_hyperparameters(family: Any) -> None:
    fields = family.hyperparameters.model_fields
    required = [name for name, field in fields.items() if field.is_required()]
    _expect(not required, family, "a default for every hyperparameter", f"none for {', '.join(required)}")
    silent = [name for name, field in fields.items() if not field.description]
    _expect(not silent, family, "a description of every hyperparameter", f"none of {', '.join(silent)}")
    try:
        defaults = family.hyperparameters()
    except ValueError as error:
        raise AssertionError(f"family '{family.name}': expected valid defaults, found {error}") from error
    again = family.hyperparameters.model_validate_json(defaults.model_dump_json())
    _expect(again == defaults, family, "hyperparameters to survive JSON, as records hold them", repr(again))
    _check_conditions(family, defaults)


def _check_conditions(family: Any, defaults: Hyperparameters) -> None:
    """A condition that cannot be read would end a search after its trials, when finalists are chosen."""
    fields = family.hyperparameters.model_fields
    for name, condition in family.hyperparameters.conditions().items():
        what = f"'only_when' of {name}"
        _expect(isinstance(condition, dict), family, f"{what} to be a table", repr(condition))
        odd = sorted(condition.keys() - fields.keys())
        _expect(not odd, family, f"{what} to name hyperparameters", ", ".join(odd))
        for other, values in condition.items():
            listed = isinstance(values, list | tuple) and bool(values)
            _expect(listed, family, f"{what} to give a list of values of {other}, such as "
                    f"{{'{other}': [{getattr(defaults, other)!r}]}}", repr(values))  # fmt: skip
            strange = [value for value in values if not _can_be(fields[other], value)]
            _expect(not strange, family, f"{what} to give values that {other} can have", ", ".join(map(repr, strange)))
    try:
        idle = set(defaults.idle_fields())
    except Exception as error:
        raise AssertionError(
            f"family '{family.name}': expected idle_fields to return names of hyperparameters, found "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    unknown = ", ".join(sorted(map(str, idle - fields.keys())))
    _expect(not unknown, family, "idle_fields to return names of hyperparameters", unknown)


def _can_be(field: FieldInfo, value: object) -> bool:
    """Whether a field can have a value that equals this one."""
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        return bool(TypeAdapter(kind).validate_python(value) == value)
    except ValidationError:
        return False


def _input_shape(family: Any, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Returns the shape of one clip's features, after a check of the front end that the family names."""
    if given is not None and family.feature_kind not in front_end_names():
        return given
    shape = _check_features(family)
    return shape if given is None else given


def _check_features(family: Any) -> tuple[int, ...]:
    values = family.default_features()
    try:
        spec = FeatureSpec(**values)
    except (SerbenchError, ValueError, TypeError) as error:
        raise AssertionError(
            f"family '{family.name}': expected default_features to be the settings of an installed front end, found "
            f"{error}"
        ) from error
    _expect(spec.kind == family.feature_kind, family, f"default_features of kind '{family.feature_kind}'", spec.kind)
    axis = spec.front_end.feature_axis
    _expect(family.feature_axis == axis, family, f"feature_axis {axis}, as its front end says", family.feature_axis)
    return spec.shape


def _check_light_import(family: Any) -> None:
    """The main process of a search imports families and must not load a backend."""
    module = type(family).__module__
    if module == "__main__":
        return
    code = f"import sys, {module}; print(*[name for name in {_BACKENDS} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )  # fmt: skip
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    _expect(done.returncode == 0, family, f"its module {module} to be importable in a fresh process", reason)
    _expect(not done.stdout.strip(), family, f"importing {module} to import no Keras (import it in functions)",
            f"that it imports {done.stdout.strip()}")  # fmt: skip


def _check_default_space(family: Any) -> None:
    name = getattr(family, "default_space", str)()
    _expect(isinstance(name, str), family, "default_space to return a text", repr(name))
    if not name:
        return
    try:
        if family.name in family_names():
            found = load_space(name).family.name
        else:
            found = tomllib.loads(find_space(name).read_text(encoding="utf-8"))["space"]["family"]
    except (SerbenchError, KeyError, ValueError) as error:
        raise AssertionError(f"family '{family.name}': expected a default space that loads, found {error}") from error
    _expect(found == family.name, family, f"the default space to be one of family '{family.name}'", found)


def _rows(model: keras.Model, clips: npt.NDArray[np.float32], *, training: bool = False) -> npt.NDArray[np.float32]:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(model(clips, training=training)))


def _check_output(case: _Case, model: keras.Model, what: str) -> None:
    clips = case.clips()
    case.expect(tuple(model.input_shape) == (None, *case.shape), f"input of shape {(None, *case.shape)} {what}",
                model.input_shape)  # fmt: skip
    for training in (False, True):
        rows = _rows(model, clips, training=training)
        case.expect(rows.dtype == np.float32, f"float32 probabilities {what}", rows.dtype)
        case.expect(rows.shape == (len(clips), _CLASSES), f"{_CLASSES} probabilities for each clip {what}", rows.shape)
        good = bool(np.isfinite(rows).all() and rows.min() >= 0 and np.allclose(rows.sum(axis=1), 1, atol=1e-4))
        case.expect(good, f"probabilities that sum to one (a softmax) {what}", rows[0].tolist())


def _check_defaults(case: _Case) -> None:
    model = _built(case, case.hyperparameters(), "its defaults")
    if model is None:
        raise AssertionError(
            f"family '{case.family.name}': expected the default hyperparameters to make a model of {case.shape}, found "
            "an InvalidConfiguration; give another input_shape or other defaults"
        )
    _check_output(case, model, "with default hyperparameters")
    names = [layer.name for layer in model.layers]
    case.expect(_CLASSIFIER in names, f"its last layer to be called '{_CLASSIFIER}', so that a network of other "
                "classes can be started from", ", ".join(names[-3:]))  # fmt: skip
    both = case.model(classes=2)
    case.expect(tuple(both.output_shape) == (None, 2), "two probabilities for each clip where there are two classes",
                both.output_shape)  # fmt: skip
    most, count = FitSettings().max_parameters, parameter_count(model)
    case.expect(count <= most, f"a default model of at most {most:,} parameters, what a search allows", f"{count:,}")
    _check_counting(case, model, "with default hyperparameters")


def _check_counting(case: _Case, model: keras.Model, what: str) -> None:
    """A search would go on without the count, and nobody would know why it is missing."""
    try:
        multiply_accumulates(model)
    except Exception as error:
        raise AssertionError(
            f"family '{case.family.name}': expected the multiply-accumulates of the model {what} to be counted (a "
            "layer's `multiply_accumulates(input_shape)` gets the shape without the batch axis), found "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error


def _check_refusals(case: _Case) -> None:
    size = case.shape[case.family.feature_axis]
    hp = case.hyperparameters()
    arguments: dict[str, tuple[Any, type[Exception], Any]] = {
        "a mean of the wrong length": (hp, ValueError, np.zeros(size + 1)),
        "a mean that is not finite": (hp, ValueError, np.full(size, np.nan)),
    }
    if case.family.hyperparameters is not Hyperparameters:
        arguments["another family's hyperparameters"] = (Hyperparameters(), TypeError, np.zeros(size))
    for what, (values, refusal, mean) in arguments.items():
        found = "that a model was built"
        try:
            case.family.build(values, case.shape, _CLASSES, mean, np.ones(size), 0)
        except refusal:
            continue
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        case.expect(False, f"a {refusal.__name__} for {what}", found)


def _check_normalisation(case: _Case) -> None:
    clips, axis = case.clips(), case.family.feature_axis
    plain = _rows(case.model(), clips)
    rng, size = np.random.default_rng(1), case.shape[axis]
    mean, std = rng.uniform(-5, 5, size), rng.uniform(0.5, 3, size)  # each feature has its own
    along = [1] * len(case.shape)
    along[axis] = size
    moved = _rows(case.model(mean=mean, std=std), (clips * std.reshape(along) + mean.reshape(along)).astype(np.float32))
    difference = float(np.abs(plain - moved).max())
    case.expect(difference < 1e-3, "the model to normalise its input by `mean` and `std` (clips that were scaled and "
                "moved with them to give the same probabilities)", f"a difference of {difference:.2g}")  # fmt: skip
    constant = _rows(case.model(std=0.0), clips)
    case.expect(
        bool(np.isfinite(constant).all()), "finite probabilities where a feature was constant (std 0)", "others"
    )


def _check_seed(case: _Case) -> None:
    import keras

    models = []
    for everywhere, seed in ((1, 7), (2, 7), (1, 8)):
        keras.utils.set_random_seed(everywhere)
        models.append(case.model(seed=seed))
    one, same, other = ([np.asarray(part) for part in model.get_weights()] for model in models)
    alike = all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    case.expect(alike, "the same initial weights from the same seed (give every initialiser its own seed)", "others")
    noisy, repeated = (_rows(model, case.clips(), training=True) for model in models[:2])
    case.expect(np.allclose(noisy, repeated, atol=1e-6), "the same dropout and masks from the same seed (give every "
                "layer its own seed)", "others")  # fmt: skip
    differs = any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    case.expect(differs, "other initial weights from another seed", "the same")


def _check_saving(case: _Case) -> None:
    import keras

    own: dict[str, Any] = getattr(case.family, "custom_objects", dict)()
    for key, cls in own.items():
        named = keras.saving.get_registered_name(cls)
        case.expect(named == key, f"the key of {cls.__name__} in custom_objects to be its registered name", repr(key))
    model, clips = case.model(), case.clips()
    with tempfile.TemporaryDirectory(prefix="serbench-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        try:
            with _nothing_registered():
                loaded = keras.models.load_model(
                    path, custom_objects={**own, **custom_objects()}, compile=False, safe_mode=True
                )
        except Exception as error:
            reason = first_line(error)
            raise AssertionError(
                f"family '{case.family.name}': expected a saved model to load with its custom_objects alone, as in an "
                f"exported bundle, found {reason}"
            ) from error
    difference = float(np.abs(_rows(model, clips) - _rows(loaded, clips)).max())
    case.expect(difference < 1e-5, "the same probabilities from a model that was saved and loaded",
                f"a difference of {difference:.2g}")  # fmt: skip


@contextlib.contextmanager
def _nothing_registered() -> Iterator[None]:
    """Hides classes that decorators have registered in this process, since a fresh process does not have them."""
    import keras

    registered = keras.saving.get_custom_objects()
    kept = dict(registered)
    registered.clear()
    try:
        yield
    finally:
        registered.update(kept)


def _check_augmentation(case: _Case) -> None:
    clips = case.clips()
    hp = case.hyperparameters()
    if len(case.shape) == 2:
        hp = case.hyperparameters(time_shift=3.0, time_stretch=0.1)
    model = case.model(hp)
    quiet, again = (_rows(model, clips) for _ in range(2))
    case.expect(np.allclose(quiet, again, atol=1e-6), "augmentation and dropout to do nothing outside training",
                "other probabilities for the same clips")  # fmt: skip


def _check_bfloat16(case: _Case) -> None:
    _check_in_bfloat16(case, case.hyperparameters(), "the default model")


def _check_in_bfloat16(case: _Case, hp: Hyperparameters, which: str) -> None:
    """Searches train in bfloat16 where the hardware multiplies it, and the model may not mind."""
    from serbench.training import dtype_policy

    try:
        with dtype_policy("bfloat16"):
            model = case.model(hp)
        parts = [_rows(model, case.clips(), training=training).astype(np.float32) for training in (True, False)]
    except Exception as error:
        raise AssertionError(
            f"family '{case.family.name}': expected {which} to run under Keras' policy 'mixed_bfloat16', found "
            f"{type(error).__name__}: {first_line(error)}; give your own layers dtype='float32'"
        ) from error
    for rows in parts:
        good = bool(np.isfinite(rows).all() and np.allclose(rows.sum(axis=1), 1, atol=0.05))
        case.expect(good, f"probabilities of {which} that sum to one under Keras' policy 'mixed_bfloat16'",
                    rows[0].tolist())  # fmt: skip


def _check_learning(case: _Case) -> None:
    import keras

    keras.utils.set_random_seed(0)
    labels = np.arange(_CLIPS) % _CLASSES
    clips = case.clips(_CLIPS) * 0.3 + labels.reshape(-1, *[1] * len(case.shape)).astype(np.float32)
    hp = case.hyperparameters(learning_rate=0.003, optimizer="adam", schedule="constant")
    model = case.model(hp, mean=1.0)
    model.compile(build_optimizer(hp, _STEPS), keras.losses.SparseCategoricalCrossentropy(), jit_compile=False)
    losses = model.fit(clips, labels, batch_size=_CLIPS, epochs=_STEPS, verbose=0).history["loss"]
    last = float(np.mean(losses[-5:]))
    case.expect(last < 0.9 * losses[0], f"{_STEPS} steps to lower the loss of {_CLIPS} clips that are easily told "
                "apart", f"{losses[0]:.3f} at first and {last:.3f} at last")  # fmt: skip


def _check_small_input(case: _Case) -> None:
    """If pooling leaves nothing of a small input, the trial must be invalid, not crash."""
    _built(_Case(case.family, (1,) * len(case.shape)), case.hyperparameters(), "an input of one value")


_OF_MODELS: tuple[Callable[[_Case], None], ...] = (
    _check_defaults,
    _check_refusals,
    _check_seed,
    _check_normalisation,
    _check_saving,
    _check_augmentation,
    _check_bfloat16,
    _check_learning,
    _check_small_input,
)


def _built(case: _Case, hp: Hyperparameters, what: str) -> keras.Model | None:
    """Builds the model; returns None if the hyperparameters are refused by `InvalidConfiguration`."""
    try:
        return case.model(hp)
    except InvalidConfiguration:
        return None
    except Exception as error:
        raise AssertionError(
            f"family '{case.family.name}': expected a model or an InvalidConfiguration for {what}, found "
            f"{type(error).__name__}: {error}"
        ) from error


def _check_configurations(case: _Case, count: int) -> None:
    rng = np.random.default_rng(0)
    built = 0
    for _ in range(count):
        values = _random_values(case.family, rng)
        what = ", ".join(f"{name} = {value!r}" for name, value in values.items())
        hp = case.hyperparameters(**values)
        if (model := _built(case, hp, what)) is not None:
            _check_output(case, model, f"with {what}")
            _check_counting(case, model, f"with {what}")
            _check_in_bfloat16(case, hp, f"the model with {what}")
            built += 1
    case.expect(built > 0 or not count, "a model from one of the configurations drawn within its bounds",
                f"that all {count} are invalid")  # fmt: skip


def _random_values(family: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Draws values of the family's own hyperparameters within their bounds, low ones of wide ranges to stay fast."""
    values: dict[str, Any] = {}
    schema = family.hyperparameters.model_json_schema()["properties"]
    for name in family.hyperparameters.model_fields:
        if name in Hyperparameters.model_fields:
            continue
        value = _value(schema[name], rng)
        with contextlib.suppress(ValueError):  # constraints that are not in the schema, such as odd numbers only
            family.hyperparameters(**values, **{name: value})
            values[name] = value
    return values


def _value(field: dict[str, Any], rng: np.random.Generator) -> Any:
    if "enum" in field:
        return field["enum"][int(rng.integers(len(field["enum"])))]
    if field.get("type") == "boolean":
        return bool(rng.integers(2))
    low = field.get("minimum", field.get("exclusiveMinimum", 0))
    high = (
        min(field.get("maximum", low + 1), max(8 * low, 4)) if field.get("type") == "integer" else field.get("maximum")
    )
    if field.get("type") == "integer":
        return int(rng.integers(low, max(low, high) + 1))
    return float(rng.uniform(low, low + 1 if high is None else high))
