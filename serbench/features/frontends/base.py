"""`FeatureSpec`, the hashable settings of a front end, and `FrontEnd`, the interface of front ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from serbench.errors import SerbenchError
from serbench.plugins import PluginGroup
from serbench.records import UNKNOWN_KEYS, FrozenModel, digest_of

if TYPE_CHECKING:
    from serbench.features.frontends.graph import GraphOps

__all__ = ["FRONT_ENDS", "Array", "Crop", "FeatureSpec", "FrontEnd", "fields_of"]

Array = npt.NDArray[np.float32]
Crop = Literal["start", "centre"]


class FeatureSpec(FrozenModel):
    """Settings of one front end: how a clip becomes an array of fixed shape.

    Every front end has a subclass with its own fields. This class makes an instance of the right subclass:
    `FeatureSpec(kind="log_mel", n_mels=40)`. `FeatureSpec.model_validate` does the same for a table from a space file
    or a record.

    A field that is added after results were published has `json_schema_extra={"later": True}`. At its default it is no
    part of records and hashes.

    Attributes:
        kind: name of the front end.
        sample_rate: Hz. Files with another rate are resampled.
        duration_s: length in seconds to which every clip is cut or zero-padded.
        crop: part of a longer clip to keep; `centre` also pads a shorter clip on both sides.
    """

    kind: str
    sample_rate: int = Field(default=16_000, ge=4_000, le=96_000)
    duration_s: float = Field(default=3.0, gt=0, le=60, allow_inf_nan=False)
    crop: Crop = "start"

    def __new__(cls, *_: Any, **values: Any) -> Self:
        """Makes an instance of the subclass that belongs to `kind`."""
        kind = values.get("kind")
        chosen = fields_of(kind) if cls is FeatureSpec and isinstance(kind, str) else cls
        return cast("Self", super().__new__(chosen))

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, values: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Any:
        kind = values.get("kind") if isinstance(values, dict) else None
        if cls is FeatureSpec and isinstance(kind, str):
            extra = (info.context or {}).get(UNKNOWN_KEYS)
            return fields_of(kind).model_validate(values, extra=extra, context=info.context)
        return handler(values)

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out a setting that was added later and is at its default: records and hashes of before stay."""
        written: dict[str, Any] = handler(self)
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and extra.get("later") and getattr(self, name) == field.default:
                written.pop(name, None)
        return written

    @property
    def n_samples(self) -> int:
        """Number of samples of every clip after cutting or padding."""
        return round(self.duration_s * self.sample_rate)

    @property
    def front_end(self) -> FrontEnd[Any]:
        """The front end to which these settings belong."""
        return FRONT_ENDS.get(self.kind)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip's features."""
        return self.front_end.shape(self)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features along the feature axis."""
        return self.front_end.feature_names(self)

    def digest(self) -> str:
        """Returns the hash of all settings that the values depend on."""
        return self.front_end.digest(self)


S = TypeVar("S", bound=FeatureSpec)


class FrontEnd(ABC, Generic[S]):
    """One way to turn waveforms into features.

    A plug-in offers one stateless object of a subclass through the entry-point group `serbench.front_ends`. The entry
    point has the same name as the object. `serbench.testing.check_front_end` checks it. Importing its module should
    not import an audio library: import it in `extract`.

    Attributes:
        name: in files and records, `[a-z0-9_]+`. Space files and records hold it as `kind`.
        title: the name in tables, such as `log-mel spectrogram`.
        settings: the subclass of `FeatureSpec`. Its `kind` is `Literal[name]` with `name` as default.
        feature_axis: the axis of one clip's array along which the features differ. Each feature keeps its own mean and
            standard deviation when features are normalised.
        time_axis: the axis of one clip's array that runs over time; None if there is none.
        version: raise it when the same settings return other values than before, so that features cached by the former
            version are not used.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    settings: type[S]
    feature_axis: ClassVar[int]
    time_axis: ClassVar[int | None]
    version: ClassVar[int] = 1

    @abstractmethod
    def shape(self, settings: S) -> tuple[int, ...]:
        """Returns the shape of one clip's features."""

    @abstractmethod
    def feature_names(self, settings: S) -> tuple[str, ...]:
        """Returns distinct names, one for each position along `feature_axis`."""

    @abstractmethod
    def extract(self, waveforms: Array, settings: S) -> Array:
        """Computes the features of clips of equal length. Several threads call it at the same time.

        The features of a clip must not depend on the other clips.

        Args:
            waveforms: float32 (n, settings.n_samples) at settings.sample_rate. Do not write to it. Each waveform may
                be digital silence, or padded with zeros.
            settings: an instance of `self.settings`.

        Returns:
            float32 (n, *self.shape(settings)), finite.
        """

    def in_graph(self, ops: GraphOps, waveforms: Any, settings: S) -> Any:  # noqa: ARG002 - for subclasses
        """Computes the features within an exported graph, as `extract` does.

        Formats such as `onnx` need it. A front end without it is exported in the format `keras` only.

        Args:
            ops: the operations of the runtime.
            waveforms: tensor (batch, settings.n_samples) of that runtime.
            settings: an instance of `self.settings`.

        Returns:
            Tensor (batch, *self.shape(settings)).

        Raises:
            SerbenchError: these settings, or this front end, cannot be part of a graph.
        """
        raise SerbenchError(
            f"front end '{self.name}' cannot be part of an exported graph (it has no `in_graph`): export the format "
            "keras only"
        )

    def concerns(self, settings: S) -> tuple[str, ...]:  # noqa: ARG002 - for subclasses
        """Returns warnings about valid but unusual settings, one sentence each. Returns none unless overridden."""
        return ()

    def meaning(self, settings: S) -> dict[str, Any]:
        """Returns everything that the values depend on, as JSON: all settings unless overridden."""
        return settings.model_dump(mode="json", exclude={"duration_s"}) | {"n_samples": settings.n_samples}

    def digest(self, settings: S) -> str:
        """Returns the hash of everything that the values depend on. It is part of the feature cache's key."""
        version = {"version": self.version} if self.version > 1 else {}
        return digest_of(self.meaning(settings) | version)


FRONT_ENDS: PluginGroup[FrontEnd[Any]] = PluginGroup(
    "serbench.front_ends", "front end", "front ends", FrontEnd, hint="Install the package that offers it."
)


def fields_of(kind: str) -> type[FeatureSpec]:
    """Returns the settings class of a front end.

    Raises:
        UsageError: no front end of this name is installed.
        SerbenchError: the package that offers it cannot be loaded.
    """
    settings: type[FeatureSpec] = FRONT_ENDS.get(kind).settings
    return settings
