"""`check_front_end`: checks a front end against its contract, `serbench.features.FrontEnd`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal, get_args, get_origin

import numpy as np
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from serbench.errors import SerbenchError
from serbench.features import Array, FeatureSpec, FrontEnd, NumpyOps

__all__ = ["check_front_end"]

TOLERANCE: Final = 1e-4
"""Largest difference between features computed alone and in a batch, relative to the largest value of the batch."""

_SECONDS = (0.02, 0.05, 0.1, 0.25, 1.0)
_RATES = (8_000, 22_050, 44_100)
_THREADS = 4
_IN_GRAPH = 1e-3


def check_front_end(front_end: FrontEnd[Any], *settings: FeatureSpec) -> None:
    """Checks a front end against its contract. Call it in a test of your package; it takes seconds.

    Args:
        front_end: the front-end object. It does not have to be registered as an entry point.
        settings: more settings to check, besides the default ones.

    Raises:
        AssertionError: the front end breaks the contract. The message says what was expected and what was found.

    >>> from serbench.features import get_front_end
    >>> check_front_end(get_front_end("log_mel"))
    """
    _check_declaration(front_end)
    # As in feature extraction: several threads, each with a single thread for its matrix products.
    with threadpool_limits(1):
        for chosen in (front_end.settings(), *settings):
            _check_shape(front_end, chosen)
            for check in _OF_SETTINGS:
                check(front_end, chosen)
        _check_short_clips(front_end)
        _check_refusals(front_end)
        _check_odd_values(front_end)


def _expect(holds: bool, front_end: object, expected: str, found: object) -> None:
    if not holds:
        name = getattr(front_end, "name", type(front_end).__name__)
        raise AssertionError(f"front end '{name}': expected {expected}, found {found}")


def _check_declaration(front_end: FrontEnd[Any]) -> None:
    _expect(isinstance(front_end, FrontEnd), front_end, "an object of a subclass of FrontEnd", type(front_end).__name__)
    named = {name: getattr(front_end, name, None) for name in ("name", "title")}
    name, title = named["name"], named["title"]
    _expect(isinstance(name, str) and re.fullmatch("[a-z0-9_]+", name) is not None, front_end,
            "a name of lower-case letters, digits and '_'", repr(name))  # fmt: skip
    _expect(isinstance(title, str) and bool(title.strip()), front_end, "a title", repr(title))
    settings = getattr(front_end, "settings", None)
    _expect(isinstance(settings, type) and issubclass(settings, FeatureSpec) and settings is not FeatureSpec,
            front_end, "settings to be a subclass of FeatureSpec", repr(settings))  # fmt: skip
    required = [key for key, field in front_end.settings.model_fields.items() if field.is_required()]
    _expect(not required, front_end, "a default for every setting", f"none for {', '.join(required)}")
    default = front_end.settings.model_fields["kind"].default
    _expect(default == name, front_end, f"the default of its settings' kind to be '{name}'", repr(default))


def _check_shape(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    shape, feature, time = front_end.shape(settings), front_end.feature_axis, front_end.time_axis
    _expect(isinstance(shape, tuple) and len(shape) > 0 and all(type(size) is int and size > 0 for size in shape),
            front_end, f"shape to be a tuple of positive whole numbers with {settings}", repr(shape))  # fmt: skip
    axes = range(len(shape))
    _expect(feature in axes, front_end, f"feature_axis to be one of {[*axes]}, since the shape is {shape}", feature)
    _expect(time is None or (time in axes and time != feature), front_end,
            f"time_axis to be None or one of {[axis for axis in axes if axis != feature]}", time)  # fmt: skip
    names = front_end.feature_names(settings)
    _expect(isinstance(names, tuple) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names),
            front_end, "feature_names to be a tuple of different names", repr(names))  # fmt: skip
    _expect(len(names) == shape[feature], front_end,
            f"{shape[feature]} feature names, as many as the shape {shape} has places along axis {feature}",
            len(names))  # fmt: skip


def _check_features(front_end: FrontEnd[Any], settings: FeatureSpec, waveforms: Array, what: str) -> Array:
    """Extracts features, checks their shape, type and values, and returns them."""
    features: Any = front_end.extract(waveforms, settings)
    promised = (len(waveforms), *front_end.shape(settings))
    _expect(isinstance(features, np.ndarray) and features.dtype == np.float32, front_end, f"a float32 array of {what}",
            getattr(features, "dtype", type(features).__name__))  # fmt: skip
    _expect(features.shape == promised, front_end, f"features of shape {promised} of {what}", features.shape)
    bad = np.argwhere(~np.isfinite(features))
    _expect(not len(bad), front_end, f"finite features of {what}",
            f"{len(bad)} values that are not, the first at {bad[0].tolist() if len(bad) else None}")  # fmt: skip
    return np.asarray(features)


def _check_sounds(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    for what, waveform in _sounds(settings).items():
        _check_features(front_end, settings, waveform[None], what)


def _check_input_kept(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    waveforms = _batch(settings)
    before = waveforms.copy()
    front_end.extract(waveforms, settings)
    _expect(
        np.array_equal(before, waveforms), front_end, "extract to leave the waveforms as they are", "others after it"
    )


def _check_repeatable(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    waveforms = _batch(settings)
    first = _check_features(front_end, settings, waveforms, "several clips")
    again = front_end.extract(waveforms, settings)
    _expect(np.array_equal(first, again), front_end, "the same features of the same clips",
            f"a difference of {np.abs(first - again).max():g} the second time")  # fmt: skip
    with ThreadPoolExecutor(_THREADS) as pool:
        beside = list(pool.map(lambda _: front_end.extract(waveforms, settings), range(2 * _THREADS)))
    worst = max(float(np.abs(first - features).max()) for features in beside)
    _expect(worst <= TOLERANCE * _scale(first), front_end, "the same features in several threads at once",
            f"a difference of {worst:g}")  # fmt: skip


def _check_independence(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    waveforms = _batch(settings)
    together = front_end.extract(waveforms, settings)
    alone = np.concatenate([front_end.extract(waveform[None], settings) for waveform in waveforms])
    worst = float(np.abs(together - alone).max())
    _expect(worst <= TOLERANCE * _scale(alone), front_end, "a clip's features not to depend on the clips beside it",
            f"a difference of {worst:g} between a clip alone and in a batch")  # fmt: skip


def _check_record(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    record = json.loads(settings.model_dump_json())
    odd = [key for key, value in record.items() if isinstance(value, dict)]
    _expect(not odd, front_end, "every setting to be a number, a text, true or false, or a list of them",
            f"a table in {', '.join(odd)}")  # fmt: skip
    again = front_end.settings.model_validate(record)
    _expect(again == settings and hash(again) == hash(settings), front_end,
            "the same settings after they were written to a record and read again", repr(again))  # fmt: skip
    digests = front_end.digest(settings), front_end.digest(again)
    _expect(digests[0] == digests[1], front_end, "equal settings to have the same digest", " and ".join(digests))


def _check_digest(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    """A setting that changes the features must change the digest, or the cache would return wrong features."""
    waveforms, digest = _batch(settings), front_end.digest(settings)
    features = front_end.extract(waveforms, settings)
    for key in sorted(type(settings).model_fields.keys() - {"kind"}):
        other = next(_alternatives(settings, key), None)
        if other is None or front_end.digest(other) != digest:
            continue
        change = f"the digest to change where {key} is {getattr(other, key)!r} instead of {getattr(settings, key)!r}"
        _expect(key not in FeatureSpec.model_fields, front_end, change, f"{digest} in both cases")
        same = front_end.shape(other) == front_end.shape(settings) and np.array_equal(
            front_end.extract(waveforms, other), features
        )
        _expect(same, front_end, f"{change}, since the features do", f"{digest} in both cases")


def _check_graph(front_end: FrontEnd[Any], settings: FeatureSpec) -> None:
    """A front end that can be part of an exported graph gives the same features there."""
    if type(front_end).in_graph is FrontEnd.in_graph:
        return
    # In recordings nothing is quieter than their noise; in pure tones, rounding is.
    noise = np.random.default_rng(1).standard_normal((2, settings.n_samples)).astype(np.float32) * np.float32(0.1)
    features = front_end.extract(noise, settings)
    try:
        within = front_end.in_graph(NumpyOps(), noise, settings)
    except SerbenchError:  # it says which settings it refuses
        return
    _expect(within.shape == features.shape, front_end, f"in_graph to give the shape {features.shape}", within.shape)
    worst = float(np.abs(within - features).max())
    _expect(worst <= _IN_GRAPH * _scale(features), front_end, "in_graph to give the features of extract",
            f"a difference of {worst:g}")  # fmt: skip


_OF_SETTINGS: tuple[Callable[[FrontEnd[Any], FeatureSpec], None], ...] = (
    _check_sounds,
    _check_input_kept,
    _check_repeatable,
    _check_independence,
    _check_record,
    _check_digest,
    _check_graph,
)


def _check_short_clips(front_end: FrontEnd[Any]) -> None:
    """Every duration and sample rate that the settings accept must work."""
    chosen = [{"duration_s": seconds} for seconds in _SECONDS] + [{"sample_rate": rate} for rate in _RATES]
    for values in chosen:
        if (settings := _accepted(front_end, values)) is not None:
            _check_shape(front_end, settings)
            what = " and ".join(f"{key} = {value}" for key, value in values.items())
            _check_features(front_end, settings, _batch(settings), f"clips with {what}")


def _check_refusals(front_end: FrontEnd[Any]) -> None:
    bad: list[dict[str, Any]] = [{"no_such_setting": 1}, {"sample_rate": -1}, {"duration_s": 0}, {"crop": "end"}]
    bad += [{key: {"a": "table"}} for key in front_end.settings.model_fields]
    for values in bad:
        ((key, value),) = values.items()
        refused = _accepted(front_end, values) is None
        _expect(refused, front_end, f"{key} = {value!r} to be refused", "it accepted")


def _check_odd_values(front_end: FrontEnd[Any]) -> None:
    """Zero, negative numbers and NaN must be refused or give valid features."""
    for key in sorted(front_end.settings.model_fields.keys() - FeatureSpec.model_fields.keys()):
        default = front_end.settings.model_fields[key].default
        numbers = [] if isinstance(default, bool | str) else [0, -1]
        for value in [*numbers, *([float("nan")] if isinstance(default, float) else [])]:
            if (settings := _accepted(front_end, {key: value})) is None:
                continue
            try:
                _check_shape(front_end, settings)
                _check_features(front_end, settings, _batch(settings), f"clips with {key} = {value}")
            except Exception as error:
                raise AssertionError(
                    f"front end '{front_end.name}': expected {key} = {value} to be refused or to work, found that "
                    f"it is accepted and then fails: {error}"
                ) from error


def _accepted(front_end: FrontEnd[Any], values: dict[str, Any]) -> FeatureSpec | None:
    """Returns settings with these values; None if they are refused with one sentence per problem."""
    shown = ", ".join(f"{key} = {value!r}" for key, value in values.items())
    try:
        settings: FeatureSpec = front_end.settings(**values)
    except ValidationError as error:
        for item in error.errors():
            _expect(bool(item["msg"].strip()) and "\n" not in item["msg"].strip(), front_end,
                    f"{shown} to be refused in one sentence", repr(item["msg"]))  # fmt: skip
        return None
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise AssertionError(
            f"front end '{front_end.name}': expected {shown} to be accepted, or refused by a ValueError of a pydantic "
            f"validator, found {found}"
        ) from error
    return settings


def _alternatives(settings: FeatureSpec, key: str) -> Iterator[FeatureSpec]:
    """Yields the settings with other valid values of one field."""
    now, annotation = getattr(settings, key), type(settings).model_fields[key].annotation
    values: list[Any] = [not now] if isinstance(now, bool) else [now * 2, now * 0.5, now + 1, now - 1, now + 12] if (
        isinstance(now, int | float)
    ) else [60.0, 0.5, 1, 1_000] if now is None else []  # fmt: skip
    values += [value for value in get_args(annotation) if get_origin(annotation) is Literal]
    for value in values:
        whole = int(value) if type(now) is int else value
        try:
            other = type(settings).model_validate(settings.model_dump() | {key: whole})
        except ValidationError:
            continue
        if getattr(other, key) != now:
            yield other


def _scale(features: Array) -> float:
    return max(1.0, float(np.abs(features).max()))


def _batch(settings: FeatureSpec) -> Array:
    return np.stack(list(_sounds(settings).values()))


def _sounds(settings: FeatureSpec) -> dict[str, Array]:
    """Returns test clips by description."""
    rng = np.random.default_rng(0)
    n = settings.n_samples
    noise = rng.standard_normal(n)
    tone = np.sign(np.sin(2 * np.pi * 140 * np.arange(n) / settings.sample_rate)) * np.hanning(n)
    short = np.where(np.arange(n) < max(1, n // 200), noise, 0.0)
    sounds = {
        "a voice-like tone in noise": 0.2 * tone + 1e-3 * noise,
        "noise": 0.05 * noise,
        "a very short clip, padded with zeros": 0.3 * short,
        "a loud clip, above full scale": 4.0 * noise,
        "a very soft clip": 1e-6 * noise,
        "digital silence": np.zeros(n),
    }
    return {what: sound.astype(np.float32) for what, sound in sounds.items()}
