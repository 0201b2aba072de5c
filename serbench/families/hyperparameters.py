"""Typed hyperparameters, each with a default, bounds and one line of description.

The `json_schema_extra` of a field may contain five facts. Documentation, checks of search spaces and the live view use
them:

- `only_when`: the values of another field for which this field is used at all, such as `{"optimizer": ["sgd"]}`
- `source`: who proposed it, with an address
- `later`: that it was added after results were published. At its default it is no part of a space's hash, so that
  studies of before go on
- `own_front_end`: that values other than the default read what only the family's own front end gives; a space over
  another one may not contain them
- `live`: how the live view shows it: `"value"` alone, or `"named"` (its name and its value)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from serbench.errors import SerbenchError
from serbench.records import FrozenModel

__all__ = [
    "NOISE_GRID_DB",
    "ROOM_GRID_S",
    "SHIFT_GRID_S",
    "SPEED_GRID",
    "ConvHyperparameters",
    "Hyperparameters",
    "recorded_setting",
]

# Small grids, since every distinct value adds a cached copy of the whole corpus.
NOISE_GRID_DB = (0.0, 10.0, 15.0, 20.0, 25.0, 30.0)
SHIFT_GRID_S = (0.0, 0.1, 0.2, 0.3)
SPEED_GRID = (0.0, 0.05, 0.1, 0.15)
PITCH_GRID = (0.0, 1.0, 2.0)
ROOM_GRID_S = (0.0, 0.3, 0.5, 0.8)
LEVEL_GRID_DB = (0.0, 6.0, 12.0, 20.0)

_RATIO = re.compile(r"\d+(\.\d+)?(/\d+(\.\d+)?){2}")


def _ratio(value: str) -> str:
    parts = [Decimal(part) for part in value.split("/")] if _RATIO.fullmatch(value) else []
    if sum(parts) != 100 or min(parts) <= 0:
        raise ValueError(
            "should be train/validation/test in percent, three positive numbers that sum to 100, such as '70/10/20'"
        )
    return value


def _on_grid(grid: tuple[float, ...]) -> AfterValidator:
    def check(value: float) -> float:
        if value not in grid:
            raise ValueError(f"should be one of {', '.join(f'{point:g}' for point in grid)}")
        return value

    return AfterValidator(check)


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("should be odd, so that a kernel has a middle")
    return value


def _only_when(**conditions: list[Any]) -> dict[str, Any]:
    return {"only_when": conditions}


def _source(text: str) -> dict[str, Any]:
    return {"source": text}


SplitRatio = Annotated[str, AfterValidator(_ratio)]
NoiseLevel = Annotated[float, _on_grid(NOISE_GRID_DB), WithJsonSchema({"type": "number", "enum": list(NOISE_GRID_DB)})]
Shift = Annotated[float, _on_grid(SHIFT_GRID_S), WithJsonSchema({"type": "number", "enum": list(SHIFT_GRID_S)})]
SpeedChange = Annotated[float, _on_grid(SPEED_GRID), WithJsonSchema({"type": "number", "enum": list(SPEED_GRID)})]
PitchChange = Annotated[float, _on_grid(PITCH_GRID), WithJsonSchema({"type": "number", "enum": list(PITCH_GRID)})]
LevelChange = Annotated[float, _on_grid(LEVEL_GRID_DB), WithJsonSchema({"type": "number", "enum": list(LEVEL_GRID_DB)})]
RoomTime = Annotated[float, _on_grid(ROOM_GRID_S), WithJsonSchema({"type": "number", "enum": list(ROOM_GRID_S)})]
KernelSize = Annotated[int, Field(ge=3, le=9), AfterValidator(_odd)]

_COPIED = _only_when(waveform_copies=[1, 2, 3])
_NOISY = _only_when(waveform_copies=[1, 2, 3], noise_snr_db=[level for level in NOISE_GRID_DB if level])
_COPIES = _COPIED | _source("the founding report")


def recorded_setting(config: Mapping[str, Any], name: str) -> Any:
    """Reads one hyperparameter that all families share from a recorded configuration.

    Args:
        config: the configuration, as an earlier version or a stranger may have written it.
        name: name of the field. Where the configuration lacks it, it has its default.

    Raises:
        SerbenchError: the value is none that the field can have.

    >>> recorded_setting({}, "prediction_crops"), recorded_setting({"training_length": 0.5}, "training_length")
    (1, 0.5)
    """
    field = Hyperparameters.model_fields[name]
    if name not in config:
        return field.default
    try:
        kind: Any = Annotated[field.annotation, *field.metadata]
        return TypeAdapter(kind).validate_python(config[name], strict=True)
    except ValidationError:
        raise SerbenchError(
            f"a recorded configuration has {name} = {config[name]!r}, which is no value of it; restore the record"
        ) from None


class Hyperparameters(FrozenModel):
    """The hyperparameters of training. A family adds its architecture in a subclass.

    The defaults follow a recipe that was measured on CREMA-D: AdamW, a cosine schedule with warm-up, label smoothing,
    mixup.

    Raises:
        pydantic.ValidationError: a value is out of bounds, a name is unknown, or values contradict each other.
            `serbench.families.base.parse_hyperparameters` reports the same in one sentence.
    """

    model_config = ConfigDict(allow_inf_nan=False, validate_default=True)

    split_ratio: SplitRatio = Field("70/10/20", description="Train/validation/test shares of clips in percent.")
    optimizer: Literal["rmsprop", "adam", "adamw", "nadam", "sgd"] = Field(
        "adamw", description="Optimiser of the weights.", json_schema_extra={"live": "value"}
    )
    learning_rate: float = Field(
        0.002,
        ge=1e-6,
        le=1.0,
        description="Highest learning rate of the schedule.",
        json_schema_extra={"live": "value"},
    )
    momentum: float = Field(
        0.0,
        ge=0.0,
        le=0.99,
        description="Momentum of the update.",
        json_schema_extra=_only_when(optimizer=["rmsprop", "sgd"]),
    )
    weight_decay: float = Field(
        0.01,
        ge=0.0,
        le=0.5,
        description="Decoupled decay of kernels (never of biases or batch norm).",
        json_schema_extra=_source("I. Loshchilov, F. Hutter, 2019, https://arxiv.org/abs/1711.05101")
        | _only_when(optimizer=["adamw"]),
    )
    batch_size: int = Field(64, ge=8, le=512, description="Clips in one training step.")
    training_length: float = Field(
        1.0,
        ge=0.1,
        le=1.0,
        description="Share of the study's epochs that a fit lasts and that its schedule spans. Strong augmentation may "
        "want more epochs than others need. Pruners compare fits epoch by epoch, so search it with --pruner none.",
        json_schema_extra={"later": True},
    )
    schedule: Literal["constant", "plateau", "cosine"] = Field(
        "cosine",
        description="Learning rate over time: constant, cut when validation stalls, or cosine to zero.",
        json_schema_extra=_source("cosine: I. Loshchilov, F. Hutter, 2017, https://arxiv.org/abs/1608.03983"),
    )
    warmup: float = Field(
        0.1,
        ge=0.0,
        le=0.5,
        description="Share of all steps during which the rate rises from zero.",
        json_schema_extra=_source("P. Goyal et al., 2017, https://arxiv.org/abs/1706.02677")
        | _only_when(schedule=["cosine"]),
    )
    plateau_patience: int = Field(
        3,
        ge=1,
        le=20,
        description="Epochs without improvement before the rate is cut.",
        json_schema_extra=_only_when(schedule=["plateau"]),
    )
    plateau_factor: float = Field(
        0.5,
        ge=0.05,
        le=0.95,
        description="Factor of the learning rate at a cut.",
        json_schema_extra=_only_when(schedule=["plateau"]),
    )
    escape: Literal["none", "kick"] = Field(
        "none",
        description="Way out of a local minimum: kick perturbs the weights once training stalls, but not near the end "
        "of a fit without validation clips.",
        json_schema_extra=_source('the founding report: "trial to get out of sticking in local minimum"'),
    )
    escape_patience: int = Field(
        4,
        ge=1,
        le=50,
        description="Epochs without a better training loss before a kick.",
        json_schema_extra=_only_when(escape=["kick"]),
    )
    escape_strength: float = Field(
        0.05,
        gt=0.0,
        le=1.0,
        description="Noise of a kick, relative to the spread of each weight tensor.",
        json_schema_extra=_only_when(escape=["kick"]),
    )
    class_weights: bool = Field(
        False,
        description="Weight clips to balance the classes.",
        json_schema_extra=_source("the founding report"),
    )
    label_smoothing: float = Field(
        0.1,
        ge=0.0,
        le=0.3,
        description="Share of each label that is spread over all classes.",
        json_schema_extra=_source("C. Szegedy et al., 2016, https://arxiv.org/abs/1512.00567"),
    )
    soft_labels: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Share of each training label given to the listeners' majority vote; needs votes.",
        json_schema_extra=_source(
            "what most listeners voted for: H. Cao et al., 2014, https://doi.org/10.1109/TAFFC.2014.2336244"
        ),
    )
    clip_norm: float = Field(
        0.0,
        ge=0.0,
        le=100.0,
        description="Largest norm of the whole gradient; 0 is off.",
        json_schema_extra=_source("R. Pascanu et al., 2013, https://arxiv.org/abs/1211.5063"),
    )
    mixup: float = Field(
        0.3,
        ge=0.0,
        le=2.0,
        description="Alpha of the beta distribution by which two clips are mixed; 0 is off.",
        json_schema_extra=_source("H. Zhang et al., 2018, https://arxiv.org/abs/1710.09412"),
    )
    weight_averaging: float = Field(
        0.0,
        ge=0.0,
        le=0.9999,
        description="Momentum of the weight average that is validated and kept; 0 is off.",
        json_schema_extra=_source("B. Polyak, A. Juditsky, 1992, https://doi.org/10.1137/0330046"),
    )
    time_shift: float = Field(
        0.0,
        ge=0.0,
        le=100.0,
        description="Largest time shift in frames, drawn per batch; 0 is off.",
        json_schema_extra=_source("the founding report's shifting, anew in each batch"),
    )
    time_stretch: float = Field(
        0.0,
        ge=0.0,
        le=0.5,
        description="Largest change of tempo, drawn per batch; 0.1 is 10 %, 0 is off.",
        json_schema_extra=_source(
            "speed perturbation: T. Ko et al., 2015, https://doi.org/10.21437/Interspeech.2015-711"
        ),
    )
    waveform_copies: int = Field(
        0, ge=0, le=3, description="Augmented copies of each training clip, added to the original."
    )
    noise_snr_db: NoiseLevel = Field(
        0.0,
        description="Signal-to-noise ratio in dB of a copy's noise; 0 is off.",
        json_schema_extra=_COPIES,
    )
    shift_s: Shift = Field(
        0.0, description="Largest time shift of a copy in seconds; 0 is off.", json_schema_extra=_COPIES
    )

    speed_perturbation: SpeedChange = Field(
        0.0,
        description="Each epoch hears a training clip slower, as it is, or faster by this share, drawn anew; 0 is off.",
        json_schema_extra=_source(
            "T. Ko et al., 2015, https://doi.org/10.21437/Interspeech.2015-711 (who add the copies instead)"
        )
        | {"later": True},
    )

    pitch_shift: PitchChange = Field(
        0.0,
        description="Each epoch hears a training clip lower, as it is, or higher by this many semitones, at its own "
        "duration, drawn anew; 0 is off.",
        json_schema_extra=_source(
            "J. Salamon, J. Bello, 2017, https://doi.org/10.1109/LSP.2017.2657381 (who add the copies instead)"
        )
        | {"later": True},
    )

    random_crops: int = Field(
        0,
        ge=0,
        le=4,
        description="Crops at random places of training clips longer than duration_s: each epoch hears one of them or "
        "the usual one, drawn anew; 0 is off.",
        json_schema_extra=_source("A. Krizhevsky et al., 2012, https://doi.org/10.1145/3065386") | {"later": True},
    )
    prediction_crops: int = Field(
        1,
        ge=1,
        le=9,
        description="Windows of a clip longer than duration_s that are answered and averaged, spread evenly over it; 1 "
        "answers the usual window.",
        json_schema_extra=_source("A. Krizhevsky et al., 2012, https://doi.org/10.1145/3065386") | {"later": True},
    )

    copy_paste: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Share of emotional training clips that are heard next to a neutral one of the same speaker, drawn "
        "per batch; 0 is off.",
        json_schema_extra=_source("R. Pappagari et al., 2021, https://arxiv.org/abs/2010.14602") | {"later": True},
    )

    noise_kind: Literal["white", "speech"] = Field(
        "white",
        description="Noise of a copy: white, or with the long-term spectrum of the clip, as a crowd has it.",
        json_schema_extra=_NOISY | _source("D. Byrne et al., 1994, https://doi.org/10.1121/1.410152") | {"later": True},
    )
    room_rt60_s: RoomTime = Field(
        0.0,
        description="Reverberation time of the simulated room that a copy is played in, in seconds; 0 is off.",
        json_schema_extra=_COPIED
        | _source("T. Ko et al., 2017, https://doi.org/10.1109/ICASSP.2017.7953152")
        | {"later": True},
    )
    level_db: LevelChange = Field(
        0.0,
        description="How far the level of a copy is moved at the most, in dB, louder or softer, drawn for each clip; "
        "0 is off.",
        json_schema_extra=_COPIED
        | _source("V. Peddinti et al., JHU ASpIRE system, ASRU 2015 (volume perturbation)")
        | {"later": True},
    )
    telephone: bool = Field(
        False,
        description="Whether a copy keeps only the telephone band, 300 to 3400 Hz.",
        json_schema_extra=_COPIED | _source("ITU-T Recommendation G.712 (the band)") | {"later": True},
    )

    @model_validator(mode="after")
    def _copies_differ(self) -> Self:
        changes = (self.noise_snr_db, self.shift_s, self.room_rt60_s, self.telephone, self.level_db)
        if self.waveform_copies and not any(changes):
            raise ValueError(
                f"waveform_copies = {self.waveform_copies} would repeat clips unchanged: set noise_snr_db, shift_s, "
                "room_rt60_s, telephone or level_db, or waveform_copies = 0"
            )
        return self

    @classmethod
    def conditions(cls) -> dict[str, dict[str, list[Any]]]:
        """Returns, for each field with a condition, the values of other fields for which it is used.

        >>> Hyperparameters.conditions()["momentum"]
        {'optimizer': ['rmsprop', 'sgd']}
        """
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return {
            name: extra["only_when"]  # type: ignore[misc]
            for name, extra in extras.items()
            if isinstance(extra, dict) and "only_when" in extra
        }

    @classmethod
    def later_fields(cls) -> dict[str, Any]:
        """Returns the fields that were added after results were published, with their defaults.

        >>> sorted(Hyperparameters.later_fields())[:4]
        ['copy_paste', 'level_db', 'noise_kind', 'pitch_shift']
        """
        return {name: cls.model_fields[name].default for name in cls._facts("later")}

    @classmethod
    def sources(cls) -> dict[str, str]:
        """Returns who proposed the method behind each field. A field that a subclass declares again keeps its source.

        >>> Hyperparameters.sources()["mixup"]
        'H. Zhang et al., 2018, https://arxiv.org/abs/1710.09412'
        """
        return cls._facts("source")

    @classmethod
    def live_fields(cls) -> dict[str, str]:
        """Returns the fields that the live view shows, each with how: `"value"` or `"named"`.

        If a family marks none of its own fields, all of them are shown, since they are what distinguishes its trials.

        >>> Hyperparameters.live_fields()
        {'optimizer': 'value', 'learning_rate': 'value'}
        """
        marked = cls._facts("live")
        own = [name for name in cls.model_fields if name not in Hyperparameters.model_fields]
        return marked | ({} if marked.keys() & own else dict.fromkeys(own, "named"))

    @classmethod
    def _facts(cls, key: str) -> dict[str, str]:
        """Returns one fact of each field that has it, from the nearest class that states it."""
        found: dict[str, str] = {}
        for name in cls.model_fields:
            for owner in cls.__mro__:
                field = getattr(owner, "model_fields", {}).get(name) if issubclass(owner, Hyperparameters) else None
                extra = field.json_schema_extra if field is not None else None
                if isinstance(extra, dict) and key in extra:
                    found[name] = str(extra[key])
                    break
        return found

    def idle_fields(self) -> frozenset[str]:
        """Returns the fields that this configuration does not use. Configurations that differ only there are equal.

        >>> "momentum" in Hyperparameters(optimizer="adam").idle_fields()
        True
        """
        return frozenset(
            name
            for name, condition in self.conditions().items()
            if any(getattr(self, other) not in values for other, values in condition.items())
        )


class ConvHyperparameters(Hyperparameters):
    """The architecture shared by both convolutional families: blocks, a head over time, a dense layer."""

    depth: int = Field(4, ge=1, le=6, description="Convolution blocks.", json_schema_extra={"live": "named"})
    width: int = Field(32, ge=8, le=256, description="Filters of the first block.", json_schema_extra={"live": "named"})
    growth: float = Field(
        1.7, ge=1.0, le=2.0, description="Growth of the filters from block to block (rounded to multiples of 8)."
    )
    kernel_size: KernelSize = Field(3, description="Length (1-D) or side (2-D) of the kernels; odd.")
    pooling: Literal["max", "average"] = Field("max", description="Kind of pooling in each block.")
    pool_size: int = Field(2, ge=1, le=4, description="Pooling factor of each block; 1 is none.")
    batch_norm: bool = Field(
        True,
        description="Batch normalisation between convolution and activation.",
        json_schema_extra=_source("S. Ioffe, C. Szegedy, 2015, https://arxiv.org/abs/1502.03167"),
    )
    activation: Literal["relu", "elu", "gelu", "swish", "leaky_relu"] = Field(
        "relu",
        description="Non-linearity of all hidden layers.",
        json_schema_extra=_source(
            "elu: D.-A. Clevert et al., https://arxiv.org/abs/1511.07289; gelu: D. Hendrycks, K. Gimpel, "
            "https://arxiv.org/abs/1606.08415; swish: P. Ramachandran et al., https://arxiv.org/abs/1710.05941"
        ),
    )
    block: Literal["plain", "residual", "separable", "dilated"] = Field(
        "plain",
        description="A block's convolutions: one; two, the second added to the first; depthwise then pointwise; or one "
        "whose gaps double from block to block.",
        json_schema_extra=_source(
            "residual: after K. He et al., 2016, https://arxiv.org/abs/1512.03385; separable: A. Howard et al., 2017, "
            "https://arxiv.org/abs/1704.04861; dilated: F. Yu, V. Koltun, 2016, https://arxiv.org/abs/1511.07122"
        ),
    )
    squeeze: int = Field(
        0,
        ge=0,
        le=32,
        description="Reduction of squeeze and excitation, which weights channels per clip; 0 is off.",
        json_schema_extra=_source("J. Hu et al., 2018, https://arxiv.org/abs/1709.01507"),
    )
    dropout: float = Field(
        0.0,
        ge=0.0,
        le=0.7,
        description="Dropout after each block.",
        json_schema_extra=_source("N. Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html"),
    )
    head: Literal["flatten", "average", "average_max", "average_deviation_max", "attention", "recurrent"] = Field(
        "average_max",
        description="How the frames of a clip are combined into one vector.",
        json_schema_extra=_source(
            "attention, and recurrent layers before it: S. Mirsamadi et al., 2017, "
            "https://doi.org/10.1109/ICASSP.2017.7952552; deviation: D. Snyder et al., 2017, "
            "https://doi.org/10.21437/Interspeech.2017-620"
        )
        | {"live": "value"},
    )
    dense_width: int = Field(96, ge=0, le=512, description="Units of the hidden dense layer; 0 is none.")
    dense_dropout: float = Field(
        0.2, ge=0.0, le=0.7, description="Dropout of the clip vector and after the hidden dense layer."
    )
    regulariser: Literal["none", "l1", "l2", "l1_l2"] = Field(
        "none",
        description="Penalty on the kernels of the convolutions and the hidden dense layer.",
        json_schema_extra={"live": "value"},
    )
    l1: float = Field(
        1e-5,
        ge=1e-8,
        le=0.1,
        description="Strength of the l1 penalty; search it on a log scale.",
        json_schema_extra=_only_when(regulariser=["l1", "l1_l2"]),
    )
    l2: float = Field(
        1e-4,
        ge=1e-8,
        le=0.1,
        description="Strength of the l2 penalty; search it on a log scale.",
        json_schema_extra=_only_when(regulariser=["l2", "l1_l2"]),
    )
