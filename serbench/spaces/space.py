"""`SearchSpace`: a search space, validated against the family's hyperparameters before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import optuna
from pydantic import Field, ValidationError

from serbench.errors import UsageError
from serbench.families import Family, Hyperparameters, InvalidConfiguration, parse_hyperparameters
from serbench.features import FeatureSpec
from serbench.protocols import Ratio
from serbench.records import Finals, FrozenModel, ReportedScores, digest_of
from serbench.spaces.dimensions import Dimension, Fixed
from serbench.training import FitSettings

__all__ = ["Budget", "ChosenOn", "Enqueued", "SearchSpace", "explain"]


class Budget(FrozenModel):
    """The `[budget]` table: the default budget of a search, which the command line overrides. Not part of the hash."""

    trials: int = Field(default=30, ge=1, description="trials that count, earlier runs included")
    probes: int = Field(default=0, ge=0, description="random configurations first trained on a quarter of the epochs")
    shortlist: int = Field(
        default=5, ge=0, description="best configurations compared by cross-validation; 0 lets the search decide"
    )
    finalists: int = Field(default=3, ge=0, description="configurations that are refitted and tested")
    repeats: int = Field(default=3, ge=1, description="refits of each finalist, on fresh seeds")
    finals: Finals | None = Field(
        default=None,
        description="what final runs train on: all clips that are not tested, or held-out, which leaves the validation "
        "clips out; by default all where there is a shortlist",
    )


class ChosenOn(FrozenModel):
    """The speakers on whom a configuration was chosen: by name, or the validation core of a protocol."""

    corpus: str = Field(min_length=1, description="name of the corpus")
    speakers: tuple[str, ...] = Field(default=(), description="without them and a protocol, all of the corpus")
    protocol: str | None = Field(default=None, description="the validation speakers of this protocol chose")
    test_core: Decimal = Decimal(20)
    validation_core: Decimal = Decimal(10)
    split_seed: int = 0

    def __str__(self) -> str:
        """Says who chose.

        >>> str(ChosenOn(corpus="crema-d", speakers=("1005", "1012")))
        '2 speakers of crema-d'
        >>> str(ChosenOn(corpus="emo-db", protocol="speaker"))
        "the validation speakers of emo-db under protocol 'speaker'"
        """
        if self.protocol is not None:
            return f"the validation speakers of {self.corpus} under protocol '{self.protocol}'"
        if not self.speakers:
            return f"all speakers of {self.corpus}"
        return f"{len(self.speakers)} speaker{'s' if len(self.speakers) > 1 else ''} of {self.corpus}"


@dataclass(frozen=True)
class Enqueued:
    """A known configuration that is tried first.

    A missing value is the space's fixed value, or else the family's default.

    Attributes:
        name: name in tables; unique in the space.
        config: complete hyperparameters.
        finalist: whether it is refitted and tested whatever its validation score.
        reported: scores published by others, shown next to the scores measured here.
        chosen_on: on whom it was chosen. Not part of the hash: the search is the same.
    """

    name: str
    config: dict[str, Any]
    finalist: bool = False
    reported: ReportedScores | None = None
    chosen_on: tuple[ChosenOn, ...] = ()


@dataclass(frozen=True)
class SearchSpace:
    """A validated space.

    Attributes:
        name: name of the file, or the one in the `[space]` table.
        protocol: name of the protocol if the command line names none; None for `speaker`.
        test_core: size of the test core in percent; part of the protocol.
        validation_core: size of the validation core in percent; part of the protocol.
        speaker_normalisation: whether features are normalised per speaker; part of the protocol.
        parameters: sorted so that conditions come before the parameters that depend on them.
        text: text of the file, kept in the study's record.
    """

    name: str
    title: str
    family: Family
    protocol: str | None
    test_core: Decimal
    validation_core: Decimal
    speaker_normalisation: bool
    features: FeatureSpec
    training: FitSettings
    parameters: dict[str, Dimension]
    enqueued: tuple[Enqueued, ...]
    budget: Budget
    text: str

    def describe(self) -> dict[str, Any]:
        """Returns everything that defines the search, for JSON. Comments and the order of the file do not matter."""
        test_core, validation_core = self.recorded_cores
        transductive = {"speaker_normalisation": True} if self.speaker_normalisation else {}
        return {
            "family": self.family.name,
            "protocol": {"test_core": test_core, "validation_core": validation_core, **transductive},
            "features": self.features.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "parameters": {name: dim.model_dump(mode="json") for name, dim in self.parameters.items()},
            "enqueue": {
                known.name: {"finalist": known.finalist, "parameters": self._as_hashed(known.config)}
                for known in self.enqueued
            },
        }

    def _as_hashed(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration without what was added later and is at its default, which is as before."""
        later = self.family.hyperparameters.later_fields()
        return {name: value for name, value in config.items() if name not in later or value != later[name]}

    def values_of(self, name: str) -> list[tuple[str, Any]]:
        """Returns values that a trial may have of a hyperparameter, each with where it comes from.

        Of a range these are its ends. Where it is not always drawn, the default is one of them.
        """
        dimension = self.parameters.get(name)
        found = [(f"[parameters] {name}", value) for value in (dimension.probes() if dimension else ())]
        if dimension is None or dimension.when:
            found.append((f"the default {name}", self.defaults()[name]))
        return [*found, *((f"enqueued '{known.name}': {name}", known.config[name]) for known in self.enqueued)]

    def ratios(self) -> list[str]:
        """Returns every split ratio that a trial of this space may draw."""
        return [str(value) for _, value in self.values_of("split_ratio")]

    def with_training(self, **changes: Any) -> SearchSpace:
        """Returns the space with other `[training]` settings. Its hash differs, so it is another space.

        Raises:
            UsageError: a value is out of range.
        """
        try:
            return replace(self, training=FitSettings.model_validate(self.training.model_dump() | changes))
        except ValidationError as error:
            first = error.errors()[0]
            what = ".".join(map(str, first["loc"]))
            raise UsageError(f"{what} = {first['input']} is out of range: {first['msg'].lower()}") from None

    def with_split(self, text: str) -> SearchSpace:
        """Returns the space with one fixed split ratio, whose shares become the cores: another space and protocol.

        Raises:
            UsageError: the text is not a ratio.
        """
        ratio = Ratio.parse(text)
        try:
            parse_hyperparameters(self.family, {"split_ratio": text})
        except InvalidConfiguration:  # it has blanks or exponents
            text = str(ratio)
        return replace(
            self,
            test_core=ratio.test,
            validation_core=ratio.validation,
            parameters=self.parameters | {"split_ratio": Fixed(value=text)},
            enqueued=tuple(replace(known, config={**known.config, "split_ratio": text}) for known in self.enqueued),
        )

    @property
    def fixed_split(self) -> str | None:
        """The split ratio if it is fixed; None if it varies."""
        dimension = self.parameters.get("split_ratio")
        return str(dimension.value) if isinstance(dimension, Fixed) else None

    @property
    def recorded_cores(self) -> tuple[str, str]:
        """Sizes of the test core and the validation core as a study's record has them."""
        return f"{self.test_core:f}", f"{self.validation_core:f}"

    @property
    def hash(self) -> str:
        """Hash of the space. A study resumes only if the hash is equal."""
        return digest_of(self.describe())

    @property
    def searched(self) -> list[str]:
        """Names of the parameters that vary."""
        return [name for name, dim in self.parameters.items() if not isinstance(dim, Fixed)]

    def proposals(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the part of a known configuration that Optuna can learn from: searched, active, and in range."""
        return {
            name: config[name]
            for name in self.searched
            if self.parameters[name].active(config) and self.parameters[name].contains(config[name])
        }

    def distributions(self, names: Iterable[str]) -> dict[str, optuna.distributions.BaseDistribution]:
        """Returns the Optuna distributions of searched parameters."""
        dimensions = {name: self.parameters[name] for name in names}
        return {name: dim.distribution for name, dim in dimensions.items() if not isinstance(dim, Fixed)}

    @property
    def reads_votes(self) -> bool:
        """Whether a configuration, drawn or enqueued, may train on the listeners' votes."""
        return self.uses("soft_labels")

    def uses(self, share: str) -> bool:
        """Whether a configuration, drawn or enqueued, may have a value above 0 of a hyperparameter that is a share."""
        return any(value for _, value in self.values_of(share))

    def suggest(self, trial: optuna.trial.BaseTrial, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Draws a configuration from an Optuna trial.

        Args:
            trial: a trial that Optuna returned. If it was enqueued, Optuna suggests the enqueued values.
            known: a complete configuration that overrides the drawn values.

        Returns:
            Complete hyperparameters, not yet checked against each other.
        """
        config: dict[str, Any] = self.defaults() | dict(known or {})
        proposals = None if known is None else self.proposals(known)
        for name, dimension in self.parameters.items():
            if dimension.active(config) and (proposals is None or name in proposals):
                config[name] = dimension.suggest(trial, name)
        return config

    def defaults(self) -> dict[str, Any]:
        """Returns the family's default of every hyperparameter, which the space may not contain."""
        return defaults(self.family.hyperparameters)

    def misfit(self, config: Mapping[str, Any]) -> str | None:
        """Explains why a complete configuration could not have been drawn from this space; None if it could."""
        return next(iter(self.misfits(config).values()), None)

    def misfits(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Returns each hyperparameter because of which a configuration is not in this space, with the reason.

        Hyperparameters that the configuration does not use, such as the momentum of an optimiser without one, do not
        matter.
        """
        model = self.family.hyperparameters
        found = {name: f"family {self.family.name} has no {name}" for name in config.keys() - model.model_fields.keys()}
        if found:
            return dict(sorted(found.items()))
        idle = parse_hyperparameters(self.family, config).idle_fields()
        for name, default in defaults(model).items():
            dimension = self.parameters.get(name)
            if name in idle:
                continue
            if dimension is not None and dimension.active(config):
                if not dimension.contains(config[name]):
                    found[name] = f"{name} = {config[name]} is not in {dimension}"
            elif config[name] != default:
                found[name] = f"{name} = {config[name]}, where the space has {default}"
        return found

    def complete(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Checks a configuration against the family and fills in all values.

        Raises:
            InvalidConfiguration: its values contradict each other.
        """
        return parse_hyperparameters(self.family, config).model_dump(mode="json")


def defaults(model: type[Hyperparameters]) -> dict[str, Any]:
    """Returns the family's default of every hyperparameter."""
    return {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}


def explain(error: ValidationError) -> str:
    """Returns pydantic's first complaint in one line, beginning with the value that is wrong.

    >>> from pydantic import BaseModel
    >>> class Model(BaseModel):
    ...     depth: int
    >>> try:
    ...     Model(depth="x")
    ... except ValidationError as problem:
    ...     explain(problem)
    "depth = 'x': input should be a valid integer, unable to parse string as an integer"
    """
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where} = {first['input']!r}: {message}" if where else message
